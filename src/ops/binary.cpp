#include "g2face/ops/binary.hpp"

#include <array>

#include "g2face/graph/op.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/select.hpp"
#include "g2face/ops/unary.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/functions.hpp"
#include "ops/loops.hpp"

namespace g2face {
namespace {

Types infer(const BinaryAttrs&, std::span<const Type> in) {
  const Type &x = in[0], &y = in[1];
  check<ShapeError>(x.dtype == y.dtype && is_float(x.dtype), "x ", x.str(), " and y ", y.str(),
                    " must have the same floating dtype (R1)");
  try {
    return {{x.dtype, broadcast_shapes(x.shape, y.shape)}};
  } catch (const ShapeError& e) {
    throw ShapeError(str("x and y: ", e.what(), " (R2)"));
  }
}

// What a rule hands in for x (0) or y (1), each only if somebody asks.
void hand_in(GradRule& r, int i, Value (*gradient)(GradRule&)) {
  if (r.needs(i)) r.dx(i, sum_to(gradient(r), r.in(i).shape()));
}
Value zero_like(GradRule& r) { return r.graph().constant(Tensor::scalar(0, r.in(0).dtype())); }

void grad(GradRule& r, const BinaryAttrs& f) {
  switch (f.kind) {
    case Binary::add:
      hand_in(r, 0, [](GradRule& g) { return g.dy(); });
      hand_in(r, 1, [](GradRule& g) { return g.dy(); });
      return;
    case Binary::sub:
      hand_in(r, 0, [](GradRule& g) { return g.dy(); });
      hand_in(r, 1, [](GradRule& g) { return -g.dy(); });
      return;
    case Binary::mul:
      hand_in(r, 0, [](GradRule& g) { return g.dy() * g.in(1); });
      hand_in(r, 1, [](GradRule& g) { return g.dy() * g.in(0); });
      return;
    case Binary::div:
      hand_in(r, 0, [](GradRule& g) { return g.dy() / g.in(1); });
      hand_in(r, 1, [](GradRule& g) { return -(g.dy() * g.out() / g.in(1)); });
      return;
    case Binary::maximum:
      hand_in(r, 0, [](GradRule& g) { return select(greater(g.in(1), g.in(0)), zero_like(g), g.dy()); });
      hand_in(r, 1, [](GradRule& g) { return select(greater(g.in(1), g.in(0)), g.dy(), zero_like(g)); });
      return;
    case Binary::minimum:
      hand_in(r, 0, [](GradRule& g) { return select(greater(g.in(0), g.in(1)), zero_like(g), g.dy()); });
      hand_in(r, 1, [](GradRule& g) { return select(greater(g.in(0), g.in(1)), g.dy(), zero_like(g)); });
      return;
    case Binary::greater:
    case Binary::equal:
      return;
  }
}

void reference(const BinaryAttrs& f, const ReferenceArgs& args) {
  std::size_t i = 0;
  const int rank = args.out_shape().rank();
  for_each_index(args.out_shape(), [&](const Index& at) {
    const double x = args.in(0)[broadcast_flat(args.in_shape(0), at, rank)];
    const double y = args.in(1)[broadcast_flat(args.in_shape(1), at, rank)];
    args.out()[i++] = apply(f.kind, x, y);
  });
}

}  // namespace

double apply(Binary f, double x, double y) {
  switch (f) {
    case Binary::add:
      return x + y;
    case Binary::sub:
      return x - y;
    case Binary::mul:
      return x * y;
    case Binary::div:
      return x / y;
    case Binary::maximum:
      return y > x ? y : x;
    case Binary::minimum:
      return x > y ? y : x;
    case Binary::greater:
      return x > y ? 1 : 0;
    case Binary::equal:
      return x == y ? 1 : 0;
  }
  return x;
}

std::string_view name_of(Binary kind) {
  constexpr std::array<std::string_view, 8> names{"add", "sub", "mul", "div", "maximum", "minimum", "greater", "equal"};
  return names.at(static_cast<std::size_t>(kind));
}

std::string BinaryAttrs::str() const { return std::string(name_of(kind)); }

Value binary(Value x, Value y, const BinaryAttrs& attrs) { return x.graph->add(binary_op, {x, y}, attrs); }

Value operator+(Value x, Value y) { return binary(x, y, {Binary::add}); }
Value operator-(Value x, Value y) { return binary(x, y, {Binary::sub}); }
Value operator*(Value x, Value y) { return binary(x, y, {Binary::mul}); }
Value operator/(Value x, Value y) { return binary(x, y, {Binary::div}); }
Value maximum(Value x, Value y) { return binary(x, y, {Binary::maximum}); }
Value minimum(Value x, Value y) { return binary(x, y, {Binary::minimum}); }
Value greater(Value x, Value y) { return binary(x, y, {Binary::greater}); }
Value equal(Value x, Value y) { return binary(x, y, {Binary::equal}); }

const OpDef binary_op = define_op<BinaryAttrs, infer, grad, reference>("binary").with_cuda<BinaryAttrs, binary_cuda>();

}  // namespace g2face
