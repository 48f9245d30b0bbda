#include "kernels/cpu/pointwise_loops.hpp"

#include <cmath>

#include "kernels/cpu/simd.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace g2face::cpu {
namespace {

template <Unary kind>
G2FACE_INLINE float unary_of(float x, float a, float b) {
  if constexpr (kind == Unary::affine) return a * x + b;
  if constexpr (kind == Unary::exp) return exp_of(x);
  if constexpr (kind == Unary::log) return log_of(x);
  if constexpr (kind == Unary::sqrt) return std::sqrt(x);
  if constexpr (kind == Unary::rsqrt) return 1.f / std::sqrt(x);
  if constexpr (kind == Unary::reciprocal) return 1.f / x;
  if constexpr (kind == Unary::square) return x * x;
  if constexpr (kind == Unary::abs) return std::fabs(x);
  if constexpr (kind == Unary::sign) return x > 0.f ? 1.f : (x < 0.f ? -1.f : 0.f);
  if constexpr (kind == Unary::sin) return std::sin(x);
  if constexpr (kind == Unary::cos) return std::cos(x);
  if constexpr (kind == Unary::tanh) return tanh_of(x);
  if constexpr (kind == Unary::sigmoid) return sigmoid_of(x);
  if constexpr (kind == Unary::softplus) return softplus_of(x);
  if constexpr (kind == Unary::leaky_relu) return x > 0.f ? x : a * x;
  if constexpr (kind == Unary::leaky_step) return x > 0.f ? 1.f : a;
  if constexpr (kind == Unary::clamp) {
    const float y = x < a ? a : x;
    return y > b ? b : y;
  }
  if constexpr (kind == Unary::inside) return a <= x && x <= b ? 1.f : 0.f;
  if constexpr (kind == Unary::round) return std::nearbyint(x);
}

template <Binary kind>
G2FACE_INLINE float binary_of(float x, float y) {
  if constexpr (kind == Binary::add) return x + y;
  if constexpr (kind == Binary::sub) return x - y;
  if constexpr (kind == Binary::mul) return x * y;
  if constexpr (kind == Binary::div) return x / y;
  if constexpr (kind == Binary::maximum) return x >= y ? x : y;
  if constexpr (kind == Binary::minimum) return x <= y ? x : y;
  if constexpr (kind == Binary::greater) return x > y ? 1.f : 0.f;
  if constexpr (kind == Binary::equal) return x == y ? 1.f : 0.f;
}

template <Unary kind>
struct UnaryLoop {
  G2FACE_INLINE void operator()(const TileArgs& t) const {
    const float* x = t.x[0];
    float* y = t.y;
    const float a = t.a, b = t.b;
    const std::int64_t n = t.n;
    // These call libm, so nothing may promise that they vectorise.
    if constexpr (kind == Unary::sin || kind == Unary::cos || kind == Unary::round) {
      for (std::int64_t i = 0; i < n; ++i) y[i] = unary_of<kind>(x[i], a, b);
    } else {
#pragma omp simd
      for (std::int64_t i = 0; i < n; ++i) y[i] = unary_of<kind>(x[i], a, b);
    }
  }
};

template <Binary kind>
struct BinaryLoop {
  G2FACE_INLINE void operator()(const TileArgs& t) const {
    const float *p = t.x[0], *q = t.x[1];
    float* y = t.y;
    const std::int64_t n = t.n;
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) y[i] = binary_of<kind>(p[i], q[i]);
  }
};

struct SelectLoop {
  G2FACE_INLINE void operator()(const TileArgs& t) const {
    const float *c = t.x[0], *p = t.x[1], *q = t.x[2];
    float* y = t.y;
    const std::int64_t n = t.n;
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) {
      const float yes = p[i], no = q[i];  // both are read, so that the choice needs no branch
      y[i] = c[i] != 0.f ? yes : no;
    }
  }
};

TileLoop unary_loop(Unary kind) {
  switch (kind) {
    case Unary::affine:
      return pick<UnaryLoop<Unary::affine>>();
    case Unary::exp:
      return pick<UnaryLoop<Unary::exp>>();
    case Unary::log:
      return pick<UnaryLoop<Unary::log>>();
    case Unary::sqrt:
      return pick<UnaryLoop<Unary::sqrt>>();
    case Unary::rsqrt:
      return pick<UnaryLoop<Unary::rsqrt>>();
    case Unary::reciprocal:
      return pick<UnaryLoop<Unary::reciprocal>>();
    case Unary::square:
      return pick<UnaryLoop<Unary::square>>();
    case Unary::abs:
      return pick<UnaryLoop<Unary::abs>>();
    case Unary::sign:
      return pick<UnaryLoop<Unary::sign>>();
    case Unary::sin:
      return pick<UnaryLoop<Unary::sin>>();
    case Unary::cos:
      return pick<UnaryLoop<Unary::cos>>();
    case Unary::tanh:
      return pick<UnaryLoop<Unary::tanh>>();
    case Unary::sigmoid:
      return pick<UnaryLoop<Unary::sigmoid>>();
    case Unary::softplus:
      return pick<UnaryLoop<Unary::softplus>>();
    case Unary::leaky_relu:
      return pick<UnaryLoop<Unary::leaky_relu>>();
    case Unary::leaky_step:
      return pick<UnaryLoop<Unary::leaky_step>>();
    case Unary::clamp:
      return pick<UnaryLoop<Unary::clamp>>();
    case Unary::inside:
      return pick<UnaryLoop<Unary::inside>>();
    case Unary::round:
      return pick<UnaryLoop<Unary::round>>();
  }
  return nullptr;
}

TileLoop binary_loop(Binary kind) {
  switch (kind) {
    case Binary::add:
      return pick<BinaryLoop<Binary::add>>();
    case Binary::sub:
      return pick<BinaryLoop<Binary::sub>>();
    case Binary::mul:
      return pick<BinaryLoop<Binary::mul>>();
    case Binary::div:
      return pick<BinaryLoop<Binary::div>>();
    case Binary::maximum:
      return pick<BinaryLoop<Binary::maximum>>();
    case Binary::minimum:
      return pick<BinaryLoop<Binary::minimum>>();
    case Binary::greater:
      return pick<BinaryLoop<Binary::greater>>();
    case Binary::equal:
      return pick<BinaryLoop<Binary::equal>>();
  }
  return nullptr;
}

}  // namespace

TileLoop tile_loop(const PointwiseInstruction& instruction) {
  switch (instruction.kind) {
    case PointwiseInstruction::Kind::unary:
      return unary_loop(instruction.unary.kind);
    case PointwiseInstruction::Kind::binary:
      return binary_loop(instruction.binary);
    case PointwiseInstruction::Kind::select:
      return pick<SelectLoop>();
  }
  return nullptr;
}

}  // namespace g2face::cpu
