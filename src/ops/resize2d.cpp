#include "g2face/ops/resize2d.hpp"

#include <algorithm>
#include <cmath>

#include "g2face/graph/op.hpp"
#include "g2face/ops/gather.hpp"

namespace g2face {
namespace {

Types infer(const Resize2dAttrs& a, std::span<const Type> in) {
  const Shape& x = in[0].shape;
  check<ShapeError>(x.rank() == 4, "x ", x, " must have rank 4 (R1)");
  check<ShapeError>(a.height > 0 && a.width > 0, "the size must be positive, but it is ", a.str(), " (R2)");
  return {{in[0].dtype, {x[0], x[1], a.height, a.width}}};
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const Resize2dAttrs& a) {
  const Shape& x = in[0].shape();
  return {gather(gather(in[0], 2, nearest_index(x[2], a.height)), 3, nearest_index(x[3], a.width))};
}

}  // namespace

std::string Resize2dAttrs::str() const { return g2face::str(height, "x", width); }

Value resize2d_nearest(Value x, const Resize2dAttrs& attrs) { return x.graph->add(resize2d_op, {x}, attrs); }

std::vector<std::int64_t> nearest_index(std::int64_t in, std::int64_t out) {
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  std::vector<std::int64_t> index(static_cast<std::size_t>(out));
  for (std::size_t i = 0; i < index.size(); ++i) {
    index[i] = std::min(static_cast<std::int64_t>(std::floor(static_cast<float>(i) * scale)), in - 1);
  }
  return index;
}

const OpDef resize2d_op = define_fused_op<Resize2dAttrs, infer, formula>("resize2d");

}  // namespace g2face
