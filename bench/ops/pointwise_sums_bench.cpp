// The gradients of scale and bias of a styled layer: summed on the way, and beside it the same program with what is
// summed stored instead, whose sums are then still to be made.

#include "g2face/ops/pointwise_sums.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

using Kind = PointwiseInstruction::Kind;

PointwiseInstruction un(Unary kind, int x, double a = 1, double b = 0) {
  return {Kind::unary, {kind, a, b}, Binary::add, {x}};
}
PointwiseInstruction bin(Binary kind, int x, int y) { return {Kind::binary, {}, kind, {x, y}}; }

/// x, scale, bias, dy: the gradient of leaky_relu(x * scale + bias) for x is stored, those of scale and bias are
/// summed.
PointwiseSumsAttrs gradient(const Shape& shape) {
  const PointwiseAttrs program{shape,
                               {bin(Binary::mul, 0, 1), bin(Binary::add, 4, 2), un(Unary::leaky_step, 5, 0.2),
                                bin(Binary::mul, 3, 6), bin(Binary::mul, 7, 1), bin(Binary::mul, 7, 0)},
                               {8}};
  return {program, {{9, {{2, 3}, true}}, {7, {{0, 2, 3}, true}}}};
}

const bool registered = [] {
  for (const auto& [channels, size] : {std::pair{128, 256}, std::pair{256, 128}, std::pair{512, 64}}) {
    const Shape x{2, channels, size, size};
    const std::vector<Type> in{
        {DType::f32, x}, {DType::f32, {2, channels, 1, 1}}, {DType::f32, {channels, 1, 1}}, {DType::f32, x}};
    add(str("pointwise_sums/", channels, "_at", size, "/summed"), [=](benchmark::State& s) {
      set_rate(s, "GB/s", run(s, {pointwise_sums_op, gradient(x), in}));
    });
    add(str("pointwise_sums/", channels, "_at", size, "/stored"), [=](benchmark::State& s) {
      PointwiseAttrs stored = gradient(x).pointwise;
      stored.results = {8, 9, 7};
      set_rate(s, "GB/s", run(s, {pointwise_op, stored, in}));
    });
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
