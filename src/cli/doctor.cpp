// g2face doctor: what this machine and this build can do, and what is missing.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "backend.hpp"
#include "cli/common.hpp"
#include "g2face/fill.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/ops.hpp"
#include "g2face/version.hpp"
#include "io/json_text.hpp"
#include "io/library_versions.hpp"

namespace g2face::cli {

namespace {

constexpr double wanted_gib = 2;  // for the 256 px model, with room for the pictures

struct Cpu {
  std::string model = "unknown", features;
  bool has_avx2 = false;
};

Cpu cpu() {
  Cpu result;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name") && line.find(':') + 2 < line.size()) {
      result.model = line.substr(line.find(':') + 2);
      break;
    }
  }
  const auto note = [&](bool has, const char* name) {
    if (has) result.features += str(result.features.empty() ? "" : " ", name);
    return has;
  };
#if defined(__x86_64__)
  __builtin_cpu_init();
  result.has_avx2 = note(__builtin_cpu_supports("avx2"), "avx2");
  note(__builtin_cpu_supports("fma"), "fma");
  note(__builtin_cpu_supports("avx512f"), "avx512f");
  note(__builtin_cpu_supports("avx512bf16"), "avx512bf16");
#endif
  note(result.features.empty(), "none that matter");
  return result;
}

/// The number at the start of a file, or after `key` in it.
std::optional<double> number_in(const char* path, const std::string& key = "") {
  std::ifstream file(path);
  for (std::string word; !key.empty() && file >> word && word != key;) {
  }
  double value = 0;
  return file >> value ? std::optional(value) : std::nullopt;
}

/// What a new process could have, also where a container has less than the machine.
double available_gib() {
  constexpr double kib = 1024, gib = kib * kib * kib;
  double bytes = number_in("/proc/meminfo", "MemAvailable:").value_or(0) * kib;
  const auto limit = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
  if (limit && used) bytes = std::min(bytes, *limit - *used);
  return bytes / gib;
}

Tensor run_once(const Graph& graph, Value output, Value input, const Device& device) {
  Executor run(plan(graph, {output}, {.device = device}));
  run.set(input, fill("doctor/input", input.shape()));
  run.run();
  return run.get(output).to(DType::f32);
}

/// The kinds of arithmetic that carry the networks, on this device against the obvious loops: the largest error.
double error_of_ops() {
  const auto error = [](auto&& build) {
    Graph g;
    const Value x = g.input({DType::f32, {1, 16, 36, 36}}, "x");
    const Value y = build(g, x);
    return relative_error(run_once(g, y, x, Device::best()), run_once(g, y, x, Device::reference()));
  };
  const double plain = error([](Graph& g, Value x) {
    const Value w = g.constant(fill("doctor/3x3", {32, 16, 3, 3}));
    return sigmoid(instance_norm(conv2d(x, w, {.pad = {1, 1}})));
  });
  const double halved = error([](Graph& g, Value x) {
    const Value w = g.constant(fill("doctor/4x4", {32, 16, 4, 4}));
    return leaky_relu(conv2d(x, w, {.stride = {2, 2}, .pad = {1, 1}}), 0.2);
  });
  const double product = error([](Graph& g, Value x) {
    return matmul(reshape(x, {16, 1296}), g.constant(fill("doctor/matrix", {1296, 40})));
  });
  return std::max({plain, halved, product});
}

/// A small untrained model, twice: whether it gives the same finite picture.
bool network_repeats() {
  const ModelConfig small = ModelConfig::preset("g2face-slim-64");
  Parameters parameters = new_parameters(inference_networks(), small, Fill::reference);
  small.store(parameters);
  Anonymizer anonymizer(std::move(parameters));
  const Tensor face = fill("doctor/face", {1, 3, small.resolution, small.resolution}, 0.9);
  const Tensor first = anonymizer.anonymize(face, {.seed = 1}).image;
  // relative_error is not finite if an element is not.
  return relative_error(first, Tensor::zeros(first.type())) < 1e3 &&
         relative_error(anonymizer.anonymize(face, {.seed = 1}).image, first) == 0;
}

/// Billions of multiply-adds a second that a large convolution reaches here, the best of what fits into a second.
double speed() {
  Graph g;
  const Value x = g.input({DType::f32, {1, 256, 64, 64}}, "x");
  const Value w = g.constant(fill("doctor/wide", {256, 256, 3, 3}));
  Executor run(plan(g, {conv2d(x, w, {.pad = {1, 1}})}, {.device = Device::best()}));
  run.set(x, fill("doctor/input", x.shape()));
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  double best = 1e30;
  for (const auto start = Clock::now(); seconds_since(start) < 1;) {
    const auto begin = Clock::now();
    run.run();
    best = std::min(best, seconds_since(begin));
  }
  return 64.0 * 64 * 256 * 256 * 9 / best / 1e9;
}

/// What stands behind G2FACE_MODEL: its architecture, or in `problem` why it cannot be used.
std::string default_model(std::string& problem) {
  try {
    const std::string file = model_path("").string();
    return str(file, ", ", ModelConfig::of(Parameters::load(file)).name);
  } catch (const Error& e) {
    problem = e.what();
    return "none";
  }
}

