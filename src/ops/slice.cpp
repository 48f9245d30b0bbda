#include "g2face/ops/slice.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/pad.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/loops.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const SliceAttrs& attrs, std::span<const Type> in) {
  const Shape& x = in[0].shape;
  const auto rank = static_cast<std::size_t>(x.rank());
  const std::string box = str("begin ", list_text(attrs.begin), " and size ", list_text(attrs.size));
  check<ShapeError>(attrs.begin.size() == rank && attrs.size.size() == rank, box, " need one entry for each axis of x ",
                    x, " (R1)");
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t begin = attrs.begin[i], size = attrs.size[i], extent = x.begin()[i];
    check<ShapeError>(begin >= 0 && size >= 0 && begin <= extent && size <= extent - begin, box, " leave x ", x,
                      " at axis ", i, " (R2)");
  }
  return {{in[0].dtype, Shape(attrs.size)}};
}

void grad(GradRule& r, const SliceAttrs& attrs) {
  std::vector<std::int64_t> after;
  for (std::size_t i = 0; i < attrs.begin.size(); ++i)
    after.push_back(r.in(0).shape().begin()[i] - attrs.begin[i] - attrs.size[i]);
  r.dx(0, pad(r.dy(), attrs.begin, after));
}

void reference(const SliceAttrs& attrs, const ReferenceArgs& args) {
  std::size_t i = 0;
  for_each_index(args.out_shape(), [&](Index at) {
    for (std::size_t axis = 0; axis < attrs.begin.size(); ++axis) at[axis] += attrs.begin[axis];
    args.out()[i++] = args.in(0)[flat(args.in_shape(0), at)];
  });
}

}  // namespace

std::string SliceAttrs::str() const { return list_text(begin) + " size " + list_text(size); }

Value slice(Value x, std::vector<std::int64_t> begin, std::vector<std::int64_t> size) {
  return x.graph->add(slice_op, {x}, SliceAttrs{std::move(begin), std::move(size)});
}

Value slice_axis(Value x, int axis, std::int64_t begin, std::int64_t size) {
  const Shape& shape = x.shape();
  check<ShapeError>(axis >= -shape.rank() && axis < shape.rank(), "slice_axis: x ", shape, " has no axis ", axis);
  std::vector<std::int64_t> begins(static_cast<std::size_t>(shape.rank()), 0);
  std::vector<std::int64_t> sizes(shape.begin(), shape.end());
  const auto at = static_cast<std::size_t>(axis < 0 ? axis + shape.rank() : axis);
  begins[at] = begin;
  sizes[at] = size;
  return slice(x, std::move(begins), std::move(sizes));
}

const OpDef slice_op = define_op<SliceAttrs, infer, grad, reference>("slice")
                           .with_cpu<SliceAttrs, slice_cpu>()
                           .with_cpu_layouts<SliceAttrs, slice_cpu_layouts>()
                           .with_cuda<SliceAttrs, slice_cuda>()
                           .with_cuda_layouts<SliceAttrs, slice_cuda_layouts>();

}  // namespace g2face
