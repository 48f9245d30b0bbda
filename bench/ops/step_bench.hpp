#pragma once
// Times the kernel of one op on random data, weights packed.
//
// On the CPU: set G2FACE_BENCH_THREADS to measure another number of threads than two; on a busy machine one thread and
// the column "CPU" are the figures to read.
//
// On a GPU (names that begin with "cuda/"; skipped where there is none): the time on the device, by events around a
// recording of several runs. They take turns on copies of the operands that are together larger than the second-level
// cache, so small kernels are timed with their operands in memory, as they find most of them in a network.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "backend.hpp"
#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/tensor.hpp"
#include "kernels/cuda/layouts.hpp"
#include "plan/block.hpp"

namespace g2face::bench {

inline int threads() {
  const char* text = std::getenv("G2FACE_BENCH_THREADS");
  return text == nullptr ? 2 : std::max(1, std::atoi(text));
}

/// 64-byte aligned floats between -1 and 1; they repeat after a million.
inline Tensor memory(std::size_t bytes) {
  static const std::vector<float> random = [] {
    std::vector<float> values(1 << 20);
    std::minstd_rand engine(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& v : values) v = uniform(engine);
    return values;
  }();
  Tensor t(Type{DType::f32, {static_cast<std::int64_t>(bytes / sizeof(float)) + 16}});
  const std::span<float> all = t.mutable_as<float>();
  for (std::size_t i = 0; i < all.size(); i += random.size()) {
    std::memcpy(&all[i], random.data(), std::min(random.size(), all.size() - i) * sizeof(float));
  }
  return t;
}

/// The same for an operand, in the dtype in which it is stored. The last few are kept: many benchmarks use the same.
inline Tensor values(const TensorDesc& desc) {
  constexpr std::size_t most_kept = 4;
  static std::map<std::pair<Layout, std::size_t>, Tensor> kept;
  const std::pair key{desc.layout, desc.bytes()};
  const auto it = kept.find(key);
  if (it != kept.end()) return it->second;
  if (kept.size() == most_kept) kept.clear();
  const Tensor wide = memory(is_narrow(desc.layout) ? 2 * desc.bytes() : desc.bytes());
  return kept[key] =
             is_narrow(desc.layout) ? wide.to(desc.layout == Layout::nhwc_bf16 ? DType::bf16 : DType::f16) : wide;
}

struct Call {
  const OpDef& op;
  Attrs attrs;
  std::vector<Type> in;
  std::vector<bool> known = {};
  Precision precision = Precision::fast;
  int choice = 0;    // CPU: of the layouts that the kernel offers
  Tensor last = {};  // values of the last input, if random ones do not do
  Device device = Device::cpu();
  Tensor first = {};   // as last
  int candidate = -1;  // CUDA: of those that a tuned plan tries; -1: what an untuned one takes
};

inline LayoutChoice layouts_of(const Call& call, const Types& out) {
  const LayoutChoice plain{std::vector(call.in.size(), Layout::nchw), std::vector(out.size(), Layout::nchw), 0};
  if (call.device.kind == Device::Kind::cpu) {
    if (call.op.cpu_layouts == nullptr) return plain;
    return call.op.cpu_layouts(call.attrs, call.in, out).at(static_cast<std::size_t>(call.choice));
  }
  if (call.op.cuda_layouts == nullptr) return plain;
  const std::vector<LayoutChoice> all = call.op.cuda_layouts(call.attrs, call.in, out, call.precision);
  const Layout wanted = cuda::feature_layout(call.precision);
  const auto fits = [&](const LayoutChoice& c) { return c.in[0] == wanted && c.out[0] == wanted; };
  const auto reads = [&](const LayoutChoice& c) { return c.in[0] == wanted; };  // and makes no features
  auto it = std::find_if(all.begin(), all.end(), fits);
  if (it == all.end()) it = std::find_if(all.begin(), all.end(), reads);
  if (it != all.end()) return *it;
  return all.empty() ? plain : all.front();
}

/// A step with one copy of its operands.
class Operands {
 public:
  Operands(Backend& backend, Stream& stream, const Step& step, std::span<const Tensor> in,
           std::span<const TensorDesc> in_descs, std::span<const TensorDesc> out_descs)
      : step_(step) {
    for (std::size_t i = 0; i < in.size(); ++i) in_.push_back(upload(backend, stream, in[i], in_descs[i].bytes()));
    for (const TensorDesc& d : out_descs) out_.push_back(keep(Block(backend, d.bytes())));
    for (const Packing& p : step.packings) {
      const auto i = static_cast<std::size_t>(p.input);
      Tensor packed = memory(p.bytes);
      p.pack(in[i].data(), packed.mutable_data());
      in_[i] = upload(backend, stream, packed, p.bytes);
    }
    if (step.workspace > 0) workspace_ = keep(Block(backend, step.workspace));
  }
  void run(Stream& stream) const { step_.run({in_, out_, workspace_}, stream); }