/// "runtime 12.4, driver 12.8, kernels for sm_90; cuda:0 NVIDIA H100 80GB HBM3, sm_90, 79.2 GiB"
std::string described(const CudaReport& cuda) {
  if (!cuda.in_build) return "none in this build";
  std::ostringstream text;
  text << std::setprecision(3) << "runtime " << cuda.runtime << ", driver " << cuda.driver << ", kernels for "
       << cuda.architectures;
  for (std::size_t i = 0; i < cuda.gpus.size(); ++i) {
    const CudaReport::Gpu& gpu = cuda.gpus[i];
    text << "; " << Device::cuda(static_cast<int>(i)) << " " << gpu.name << ", " << gpu.architecture << ", " << gpu.gib
         << " GiB";
  }
  return text.str();
}

std::vector<std::pair<std::string, std::string>> all_libraries() {
  auto all = io::library_versions();
  for (auto& library : cuda_libraries()) all.push_back(std::move(library));
  return all;
}

int run(bool json) {
  const auto start = std::chrono::steady_clock::now();
  const Cpu processor = cpu();
  const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  const double memory = available_gib(), error = error_of_ops();
  const bool ok = error < 1e-5 && network_repeats();
  const double gmacs = speed();
  const CudaReport cuda = cuda_report();
  const auto libraries_found = all_libraries();
  const bool has_driver = std::filesystem::exists("/proc/driver/nvidia/version");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;

  std::vector<std::string> missing;
  std::string model_problem;
  const std::string model = default_model(model_problem);
  if (!model_problem.empty()) missing.push_back(model_problem);
  if (!processor.has_avx2)
    missing.emplace_back("AVX2: kernels run their plain forms, many times slower; use another CPU");
  if (memory < wanted_gib)
    missing.push_back(str("memory: the 256 px model wants ", wanted_gib, " GiB: close something"));
  if (has_driver && !cuda.in_build)
    missing.emplace_back(
        "CUDA: there is an NVIDIA driver, but this build computes on the CPU alone: build with "
        "-DG2FACE_CUDA=ON");
  if (cuda.in_build && cuda.gpus.empty())
    missing.push_back(str("CUDA: no GPU can be used: install NVIDIA's driver for CUDA ", cuda.runtime, " or later"));

  for (const auto& [name, number] : libraries_found) {
    if (number != "none" || cuda.gpus.empty()) continue;
    missing.push_back(str(name,
                          ": is not found here: gradients of weights take plain loops without cuDNN, and tuned "
                          "plans have fewer kernels to choose from; install it, or say where it is in "
                          "LD_LIBRARY_PATH"));
  }

  std::string devices = "cpu, reference";
  std::vector<std::string> gpus;
  for (const CudaReport::Gpu& gpu : cuda.gpus) {
    devices += str(", ", Device::cuda(static_cast<int>(gpus.size())));
    gpus.push_back(gpu.name);
  }

  if (json) {
    io::JsonObject libraries;
    for (const auto& [name, number] : libraries_found) libraries.set(name, number);
    std::cout << io::JsonObject()
                     .set("version", version())
                     .set("revision", revision())
                     .set("libraries", libraries)
                     .set("device", Device::best().str())
                     .set("cpu", processor.model)
                     .set("features", processor.features)
                     .set("cores", cores)
                     .set("available_gib", memory)
                     .set("nvidia_driver", has_driver)
                     .set("cuda", cuda.in_build)
                     .set("cuda_runtime", cuda.runtime)
                     .set("cuda_driver", cuda.driver)
                     .set("gpus", gpus)
                     .set("model", model)
                     .set("self_test_error", error)
                     .set("self_test_passed", ok)
                     .set("giga_multiply_adds_per_second", gmacs)
                     .set("missing", missing)
                     .str()
              << "\n";
  } else {
    std::cout << std::setprecision(3) << "g2face     " << version() << " (" << revision() << ", " << compiler()
              << ")\nlibraries ";
    for (const auto& [name, number] : libraries_found) std::cout << " " << name << " " << number << ";";
    std::cout << "\ndevices    " << devices << "; chosen: " << Device::best() << "\ncpu        " << processor.model
              << ", " << cores << " cores, " << processor.features << "\nmemory     " << memory
              << " GiB available\ncuda       " << described(cuda) << "; NVIDIA driver: " << (has_driver ? "yes" : "no")
              << "\nmodel      " << model << "\nself-test  " << (ok ? "passed" : "FAILED") << ", relative error "
              << error << ", " << gmacs << " billion multiply-adds a second, took " << took.count() << " s\n";
    for (const std::string& line : missing) std::cout << "missing    " << line << "\n";
  }
  check<DeviceError>(ok, "doctor: the self-test failed, relative error ", error, ": report this with the lines above");
  return exit_code::ok;
}

}  // namespace

void add_doctor(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("doctor", "What this machine and this build can do, and what is missing");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "as JSON");
  add_log_options(*command);
  command->callback([json, &code] { code = run(*json); });
}

}  // namespace g2face::cli
