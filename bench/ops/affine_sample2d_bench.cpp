#include "g2face/ops/affine_sample2d.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

/// As augmentation uses it: images of `size` pixels along a side, continued on all sides and doubled; maps turn them.
void sample(benchmark::State& state, const OpDef& op, std::int64_t batch, std::int64_t size, const Device& device) {
  const std::int64_t image = 2 * (3 * size - 2), result = 2 * (size + 6);
  const bool adjoint = &op == &affine_sample2d_grad_op;
  const std::int64_t in = adjoint ? result : image, out = adjoint ? image : result;
  Call call{op, AffineSample2dAttrs{out, out}, {{DType::f32, {batch, 3, in, in}}, {DType::f32, {batch, 2, 3}}}};
  call.device = device;
  Tensor maps({DType::f32, {batch, 2, 3}});
  const float map[] = {0.8f, -0.6f, 7.3f, 0.6f, 0.8f, -5.1f};
  for (std::int64_t i = 0; i < maps.numel(); ++i) maps.mutable_as<float>()[static_cast<std::size_t>(i)] = map[i % 6];
  call.last = maps;
  run(state, call);
  set_rate(state, "Gpixel/s", static_cast<double>(batch * out * out));
}

const bool registered = [] {
  for (const OpDef* op : {&affine_sample2d_op, &affine_sample2d_grad_op}) {
    for (const std::int64_t size : {64, 256}) {
      const std::string name = str(op->name, "/", size);
      add(name, [op, size](benchmark::State& s) { sample(s, *op, 8, size, Device::cpu()); });
      add_cuda(name, [op, size](benchmark::State& s) { sample(s, *op, 8, size, Device::cuda()); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
