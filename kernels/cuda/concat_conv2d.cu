// The implicit matrix product, whose sum goes over the channels of one value after the other.

#include <algorithm>

#include "g2face/ops/concat_conv2d.hpp"
#include "kernels/cuda/implicit_gemm.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

template <class Operands, class ShapeOf>
std::optional<cuda::GemmConv> product_of(const Operands& in, ShapeOf shape_of) {
  std::vector<Shape> xs;
  for (const auto& operand : in.first(in.size() - 1)) xs.push_back(shape_of(operand));
  return cuda::gemm_of_concat(xs, shape_of(in.back()));
}

}  // namespace

std::optional<Step> concat_conv2d_cuda(const NoAttrs&, const Signature& s) {
  const auto product = product_of(s.in, [](const TensorDesc& d) { return d.type.shape; });
  return product ? cuda::implicit_gemm_step("concat_conv2d", *product, s) : std::nullopt;
}

std::vector<Step> concat_conv2d_cuda_others(const NoAttrs&, const Signature& s) {
  const auto product = product_of(s.in, [](const TensorDesc& d) { return d.type.shape; });
  return product ? cuda::implicit_gemm_steps("concat_conv2d", *product, s) : std::vector<Step>();
}

// What does not fit is declined in every layout, and expands to its formula.
std::vector<LayoutChoice> concat_conv2d_cuda_layouts(const NoAttrs&, std::span<const Type> in, std::span<const Type>,
                                                     Precision precision) {
  const Shape& x = in[0].shape;
  const Layout image = x[2] * x[3] == 1 || in[0].dtype != DType::f32 ? Layout::nchw : cuda::feature_layout(precision);
  LayoutChoice choice{std::vector(in.size(), image), {image}, 0};
  choice.in.back() = Layout::nchw;
  return {choice};
}

}  // namespace g2face
