#include "g2face/ops/concat_conv2d.hpp"

#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/conv2d.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

Types infer(const NoAttrs&, std::span<const Type> in) {
  check<ShapeError>(in.size() >= 2, "there are no values beside w (R1)");
  const auto xs = in.first(in.size() - 1);
  const Shape &first = xs[0].shape, &w = in.back().shape;
  std::int64_t channels = 0;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const Shape& x = xs[i].shape;
    check<ShapeError>(x.rank() == 4 && first.rank() == 4 && x.with(1, 0) == first.with(1, 0), "x", i, " ", x,
                      " must have rank 4 and match x0 ", first, " but for the channels (R1)");
    check<ShapeError>(is_float(xs[i].dtype) && xs[i].dtype == in.back().dtype, "x", i, " ", xs[i].str(), " and w ",
                      in.back().str(), " must have the same floating dtype (R3)");
    channels += x[1];
  }
  check<ShapeError>(w.rank() == 4 && w == Shape{w[0], channels, 1, 1}, "w ", w, " must be [O,", channels, ",1,1] (R2)");
  return {{xs[0].dtype, first.with(1, w[0])}};
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const NoAttrs&) {
  return {conv2d(concat(in.first(in.size() - 1), 1), in.back())};
}

}  // namespace

Value concat_conv2d(std::span<const Value> xs, Value w) {
  std::vector<Value> in(xs.begin(), xs.end());
  in.push_back(w);
  return w.graph->add(concat_conv2d_op, in, NoAttrs{});
}

const OpDef concat_conv2d_op = define_fused_op<NoAttrs, infer, formula>("concat_conv2d")
                                   .with_cpu<NoAttrs, concat_conv2d_cpu>()
                                   .with_cpu_layouts<NoAttrs, concat_conv2d_cpu_layouts>()
                                   .with_cuda<NoAttrs, concat_conv2d_cuda>()
                                   .with_cuda_others<NoAttrs, concat_conv2d_cuda_others>()
                                   .with_cuda_layouts<NoAttrs, concat_conv2d_cuda_layouts>();

}  // namespace g2face
