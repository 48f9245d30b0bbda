#include "cuda/kernel_check.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face::test {
namespace {

std::optional<Step> kernel(const Attrs& a, const Signature& s) { return bias_act_cuda(a.as<BiasActAttrs>(), s); }

void check_case(const Shape& shape, const BiasActAttrs& attrs) {
  CAPTURE(shape.str());
  const Tensor x = varied(shape, 1), b = varied({shape[1]}, 2);
  Tensor want({DType::f64, shape});
  const std::int64_t inner = x.numel() / (shape[0] * shape[1]);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const auto at = static_cast<std::size_t>(i), channel = static_cast<std::size_t>(i / inner % shape[1]);
    const double v = static_cast<double>(x.as<float>()[at]) + static_cast<double>(b.as<float>()[channel]);
    want.mutable_as<double>()[at] = attrs.gain * (v > 0 ? v : attrs.slope * v);
  }
  check_kernel(kernel, bias_act_op, attrs, std::vector{x, b}, want);
}

TEST_CASE("bias_act on CUDA") {
  check_case({2, 3, 5, 7}, {});
  check_case({1, 1}, {});
  check_case({3, 17}, {.slope = 0.5, .gain = 1});
  check_case({2, 64, 16, 16}, {});  // more than one block
}

TEST_CASE("bias_act on CUDA declines what it is not made for") {
  const TensorDesc x{{DType::bf16, {1, 16, 2, 2}}}, b{{DType::bf16, {16}}};
  const TensorDesc blocked{{DType::f32, {1, 16, 2, 2}}, Layout::nchw16c}, plain{{DType::f32, {16}}};
  for (const auto& in : {std::vector{x, b}, std::vector{blocked, plain}}) {
    const std::vector out{in[0]};
    Signature s;
    s.in = in;
    s.out = out;
    CHECK_FALSE(bias_act_cuda({}, s));
  }
}

}  // namespace
}  // namespace g2face::test
