#include "g2face/ops/pixel_norm.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/unary.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const PixelNormAttrs&, std::span<const Type> in) {
  check<ShapeError>(in[0].shape.rank() >= 2 && is_float(in[0].dtype), "x ", in[0].str(),
                    " must have rank 2 or more and a floating dtype (R1)");
  return {in[0]};
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const PixelNormAttrs& a) {
  return {in[0] * rsqrt(mean(square(in[0]), {.axes = {1}, .keep_dims = true}) + a.eps)};
}

}  // namespace

std::string PixelNormAttrs::str() const { return g2face::str("eps ", exact(eps)); }

Value pixel_norm(Value x, const PixelNormAttrs& attrs) { return x.graph->add(pixel_norm_op, {x}, attrs); }

const OpDef pixel_norm_op = define_fused_op<PixelNormAttrs, infer, formula>("pixel_norm");

}  // namespace g2face
