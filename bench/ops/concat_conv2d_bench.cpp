// The fusion masks of the generator: a 1x1 convolution of generated, original and hidden features.

#include "g2face/ops/concat_conv2d.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

struct Mask {
  std::int64_t channels, size, sources;
};

const std::vector<Mask> masks = {{128, 256, 2}, {256, 128, 3}, {512, 64, 3}, {512, 32, 3}};

void mask(benchmark::State& state, const Mask& m, std::int64_t n, Precision precision, const Device& device) {
  Call call{concat_conv2d_op, NoAttrs{}, {}};
  for (std::int64_t i = 0; i < m.sources; ++i) call.in.push_back({DType::f32, {n, m.channels, m.size, m.size}});
  call.in.push_back({DType::f32, {m.channels, m.sources * m.channels, 1, 1}});
  call.known.resize(call.in.size());
  call.known.back() = true;
  call.precision = precision;
  call.device = device;
  const double flops = 2.0 * static_cast<double>(n * m.size * m.size * m.channels * m.channels * m.sources);
  set_rate(state, "GB/s", run(state, call));
  set_rate(state, "TFLOP/s", flops * 1e-3);
}

const bool registered = [] {
  for (const Mask& m : masks) {
    const std::string name = str("concat_conv2d/", m.sources, "x", m.channels, "_at", m.size);
    add(name, [&m](benchmark::State& s) { mask(s, m, 1, Precision::fast, Device::cpu()); });
    for (const std::int64_t n : {1, 16}) {
      for (const Precision p : {Precision::strict, Precision::tf32, Precision::bf16, Precision::f16}) {
        add_cuda(str(name, "/n", n, "/", name_of(p)),
                 [&m, n, p](benchmark::State& s) { mask(s, m, n, p, Device::cuda()); });
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
