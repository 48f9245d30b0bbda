#include "g2face/ops/transpose.hpp"

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/loops.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const TransposeAttrs& attrs, std::span<const Type> in) {
  const Shape& x = in[0].shape;
  const auto rank = static_cast<std::size_t>(x.rank());
  std::vector<bool> seen(rank, false);
  std::vector<std::int64_t> dims;
  bool permutation = attrs.order.size() == rank;
  for (const int axis : attrs.order) {
    permutation = permutation && axis >= 0 && axis < x.rank() && !seen[static_cast<std::size_t>(axis)];
    if (!permutation) break;
    seen[static_cast<std::size_t>(axis)] = true;
    dims.push_back(x[axis]);
  }
  check<ShapeError>(permutation, "order ", list_text(attrs.order), " is not a permutation of the ", rank, " axes of x ",
                    x, " (R1)");
  return {{in[0].dtype, Shape(dims)}};
}

void grad(GradRule& r, const TransposeAttrs& attrs) {
  std::vector<int> inverse(attrs.order.size());
  for (std::size_t i = 0; i < inverse.size(); ++i)
    inverse[static_cast<std::size_t>(attrs.order[i])] = static_cast<int>(i);
  r.dx(0, transpose(r.dy(), inverse));
}

void reference(const TransposeAttrs& attrs, const ReferenceArgs& args) {
  std::size_t i = 0;
  for_each_index(args.out_shape(), [&](const Index& at) {
    Index from{};
    for (std::size_t axis = 0; axis < attrs.order.size(); ++axis)
      from[static_cast<std::size_t>(attrs.order[axis])] = at[axis];
    args.out()[i++] = args.in(0)[flat(args.in_shape(0), from)];
  });
}

}  // namespace

std::string TransposeAttrs::str() const { return list_text(order); }

Value transpose(Value x, std::vector<int> order) {
  return x.graph->add(transpose_op, {x}, TransposeAttrs{std::move(order)});
}

const OpDef transpose_op = define_op<TransposeAttrs, infer, grad, reference>("transpose")
                               .with_cpu<TransposeAttrs, transpose_cpu>()
                               .with_cuda<TransposeAttrs, transpose_cuda>();

}  // namespace g2face
