#include "g2face/ops/conv2d_pointwise.hpp"

#include "cuda/compiled_programs.hpp"
#include "cuda/pass_check.hpp"
#include "pointwise_instructions.hpp"

namespace g2face::test {
namespace {

// Demodulation, noise, bias, leaky ReLU, gain, and the result times two styles.
Conv2dPointwiseAttrs styled(const Shape& x, const Shape& w) {
  Conv2dPointwiseAttrs a;
  a.conv = {.pad = {w[2] / 2, w[3] / 2}, .kernel = {w[2], w[3]}, .input = {x[2], x[3]}};
  a.pointwise.shape = {x[0], w[0], x[2], x[3]};
  a.pointwise.program = {apply(Binary::mul, 0, 1),         apply(Binary::add, 6, 2),        apply(Binary::add, 7, 3),
                         apply(Unary::leaky_relu, 8, 0.2), apply(Unary::affine, 9, 1.4142), apply(Binary::mul, 10, 4),
                         apply(Binary::mul, 10, 5)};
  a.pointwise.results = {11, 12};
  return a;
}

TEST_CASE("conv2d_pointwise on CUDA: what follows a styled convolution") {
  struct Case {
    Shape x, w;
  };
  for (const Case& c : {Case{{2, 16, 5, 7}, {24, 16, 3, 3}}, Case{{1, 40, 9, 3}, {64, 40, 1, 1}}}) {
    const Shape sample{c.x[0], c.w[0], 1, 1}, channel{c.w[0], 1, 1}, pixel{c.x[0], 1, c.x[2], c.x[3]};
    std::vector<Tensor> in;
    for (const Shape& s : {c.x, c.w, sample, pixel, channel, sample, sample}) {
      in.push_back(varied(s, static_cast<unsigned>(in.size()) + 3));
    }
    struct Arithmetic {
      Precision precision;
      double limit;
    };
    for (const Arithmetic& a : {Arithmetic{Precision::strict, 1e-6}, Arithmetic{Precision::tf32, 2e-3},
                                Arithmetic{Precision::bf16, 1e-2}, Arithmetic{Precision::f16, 2e-3}}) {
      for (const bool known : {false, true}) {
        CAPTURE(static_cast<int>(a.precision));
        Pass pass = features_pass(conv2d_pointwise_op, styled(c.x, c.w), in, a.precision);
        pass.known = known;
        const std::vector<Tensor> want = wanted(pass);
        std::vector<Tensor> first;
        for_each_schedule([&] {
          const PassResult got = run_pass(pass);
          CHECK(got.kernel.starts_with("conv2d_pointwise gemm:"));
          for (std::size_t o = 0; o < want.size(); ++o) {
            CHECK(relative_error(got.out[o], want[o]) < a.limit);
            if (first.size() <= o) first.push_back(got.out[o]);
            CHECK(std::memcmp(got.out[o].data(), first[o].data(), first[o].bytes()) == 0);
          }
        });
      }
    }
  }
}

/// The program after a convolution of x and w, whose sums are its input 0; in a tile or in a second pass over splits.
template <class P>
void check_epilogue(const Shape& x, const Shape& w, bool shared) {
  const Shape y{x[0], w[0], x[2], x[3]};
  Conv2dPointwiseAttrs a;
  a.conv = {.pad = {w[2] / 2, w[3] / 2}, .kernel = {w[2], w[3]}, .input = {x[2], x[3]}};
  a.pointwise = attrs_of<P>(y);
  std::vector<Tensor> in{varied(x, 1), varied(w, 2)};
  const std::vector<Shape> shapes = shapes_of<P>(y, shared);
  for (auto s = shapes.begin() + 1; s != shapes.end(); ++s) {
    in.push_back(varied(*s, static_cast<unsigned>(in.size()) + 3));
  }
  struct Arithmetic {
    Precision precision;
    double limit;
  };
  for (const Arithmetic& m :
       {Arithmetic{Precision::strict, 2e-6}, Arithmetic{Precision::bf16, 1e-2}, Arithmetic{Precision::f16, 2e-3}}) {
    Pass pass = features_pass(conv2d_pointwise_op, a, in, m.precision);
    pass.known = true;
    const std::vector<Tensor> want = wanted(pass);
    const PassResult got = run_pass(pass);
    INFO(got.kernel);
    CHECK(got.kernel.find("interpreted") == std::string::npos);
    for (std::size_t o = 0; o < want.size(); ++o) CHECK(relative_error(got.out[o], want[o]) < m.limit);
  }
}
template <class... P>
void check_epilogues(std::tuple<P...>*, const Shape& x, const Shape& w, bool shared) {
  (check_epilogue<P>(x, w, shared), ...);
}

TEST_CASE("conv2d_pointwise on CUDA: compiled programs") {
  auto* const all = static_cast<cuda::EpiloguePrograms*>(nullptr);
  check_epilogues(all, {2, 16, 5, 7}, {24, 16, 3, 3}, false);
  check_epilogues(all, {2, 16, 5, 7}, {24, 16, 3, 3}, true);
  check_epilogues(all, {1, 256, 4, 4}, {64, 256, 3, 3}, false);  // split
}

TEST_CASE("conv2d_pointwise on CUDA: any other program is interpreted") {
  const Shape x{2, 16, 5, 7}, w{24, 16, 1, 1};
  Conv2dPointwiseAttrs a;
  a.conv = {.kernel = {1, 1}, .input = {5, 7}};
  a.pointwise = {{2, 24, 5, 7}, {apply(Unary::tanh, 0), apply(Binary::mul, 1, 0)}, {2}};
  for (const Precision precision : {Precision::strict, Precision::bf16}) {
    Pass pass = features_pass(conv2d_pointwise_op, a, {varied(x, 1), varied(w, 2)}, precision);
    const PassResult got = run_pass(pass);
    CHECK(got.kernel.find(" interpreted") != std::string::npos);
    CHECK(relative_error(got.out[0], wanted(pass)[0]) < 1e-2);
  }
}

TEST_CASE("conv2d_pointwise on CUDA: sums that are split") {
  // Few pixels, long sums: more blocks are made by splitting than tiles give.
  const Shape x{1, 256, 4, 4}, w{64, 256, 3, 3};
  std::vector<Tensor> in{varied(x, 1), varied(w, 2)};
  for (const Shape& s :
       {Shape{1, 64, 1, 1}, Shape{1, 1, 4, 4}, Shape{64, 1, 1}, Shape{1, 64, 1, 1}, Shape{1, 64, 1, 1}}) {
    in.push_back(varied(s, static_cast<unsigned>(in.size()) + 3));
  }
  Pass pass = features_pass(conv2d_pointwise_op, styled(x, w), in, Precision::bf16);
  pass.known = true;
  const std::vector<Tensor> want = wanted(pass);
  const PassResult got = run_pass(pass);
  CHECK(got.kernel.find("split:") != std::string::npos);
  for (std::size_t o = 0; o < want.size(); ++o) CHECK(relative_error(got.out[o], want[o]) < 1e-2);
}

}  // namespace
}  // namespace g2face::test
