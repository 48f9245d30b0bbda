#include "g2face/ops/unary.hpp"

#include <array>
#include <cmath>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/functions.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

constexpr double softplus_threshold = 20;

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

Types infer(const UnaryAttrs&, std::span<const Type> in) {
  check<ShapeError>(is_float(in[0].dtype), "x ", in[0].str(), " must have a floating dtype (R1)");
  return {in[0]};
}

void grad(GradRule& r, const UnaryAttrs& f) {
  const Value x = r.in(0), y = r.out(), dy = r.dy();
  switch (f.kind) {
    case Unary::affine:
      return r.dx(0, f.a == 1 ? dy : affine(dy, f.a));
    case Unary::exp:
      return r.dx(0, dy * y);
    case Unary::log:
      return r.dx(0, dy / x);
    case Unary::sqrt:
      return r.dx(0, 0.5 * (dy / y));
    case Unary::rsqrt:
      return r.dx(0, -0.5 * (dy * y * square(y)));
    case Unary::reciprocal:
      return r.dx(0, -(dy * square(y)));
    case Unary::square:
      return r.dx(0, 2 * (dy * x));
    case Unary::abs:
      return r.dx(0, dy * sign(x));
    case Unary::sin:
      return r.dx(0, dy * cos(x));
    case Unary::cos:
      return r.dx(0, -(dy * sin(x)));
    case Unary::tanh:
      return r.dx(0, dy * affine(square(y), -1, 1));
    case Unary::sigmoid:
      return r.dx(0, dy * (y * affine(y, -1, 1)));
    case Unary::softplus:
      return r.dx(0, dy * sigmoid(x));
    case Unary::leaky_relu:
      return r.dx(0, dy * leaky_step(x, f.a));
    case Unary::clamp:
      return r.dx(0, dy * inside(x, f.a, f.b));
    case Unary::sign:
    case Unary::leaky_step:
    case Unary::inside:
    case Unary::round:
      return;
  }
}

void reference(const UnaryAttrs& f, const ReferenceArgs& args) {
  const std::span<const double> x = args.in(0);
  const std::span<double> y = args.out();
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = apply(f, x[i]);
}

}  // namespace

double apply(const UnaryAttrs& f, double x) {
  switch (f.kind) {
    case Unary::affine:
      return f.a * x + f.b;
    case Unary::exp:
      return std::exp(x);
    case Unary::log:
      return std::log(x);
    case Unary::sqrt:
      return std::sqrt(x);
    case Unary::rsqrt:
      return 1 / std::sqrt(x);
    case Unary::reciprocal:
      return 1 / x;
    case Unary::square:
      return x * x;
    case Unary::abs:
      return std::fabs(x);
    case Unary::sign:
      return x > 0 ? 1 : x < 0 ? -1 : 0;
    case Unary::sin:
      return std::sin(x);
    case Unary::cos:
      return std::cos(x);
    case Unary::tanh:
      return std::tanh(x);
    case Unary::sigmoid:
      return sigmoid_of(x);
    case Unary::softplus:
      return x > softplus_threshold ? x : std::log1p(std::exp(x));
    case Unary::leaky_relu:
      return x > 0 ? x : f.a * x;
    case Unary::leaky_step:
      return x > 0 ? 1 : f.a;
    case Unary::clamp:
      return x < f.a ? f.a : x > f.b ? f.b : x;
    case Unary::inside:
      return f.a <= x && x <= f.b ? 1 : 0;
    case Unary::round:
      return std::nearbyint(x);
  }
  return x;
}

std::string_view name_of(Unary kind) {
  constexpr std::array<std::string_view, 19> names{
      "affine", "exp",  "log",     "sqrt",     "rsqrt",      "reciprocal", "square", "abs",    "sign", "sin",
      "cos",    "tanh", "sigmoid", "softplus", "leaky_relu", "leaky_step", "clamp",  "inside", "round"};
  return names.at(static_cast<std::size_t>(kind));
}

std::string UnaryAttrs::str() const {
  const std::string name(name_of(kind));
  return *this == UnaryAttrs{.kind = kind} ? name : name + ' ' + exact(a) + ' ' + exact(b);
}

Value unary(Value x, const UnaryAttrs& attrs) { return x.graph->add(unary_op, {x}, attrs); }

Value affine(Value x, double scale, double offset) {
  return unary(x, {.kind = Unary::affine, .a = scale, .b = offset});
}
Value exp(Value x) { return unary(x, {.kind = Unary::exp}); }
Value log(Value x) { return unary(x, {.kind = Unary::log}); }
Value sqrt(Value x) { return unary(x, {.kind = Unary::sqrt}); }
Value rsqrt(Value x) { return unary(x, {.kind = Unary::rsqrt}); }
Value reciprocal(Value x) { return unary(x, {.kind = Unary::reciprocal}); }
Value square(Value x) { return unary(x, {.kind = Unary::square}); }
Value abs(Value x) { return unary(x, {.kind = Unary::abs}); }
Value sign(Value x) { return unary(x, {.kind = Unary::sign}); }
Value sin(Value x) { return unary(x, {.kind = Unary::sin}); }
Value cos(Value x) { return unary(x, {.kind = Unary::cos}); }
Value tanh(Value x) { return unary(x, {.kind = Unary::tanh}); }
Value sigmoid(Value x) { return unary(x, {.kind = Unary::sigmoid}); }
Value softplus(Value x) { return unary(x, {.kind = Unary::softplus}); }
Value leaky_relu(Value x, double slope) { return unary(x, {.kind = Unary::leaky_relu, .a = slope}); }
Value leaky_step(Value x, double slope) { return unary(x, {.kind = Unary::leaky_step, .a = slope}); }
Value relu(Value x) { return leaky_relu(x, 0); }
Value clamp(Value x, double low, double high) { return unary(x, {.kind = Unary::clamp, .a = low, .b = high}); }
Value inside(Value x, double low, double high) { return unary(x, {.kind = Unary::inside, .a = low, .b = high}); }
Value round(Value x) { return unary(x, {.kind = Unary::round}); }

const OpDef unary_op = define_op<UnaryAttrs, infer, grad, reference>("unary").with_cuda<UnaryAttrs, unary_cuda>();

}  // namespace g2face
