// g2face doctor: what this machine and this build can do.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>

#include "cli/common.hpp"
#include "g2face/fill.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "g2face/version.hpp"
#include "io/json_text.hpp"

namespace g2face::cli {

namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string cpu_features() {
  std::string features;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) features += " avx2";
  if (__builtin_cpu_supports("avx512f")) features += " avx512f";
  if (__builtin_cpu_supports("avx512bf16")) features += " avx512bf16";
#endif
  return features.empty() ? " none that matter" : features;
}

/// A convolution with a normalisation on this device against the reference loops.
double self_test() {
  Graph g;
  const Value x = g.input({DType::f32, {1, 16, 24, 24}}, "x");
  const Value w = g.constant(fill("doctor/w", {32, 16, 3, 3}));
  const Value y = sigmoid(instance_norm(conv2d(x, w, {.pad = {1, 1}})));
  Tensor results[2];
  for (int i = 0; i < 2; ++i) {
    Executor run(plan(g, {y}, {.device = i == 0 ? Device::reference() : Device::best()}));
    run.set(x, fill("doctor/x", x.shape()));
    run.run();
    results[i] = run.get(y).to(DType::f32);
  }
  return relative_error(results[1], results[0]);
}

int run(bool json) {
  const double free_gib = static_cast<double>(sysconf(_SC_AVPHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE)) /
                          (1024.0 * 1024.0 * 1024.0);
  const auto cores = static_cast<std::int64_t>(sysconf(_SC_NPROCESSORS_ONLN));
  const double error = self_test();
  const bool ok = error < 1e-5;
  if (json) {
    std::cout << io::JsonObject()
                     .set("version", version())
                     .set("revision", revision())
                     .set("cpu", cpu_model())
                     .set("features", cpu_features())
                     .set("cores", cores)
                     .set("free_gib", free_gib)
                     .set("cuda", false)
                     .set("self_test_error", error)
                     .set("self_test_passed", ok)
                     .str()
              << "\n";
  } else {
    std::cout << "g2face " << version() << " (" << revision() << ", " << compiler() << ")\n"
              << "cpu        " << cpu_model() << ", " << cores << " cores, features:" << cpu_features() << "\n"
              << "memory     " << free_gib << " GiB free"
              << (free_gib < 2 ? " (the 256 px model wants 2 GiB: close something)" : "") << "\n"
              << "cuda       not in this build\n"
              << "self-test  " << (ok ? "passed" : "FAILED") << ", relative error " << error << "\n";
  }
  check<DeviceError>(ok, "doctor: the self-test is off by ", error, ": report this with the lines above");
  return exit_code::ok;
}

}  // namespace

void add_doctor(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("doctor", "What this machine and this build can do");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "as JSON");
  command->callback([json, &code] { code = run(*json); });
}

}  // namespace g2face::cli
