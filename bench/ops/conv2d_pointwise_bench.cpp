// Convolutions with a batch norm and an activation behind them, as in ResNet-50: joined, and beside it each of the two
// alone. Where joined is not shorter than both, the rule of kernels/cuda/conv2d_pointwise.cu wants another look.

#include "g2face/ops/conv2d_pointwise.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

struct Layer {
  std::int64_t channels, size, kernel;
};
const std::vector<Layer> layers = {{64, 64, 1}, {128, 32, 3}, {256, 16, 3}, {512, 8, 3}};

enum class Part : std::uint8_t { joined, conv2d, pointwise };

void measure(benchmark::State& state, const Layer& l, Part part, std::int64_t n, Precision precision) {
  const Shape image{n, l.channels, l.size, l.size}, channel{1, l.channels, 1, 1};
  const Type x{DType::f32, image}, w{DType::f32, {l.channels, l.channels, l.kernel, l.kernel}}, c{DType::f32, channel};
  const Conv2dAttrs conv{
      .pad = {l.kernel / 2, l.kernel / 2}, .kernel = {l.kernel, l.kernel}, .input = {l.size, l.size}};
  using Instruction = PointwiseInstruction;
  const PointwiseAttrs act{image,
                           {{.kind = Instruction::Kind::binary, .binary = Binary::mul, .source = {0, 1}},
                            {.kind = Instruction::Kind::binary, .binary = Binary::add, .source = {3, 2}},
                            {.kind = Instruction::Kind::unary, .unary = {Unary::leaky_relu, 0}, .source = {4}}},
                           {5}};
  Call call = part == Part::joined
                  ? Call{conv2d_pointwise_op, Conv2dPointwiseAttrs{conv, act}, {x, w, c, c}, {false, true}}
              : part == Part::conv2d ? Call{conv2d_op, conv, {x, w}, {false, true}}
                                     : Call{pointwise_op, act, {x, c, c}};
  call.precision = precision;
  call.device = Device::cuda();
  set_rate(state, "GB/s", run(state, call));
}

const bool registered = [] {
  for (const Layer& l : layers) {
    for (const auto& [name, part] : {std::pair{"joined", Part::joined}, std::pair{"conv2d", Part::conv2d},
                                     std::pair{"pointwise", Part::pointwise}}) {
      for (const std::int64_t n : {1, 16}) {
        add_cuda(str("conv2d_pointwise/", l.kernel, "x", l.kernel, "_", l.channels, "_at", l.size, "/", name, "/n", n),
                 [&l, p = part, n](benchmark::State& s) { measure(s, l, p, n, Precision::bf16); });
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
