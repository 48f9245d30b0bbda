// Elementwise programs of the generator at 256 pixels, and a copy of the same memory for comparison.

#include <cstring>

#include "g2face/ops/pointwise.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

using Kind = PointwiseInstruction::Kind;

PointwiseInstruction un(Unary kind, int x, double a = 1, double b = 0) {
  return {Kind::unary, {kind, a, b}, Binary::add, {x}};
}
PointwiseInstruction bin(Binary kind, int x, int y) { return {Kind::binary, {}, kind, {x, y}}; }

const Shape image = {1, 128, 256, 256}, channels = {1, 128, 1, 1}, pixels = {1, 1, 256, 256};

void program(benchmark::State& state, const std::vector<Shape>& in, std::vector<PointwiseInstruction> instructions,
             int choice) {
  PointwiseAttrs a;
  a.shape = image;
  a.results = {static_cast<int>(in.size() + instructions.size()) - 1};
  a.program = std::move(instructions);
  std::vector<Type> types;
  for (const Shape& s : in) types.push_back({DType::f32, s});
  set_rate(state, "GB/s", run(state, {pointwise_op, a, types, {}, Precision::fast, choice}));
}

void copy(benchmark::State& state) {
  const std::size_t bytes = static_cast<std::size_t>(image.numel()) * sizeof(float);
  const Tensor from = memory(bytes);
  Tensor to = memory(bytes);
  for (auto _ : state) {
    const int parts = threads();
#pragma omp parallel for num_threads(parts)
    for (int t = 0; t < parts; ++t) {
      const auto begin = bytes * static_cast<std::size_t>(t) / static_cast<std::size_t>(parts);
      const auto end = bytes * static_cast<std::size_t>(t + 1) / static_cast<std::size_t>(parts);
      std::memcpy(static_cast<char*>(to.mutable_data()) + begin, static_cast<const char*>(from.data()) + begin,
                  end - begin);
    }
    benchmark::ClobberMemory();
  }
  set_rate(state, "GB/s", 2.0 * static_cast<double>(bytes));
}

const bool registered = [] {
  add("pointwise/memcpy", copy);
  for (const int choice : {0, 1}) {
    const std::string layout = choice == 0 ? "blocked" : "nchw";
    add("pointwise/add/" + layout, [choice](benchmark::State& s) {
      program(s, {image, image}, {bin(Binary::add, 0, 1)}, choice);
    });
    add("pointwise/noise_bias_act_style/" + layout, [choice](benchmark::State& s) {
      program(s, {image, channels, pixels, channels, channels},
              {bin(Binary::mul, 0, 1), bin(Binary::add, 5, 2), bin(Binary::add, 6, 3), un(Unary::leaky_relu, 7, 0.2),
               un(Unary::affine, 8, 1.4142135), bin(Binary::mul, 9, 4)},
              choice);
    });
    add("pointwise/norm_lrelu/" + layout, [choice](benchmark::State& s) {
      program(s, {image, channels, channels},
              {bin(Binary::sub, 0, 1), bin(Binary::mul, 3, 2), un(Unary::leaky_relu, 4, 0.2)}, choice);
    });
    add("pointwise/norm_sigmoid_blend/" + layout, [choice](benchmark::State& s) {
      program(s, {image, channels, channels, image, image},
              {bin(Binary::sub, 0, 1), bin(Binary::mul, 5, 2), un(Unary::sigmoid, 6), bin(Binary::sub, 3, 4),
               bin(Binary::mul, 7, 8), bin(Binary::add, 9, 4)},
              choice);
    });
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
