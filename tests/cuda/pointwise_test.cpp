#include "g2face/ops/pointwise.hpp"

#include <algorithm>

#include "cuda/compiled_programs.hpp"
#include "cuda/pass_check.hpp"
#include "kernels/cuda/pointwise_program.hpp"
#include "pointwise_instructions.hpp"

namespace g2face::test {
namespace {

using Kind = PointwiseInstruction::Kind;
using Program = std::vector<PointwiseInstruction>;

constexpr Precision precisions[] = {Precision::strict, Precision::bf16, Precision::f16};

std::vector<Tensor> inputs_of(const std::vector<Shape>& shapes) {
  std::vector<Tensor> in;
  for (const Shape& s : shapes) in.push_back(varied(s, static_cast<unsigned>(in.size()) + 7));
  return in;
}

/// As features, by the kernel of that name, and row-major.
void check_program(const std::vector<Shape>& in, const PointwiseAttrs& attrs,
                   const std::string& kernel = "pointwise cuda:lanes") {
  for (const Precision precision : precisions) {
    check_pass(features_pass(pointwise_op, attrs, inputs_of(in), precision), kernel);
  }
  const LayoutChoice rows{std::vector(in.size(), Layout::nchw), std::vector(attrs.results.size(), Layout::nchw), 0};
  const std::int64_t pixels = attrs.shape[2] * attrs.shape[3];
  const bool one_line = std::all_of(in.begin(), in.end(), [&](const Shape& s) { return s == attrs.shape; });
  const bool eights = one_line ? attrs.shape.numel() % 16 == 0 : pixels % 8 == 0;
  check_pass({pointwise_op, attrs, inputs_of(in), rows}, eights ? "pointwise cuda:lanes" : "pointwise cuda");
}

template <class... P>
void check_compiled(std::tuple<P...>*, const Shape& x, bool shared) {
  (check_program(shapes_of<P>(x, shared), attrs_of<P>(x), P::kernel), ...);
}

TEST_CASE("pointwise on CUDA: compiled programs") {
  // Lines with and without partners, and one sample, of which channels and pixels cannot be told from shared ones.
  for (const Shape& x : {Shape{2, 24, 5, 7}, {3, 8, 1, 2}, {1, 40, 4, 4}}) {
    for (const bool shared : {false, true}) check_compiled(static_cast<cuda::CompiledPrograms*>(nullptr), x, shared);
  }
}

TEST_CASE("pointwise on CUDA: compiled programs in place") {
  using P = cuda::programs::Blend;
  const Shape x{2, 16, 5, 3};
  for (const Precision precision : precisions) {
    const Pass pass = features_pass(pointwise_op, attrs_of<P>(x), inputs_of(shapes_of<P>(x, false)), precision);
    const Tensor want = run_pass(pass).out[0];
    for (const int input : {0, 3, 4}) {
      const Tensor got = run_pass(pass, input).out[0];
      CHECK(std::memcmp(got.data(), want.data(), want.bytes()) == 0);
    }
  }
}

TEST_CASE("pointwise on CUDA: operands that lie otherwise than a compiled program has them are interpreted") {
  using P = cuda::programs::Residual;
  const Shape x{2, 16, 3, 4};
  std::vector<Shape> in = shapes_of<P>(x, true);
  in[3] = {1, 16, 3, 4};
  check_program(in, attrs_of<P>(x));
  in[3] = {2, 1, 3, 4};
  check_program(in, attrs_of<P>(x));
  in = shapes_of<P>(x, true);
  in[1] = {2, 1, 3, 4};
  check_program(in, attrs_of<P>(x));
}

TEST_CASE("pointwise on CUDA: programs like those of the networks") {
  for (const Shape& x : {Shape{2, 24, 5, 7}, {3, 8, 1, 2}, {1, 40, 4, 4}}) {
    const Shape sample{x[0], x[1], 1, 1}, channel{x[1], 1, 1};
    // A mask that blends, with what was hidden added.
    check_program(
        {x, channel, x, sample, sample, x, x, sample},
        {x,
         {apply(Binary::add, 0, 1), apply(Unary::leaky_relu, 8, 0.2), apply(Binary::sub, 2, 3),
          apply(Binary::mul, 10, 4), apply(Unary::sigmoid, 11), apply(Binary::sub, 5, 6), apply(Binary::mul, 12, 13),
          apply(Binary::add, 6, 14), apply(Binary::add, 15, 9), apply(Binary::mul, 16, 7)},
         {17}});
    // PReLU and a residual.
    check_program(
        {x, channel, channel, channel, x},
        {x,
         {apply(Binary::mul, 0, 1), apply(Binary::add, 5, 2), apply(Unary::leaky_relu, 6, 0), apply(Binary::sub, 6, 7),
          apply(Binary::mul, 3, 8), apply(Binary::add, 7, 9), apply(Binary::add, 10, 4)},
         {11}});
  }
}

TEST_CASE("pointwise on CUDA: operands of every kind in every place") {
  const Shape x{2, 16, 3, 4};
  // Repeated over samples, channels, everything; the accumulator on either side, on both, and as each operand of
  // select.
  check_program({x, {1, 16, 3, 4}, {1, 1, 3, 4}, {}, {2, 1, 1, 1}},
                {x,
                 {apply(Binary::sub, 0, 1), apply(Binary::sub, 3, 5), apply(Binary::sub, 6, 6),
                  apply(Binary::maximum, 7, 2), choose(4, 8, 0), choose(0, 3, 9), choose(10, 10, 5),
                  apply(Binary::greater, 2, 11), choose(12, 11, 6), apply(Binary::mul, 13, 13)},
                 {14, 0, 7, 14}});
  const Shape whole{2, 16, 2, 4};
  check_program({whole}, {whole, {apply(Unary::square, 0)}, {1}});
  check_program({whole}, {whole, {}, {0}});
}

TEST_CASE("pointwise on CUDA: many values at once") {
  const Shape x{1, 8, 2, 4};
  for (const int values : {6, 9}) {
    Program program;
    for (int i = 0; i < values; ++i) program.push_back(apply(Unary::affine, 0, i + 1, 0.25));
    int sum = 1;
    for (int i = 1; i < values; ++i) {
      program.push_back(apply(Binary::mul, sum, i + 1));
      sum = static_cast<int>(program.size());
    }
    check_program({x}, {x, program, {sum}});
  }
}

TEST_CASE("pointwise on CUDA: random programs") {
  unsigned seed = 1;
  const auto below = [&](int n) {
    seed = seed * 1664525u + 1013904223u;
    return static_cast<int>((seed >> 16) % static_cast<unsigned>(n));
  };
  const Shape x{2, 8, 2, 3};
  for (int round = 0; round < 40; ++round) {
    const std::vector<Shape> in{x, {8, 1, 1}, {2, 1, 2, 3}, x};
    PointwiseAttrs attrs{x, {}, {}};
    int registers = static_cast<int>(in.size());
    for (int i = below(12); i >= 0; --i, ++registers) {
      const int a = below(registers), b = below(registers), c = below(registers), last = registers - 1;
      switch (below(5)) {
        case 0:
          attrs.program.push_back(apply(Binary::sub, a, last));
          break;
        case 1:
          attrs.program.push_back(apply(Binary::minimum, last, b));
          break;
        case 2:
          attrs.program.push_back(apply(Unary::clamp, last, -0.5, 1));
          break;
        case 3:
          attrs.program.push_back(apply(Unary::leaky_relu, a, 0.5));
          break;
        default:
          attrs.program.push_back(choose(a, b, c));
      }
    }
    attrs.results = {registers - 1};
    if (below(2) == 0) attrs.results.insert(attrs.results.begin(), below(registers));
    for (const Precision precision : {Precision::strict, Precision::bf16}) {
      const Pass pass = features_pass(pointwise_op, attrs, inputs_of(in), precision);
      check_pass(pass, "pointwise cuda:lanes");
      const auto program = cuda::accumulator_program(attrs, static_cast<int>(in.size()));
      REQUIRE(program);
      const std::vector<Tensor> want = run_pass(pass).out;
      for (const int input : {0, 3}) {
        if (!program->may_overwrite(input)) continue;
        const std::vector<Tensor> got = run_pass(pass, input).out;
        for (std::size_t o = 0; o < want.size(); ++o) {
          CHECK(std::memcmp(got[o].data(), want[o].data(), want[o].bytes()) == 0);
        }
      }
    }
  }
}

TEST_CASE("pointwise on CUDA: values stay in the accumulator while they can") {
  const auto slots = [](const Program& program, int inputs, const std::vector<int>& results) {
    return cuda::accumulator_program({{4}, program, results}, inputs)->slots;
  };
  CHECK(slots({apply(Binary::mul, 0, 1), apply(Binary::sub, 1, 2), apply(Unary::exp, 3)}, 2, {4}) == 0);
  CHECK(slots({apply(Unary::exp, 0), apply(Binary::mul, 1, 1)}, 1, {1, 2}) == 0);
  CHECK(slots({apply(Unary::exp, 0), apply(Unary::exp, 1), apply(Binary::add, 1, 2)}, 1, {3}) == 1);
  CHECK(slots({apply(Unary::exp, 0), choose(0, 1, 0)}, 1, {2}) == 1);
  // A program that holds too many values at once is declined.
  Program wide;
  for (int i = 0; i < 14; ++i) wide.push_back(apply(Unary::affine, 0, i));
  for (int i = 0; i < 14; ++i) wide.push_back(apply(Binary::add, i + 1, i + 14));
  CHECK_FALSE(cuda::accumulator_program({{4}, wide, {28}}, 1));
}

TEST_CASE("pointwise on CUDA: small and narrow values stay row-major") {
  const auto choices = [](const Shape& shape) {
    const PointwiseAttrs attrs{shape, {apply(Unary::exp, 0)}, {1}};
    const Type type{DType::f32, shape};
    return pointwise_op.cuda_layouts(attrs, {&type, 1}, {&type, 1}, Precision::bf16).size();
  };
  CHECK(choices({2, 16, 4, 4}) == 2);
  CHECK(choices({2, 16, 1, 1}) == 1);
  CHECK(choices({2, 3, 4, 4}) == 1);
  CHECK(choices({2, 16}) == 1);
}

}  // namespace
}  // namespace g2face::test
