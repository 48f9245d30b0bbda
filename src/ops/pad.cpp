#include "g2face/ops/pad.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "g2face/ops/slice.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/loops.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const PadAttrs& attrs, std::span<const Type> in) {
  const Shape& x = in[0].shape;
  const auto rank = static_cast<std::size_t>(x.rank());
  const auto valid = [&](const std::vector<std::int64_t>& sides) {
    return sides.size() == rank && std::all_of(sides.begin(), sides.end(), [](std::int64_t n) { return n >= 0; });
  };
  check<ShapeError>(valid(attrs.before) && valid(attrs.after), "before ", list_text(attrs.before), " and after ",
                    list_text(attrs.after), " need one entry >= 0 for each axis of x ", x, " (R1)");
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i < rank; ++i) dims.push_back(attrs.before[i] + x.begin()[i] + attrs.after[i]);
  return {{in[0].dtype, Shape(dims)}};
}

void grad(GradRule& r, const PadAttrs& attrs) {
  const Shape& x = r.in(0).shape();
  r.dx(0, slice(r.dy(), attrs.before, {x.begin(), x.end()}));
}

void reference(const PadAttrs& attrs, const ReferenceArgs& args) {
  std::fill(args.out().begin(), args.out().end(), 0.0);
  std::size_t i = 0;
  for_each_index(args.in_shape(0), [&](Index at) {
    for (std::size_t axis = 0; axis < attrs.before.size(); ++axis) at[axis] += attrs.before[axis];
    args.out()[flat(args.out_shape(), at)] = args.in(0)[i++];
  });
}

}  // namespace

std::string PadAttrs::str() const { return list_text(before) + " after " + list_text(after); }

Value pad(Value x, std::vector<std::int64_t> before, std::vector<std::int64_t> after) {
  return x.graph->add(pad_op, {x}, PadAttrs{std::move(before), std::move(after)});
}

const OpDef pad_op = define_op<PadAttrs, infer, grad, reference>("pad")
                         .with_cpu<PadAttrs, pad_cpu>()
                         .with_cpu_layouts<PadAttrs, pad_cpu_layouts>()
                         .with_cuda<PadAttrs, pad_cuda>()
                         .with_cuda_layouts<PadAttrs, pad_cuda_layouts>();

}  // namespace g2face
