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

enum class Operand : std::uint8_t { image, channels, pixels };
using enum Operand;

struct Program {
  const char* name;
  std::vector<Operand> in;
  std::vector<PointwiseInstruction> instructions;
};

const std::vector<Program> programs = {
    {"add", {image, image}, {bin(Binary::add, 0, 1)}},
    {"noise_bias_act_style",
     {image, channels, pixels, channels, channels},
     {bin(Binary::mul, 0, 1), bin(Binary::add, 5, 2), bin(Binary::add, 6, 3), un(Unary::leaky_relu, 7, 0.2),
      un(Unary::affine, 8, 1.4142135), bin(Binary::mul, 9, 4)}},
    {"norm_lrelu",
     {image, channels, channels},
     {bin(Binary::sub, 0, 1), bin(Binary::mul, 3, 2), un(Unary::leaky_relu, 4, 0.2)}},
    {"norm_sigmoid_blend",
     {image, channels, channels, image, image},
     {bin(Binary::sub, 0, 1), bin(Binary::mul, 5, 2), un(Unary::sigmoid, 6), bin(Binary::sub, 3, 4),
      bin(Binary::mul, 7, 8), bin(Binary::add, 9, 4)}},
};

Shape shape_of(Operand operand, std::int64_t n) {
  if (operand == channels) return {n, 128, 1, 1};
  return {n, operand == image ? 128 : 1, 256, 256};
}

Call call_of(const Program& program, std::int64_t n) {
  PointwiseAttrs a;
  a.shape = shape_of(image, n);
  a.results = {static_cast<int>(program.in.size() + program.instructions.size()) - 1};
  a.program = program.instructions;
  Call call{pointwise_op, a, {}};
  for (const Operand o : program.in) call.in.push_back({DType::f32, shape_of(o, n)});
  return call;
}

void copy(benchmark::State& state) {
  const std::size_t bytes = static_cast<std::size_t>(shape_of(image, 1).numel()) * sizeof(float);
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
  for (const Program& program : programs) {
    for (const int choice : {0, 1}) {
      add(str("pointwise/", program.name, choice == 0 ? "/blocked" : "/nchw"), [&program, choice](benchmark::State& s) {
        Call call = call_of(program, 1);
        call.choice = choice;
        set_rate(s, "GB/s", run(s, call));
      });
    }
    for (const std::int64_t n : {1, 16}) {
      for (const Precision p : {Precision::fast, Precision::bf16}) {
        add_cuda(str("pointwise/", program.name, "/n", n, "/", name_of(p)), [&program, n, p](benchmark::State& s) {
          Call call = call_of(program, n);
          call.precision = p;
          call.device = Device::cuda();
          set_rate(s, "GB/s", run(s, call));
        });
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
