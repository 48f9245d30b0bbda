#pragma once
// Elementwise functions of one value.

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// Which function; a and b are its constants.
enum class Unary : std::uint8_t {
  affine,  // a x + b
  exp,
  log,
  sqrt,
  rsqrt,       // 1 / sqrt(x)
  reciprocal,  // 1 / x
  square,
  abs,
  sign,  // -1, 0, 1; gradient 0
  sin,
  cos,
  tanh,
  sigmoid,
  softplus,    // log(1 + exp(x)); x itself above 20, as PyTorch
  leaky_relu,  // x > 0 ? x : a x
  leaky_step,  // x > 0 ? 1 : a; gradient 0. The derivative of leaky_relu, which at 0 is a
  clamp,       // min(max(x, a), b)
  inside,      // a <= x <= b ? 1 : 0; gradient 0. The derivative of clamp
  round,       // to nearest, halves to even; gradient 0
};

struct UnaryAttrs {
  Unary kind = Unary::affine;
  double a = 1, b = 0;
  bool operator==(const UnaryAttrs&) const = default;
  std::string str() const;
};

///   y = f(x)        x, y of any shape, a floating dtype
/// R1: x has a floating dtype.  Gradient: closed; second derivatives at kinks are 0. Bitwise reproducible.
Value unary(Value x, const UnaryAttrs& attrs);

Value affine(Value x, double scale, double offset = 0);
Value exp(Value x);
Value log(Value x);
Value sqrt(Value x);
Value rsqrt(Value x);
Value reciprocal(Value x);
Value square(Value x);
Value abs(Value x);
Value sign(Value x);
Value sin(Value x);
Value cos(Value x);
Value tanh(Value x);
Value sigmoid(Value x);
Value softplus(Value x);
Value leaky_relu(Value x, double slope);
Value leaky_step(Value x, double slope);
Value relu(Value x);
Value clamp(Value x, double low, double high);
Value inside(Value x, double low, double high);
Value round(Value x);

inline Value operator-(Value x) { return affine(x, -1); }
inline Value operator*(Value x, double k) { return affine(x, k); }
inline Value operator*(double k, Value x) { return affine(x, k); }
inline Value operator/(Value x, double k) { return affine(x, 1 / k); }
inline Value operator+(Value x, double k) { return affine(x, 1, k); }
inline Value operator-(Value x, double k) { return affine(x, 1, -k); }

extern const OpDef unary_op;

}  // namespace g2face
