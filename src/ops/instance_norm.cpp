#include "g2face/ops/instance_norm.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/moments.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const InstanceNormAttrs&, std::span<const Type> in) {
  check<ShapeError>(in[0].shape.rank() == 4 && is_float(in[0].dtype), "x ", in[0].str(),
                    " must have rank 4 and a floating dtype (R1)");
  return {in[0]};
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const InstanceNormAttrs& a) {
  const Moments m = moments(in[0], {.axes = {2, 3}, .eps = a.eps});
  return {(in[0] - m.mean) * m.rstd};
}

}  // namespace

std::string InstanceNormAttrs::str() const { return g2face::str("eps ", exact(eps)); }

Value instance_norm(Value x, const InstanceNormAttrs& attrs) { return x.graph->add(instance_norm_op, {x}, attrs); }

const OpDef instance_norm_op = define_fused_op<InstanceNormAttrs, infer, formula>("instance_norm");

}  // namespace g2face