 private:
  std::byte* keep(Block block) {
    blocks_.push_back(std::move(block));
    return blocks_.back().data();
  }
  const void* upload(Backend& backend, Stream& stream, const Tensor& from, std::size_t bytes) {
    std::byte* to = keep(Block(backend, bytes));
    backend.copy_in(to, from.data(), bytes, stream);
    return to;
  }

  const Step& step_;
  std::vector<Block> blocks_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
  void* workspace_ = nullptr;
};

/// One measured iteration is `repeats` runs, replayed together.
inline void time_on_device(benchmark::State& state, Backend& backend, Stream& stream,
                           std::span<const Operands> operands) {
  constexpr std::size_t repeats = 12;
  const std::vector<std::function<void()>> runs{[&] {
    for (std::size_t i = 0; i < repeats; ++i) operands[i % operands.size()].run(stream);
  }};
  const std::vector<std::vector<int>> after(runs.size());
  const std::shared_ptr<void> recording = backend.record(stream, runs, after);
  const std::vector<std::function<void()>> work{[&] { backend.replay(recording.get(), stream); }};
  for (int i = 0; i < 3; ++i) backend.time(stream, work);
  for (auto _ : state) state.SetIterationTime(backend.time(stream, work)[0] / repeats);
}

/// Runs the kernel until the benchmark has seen enough; label: what the plan would print. Returns the bytes of all
/// operands.
inline double run(benchmark::State& state, const Call& call) {
  const bool on_host = call.device.kind == Device::Kind::cpu;
  if (!on_host && (Device::cuda_count() == 0 || call.op.cuda == nullptr)) {
    state.SkipWithError("no CUDA device, or a build without the CUDA kernel");
    return 0;
  }
  const Types out_types = call.op.infer(call.attrs, call.in);
  const LayoutChoice layouts = layouts_of(call, out_types);
  std::vector<TensorDesc> in, out;
  for (std::size_t i = 0; i < call.in.size(); ++i) in.push_back({call.in[i], layouts.in[i]});
  for (std::size_t i = 0; i < out_types.size(); ++i) out.push_back({out_types[i], layouts.out[i]});
  const auto known = std::make_unique<bool[]>(in.size());
  for (std::size_t i = 0; i < call.known.size(); ++i) known[i] = call.known[i];
  const Signature signature{in, out, {known.get(), in.size()}, call.precision, Determinism::run_to_run, threads()};
  std::optional<Step> step;
  if (call.candidate < 0) {
    step = (on_host ? call.op.cpu : call.op.cuda)(call.attrs, signature);
  } else if (std::vector<Step> all = call.op.cuda_others(call.attrs, signature);
             static_cast<std::size_t>(call.candidate) < all.size()) {
    step = std::move(all[static_cast<std::size_t>(call.candidate)]);
  }
  if (!step) {
    state.SkipWithError("the kernel declines this signature");
    return 0;
  }
  std::vector<Tensor> tensors;
  std::size_t bytes = 0;
  for (const TensorDesc& d : in) {
    tensors.push_back(values(d));
    bytes += d.bytes();
  }
  if (call.last) tensors.back() = call.last;
  if (call.first) tensors.front() = call.first;
  for (const TensorDesc& d : out) bytes += d.bytes();

  Backend& backend = backend_of(call.device);
  Stream stream = backend.open_stream();
  {
    constexpr std::size_t enough = std::size_t{256} << 20;
    const std::size_t copies = on_host ? 1 : std::clamp<std::size_t>(enough / bytes, 1, 12);
    std::vector<Operands> operands;
    for (std::size_t i = 0; i < copies; ++i) operands.emplace_back(backend, stream, *step, tensors, in, out);
    if (on_host) {
      for (auto _ : state) {
        operands[0].run(stream);
        benchmark::ClobberMemory();
      }
    } else {
      time_on_device(state, backend, stream, operands);
    }
  }
  backend.close_stream(stream);
  state.SetLabel(step->kernel);
  return static_cast<double>(bytes);
}

inline void set_rate(benchmark::State& state, const char* name, double per_run) {
  state.counters[name] = benchmark::Counter(per_run * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

template <class F>
void add(const std::string& name, const F& f) {
  benchmark::RegisterBenchmark(name.c_str(), f)->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();
}

template <class F>
void add_cuda(const std::string& name, const F& f, const char* group = "cuda/") {
  benchmark::RegisterBenchmark((group + name).c_str(), f)
      ->Unit(benchmark::kMicrosecond)
      ->Iterations(30)
      ->UseManualTime();
}

}  // namespace g2face::bench
