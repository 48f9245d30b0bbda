#pragma once
// Times the CPU kernel of one op on random data, weights packed. Set G2FACE_BENCH_THREADS to measure another number of
// threads than two; on a busy machine one thread and the column "CPU" are the figures to read.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/tensor.hpp"

namespace g2face::bench {

inline int threads() {
  const char* text = std::getenv("G2FACE_BENCH_THREADS");
  return text == nullptr ? 2 : std::max(1, std::atoi(text));
}

/// 64-byte aligned floats between -1 and 1.
inline Tensor memory(std::size_t bytes) {
  Tensor t(Type{DType::f32, {static_cast<std::int64_t>(bytes / sizeof(float)) + 16}});
  std::minstd_rand engine(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (float& v : t.mutable_as<float>()) v = uniform(engine);
  return t;
}

struct Call {
  const OpDef& op;
  Attrs attrs;
  std::vector<Type> in;
  std::vector<bool> known = {};
  Precision precision = Precision::fast;
  int choice = 0;    // of the layouts that the kernel offers
  Tensor last = {};  // values of the last input, if random ones do not do
};

/// Runs the kernel until the benchmark has seen enough; label: what the plan would print. Returns the bytes of all
/// operands.
inline double run(benchmark::State& state, const Call& call) {
  const Types out_types = call.op.infer(call.attrs, call.in);
  LayoutChoice layouts{std::vector(call.in.size(), Layout::nchw), std::vector(out_types.size(), Layout::nchw), 0};
  if (call.op.cpu_layouts != nullptr) {
    layouts = call.op.cpu_layouts(call.attrs, call.in, out_types).at(static_cast<std::size_t>(call.choice));
  }
  std::vector<TensorDesc> in, out;
  for (std::size_t i = 0; i < call.in.size(); ++i) in.push_back({call.in[i], layouts.in[i]});
  for (std::size_t i = 0; i < out_types.size(); ++i) out.push_back({out_types[i], layouts.out[i]});
  const auto known = std::make_unique<bool[]>(in.size());
  for (std::size_t i = 0; i < call.known.size(); ++i) known[i] = call.known[i];
  const std::optional<Step> step =
      call.op.cpu(call.attrs, {in, out, {known.get(), in.size()}, call.precision, Determinism::run_to_run, threads()});
  if (!step) {
    state.SkipWithError("the kernel declines this signature");
    return 0;
  }
  std::vector<Tensor> held;
  const auto allocate = [&held](std::size_t bytes) {
    held.push_back(memory(bytes));
    return held.back().mutable_data();
  };
  std::vector<const void*> from;
  std::vector<void*> to;
  double bytes = 0;
  for (const TensorDesc& d : in) from.push_back(allocate(d.bytes()));
  for (const TensorDesc& d : out) to.push_back(allocate(d.bytes()));
  if (call.last) from.back() = call.last.data();
  for (const TensorDesc& d : in) bytes += static_cast<double>(d.bytes());
  for (const TensorDesc& d : out) bytes += static_cast<double>(d.bytes());
  for (const Packing& p : step->packings) {
    void* packed = allocate(p.bytes);
    p.pack(from[static_cast<std::size_t>(p.input)], packed);
    from[static_cast<std::size_t>(p.input)] = packed;
  }
  void* workspace = allocate(step->workspace);
  Stream stream;
  const Buffers buffers{from, to, workspace};
  for (auto _ : state) {
    step->run(buffers, stream);
    benchmark::ClobberMemory();
  }
  state.SetLabel(step->kernel);
  return bytes;
}

inline void set_rate(benchmark::State& state, const char* name, double per_run) {
  state.counters[name] = benchmark::Counter(per_run * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

template <class F>
void add(const std::string& name, const F& f) {
  benchmark::RegisterBenchmark(name.c_str(), f)->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();
}

}  // namespace g2face::bench
