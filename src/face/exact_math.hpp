#pragma once
// Functions of real numbers from +, -, *, / and sqrt alone, which IEEE arithmetic rounds in one way: synthetic faces
// are the same bits whatever the C library. (A compiler that joins products and sums into fused operations changes
// them.)

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace g2face::face {

struct Vec3 {
  double x = 0, y = 0, z = 0;
  Vec3 operator+(const Vec3& b) const { return {x + b.x, y + b.y, z + b.z}; }
  Vec3 operator-(const Vec3& b) const { return {x - b.x, y - b.y, z - b.z}; }
  Vec3 operator*(double s) const { return {x * s, y * s, z * s}; }
  /// Each component by itself: colours.
  Vec3 operator*(const Vec3& b) const { return {x * b.x, y * b.y, z * b.z}; }
};
inline double dot(const Vec3& a, const Vec3& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline double length(const Vec3& a) { return std::sqrt(dot(a, a)); }
inline Vec3 unit(const Vec3& a) {
  const double l = length(a);
  return l > 0 ? a * (1 / l) : Vec3{0, 0, 1};
}
inline Vec3 mix(const Vec3& a, const Vec3& b, double t) { return a + (b - a) * t; }

inline double clamp01(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
/// 0 up to a, 1 from b on, smooth between; a may be above b.
inline double smoothstep(double a, double b, double x) {
  // Most points lie outside of most steps: no division for them. a and b are constants nearly everywhere.
  if (a < b ? x <= a : x >= a) return 0;
  if (a < b ? x >= b : x <= b) return 1;
  const double t = clamp01((x - a) / (b - a));
  return t * t * (3 - 2 * t);
}
/// Close to exp(-q/2) and exactly 0 from q = 8 on: q is a squared distance in units of the width.
inline double kernel(double q) {
  if (q >= 8) return 0;
  const double t = 1 - q * 0.125;
  return t * t * t * t;
}
/// The kernel at (x, y) of a spot of the widths sx, sy around (cx, cy).
inline double spot(double x, double y, double cx, double cy, double sx, double sy) {
  constexpr double reach = 2.8285;  // a little above the root of 8
  if (std::abs(x - cx) > reach * sx || std::abs(y - cy) > reach * sy) return 0;
  const double u = (x - cx) / sx, v = (y - cy) / sy;
  return kernel(u * u + v * v);
}

constexpr double pi = 3.14159265358979323846;

/// The largest whole number up to x, for x of less than 2^63: std::floor is a call on plain x86-64.
inline std::int64_t whole_below(double x) {
  const auto towards_zero = static_cast<std::int64_t>(x);
  return towards_zero - (static_cast<double>(towards_zero) > x ? 1 : 0);
}

/// exp, to 1e-10 of its value, for x in -700..700.
inline double exact_exp(double x) {
  constexpr std::array<double, 9> terms = {1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1};
  const double scaled = x * 1.44269504088896340736;
  const std::int64_t whole = whole_below(scaled + 0.5);
  const double r = (scaled - static_cast<double>(whole)) * 0.69314718055994530942;
  double sum = 0;
  for (const double t : terms) sum = sum * r + t;
  const auto bits = static_cast<std::uint64_t>(whole + 1023) << 52;
  return sum * std::bit_cast<double>(bits);
}
/// The natural logarithm of a normal x > 0, to 1e-10.
inline double exact_log(double x) {
  constexpr std::array<double, 7> terms = {1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1};
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto exponent = static_cast<double>(static_cast<std::int64_t>(bits >> 52) - 1022);
  const auto m = std::bit_cast<double>((bits & 0xFFFFFFFFFFFFFU) | (std::uint64_t{1022} << 52));  // 0.5..1
  const double s = (m - 0.70710678118654752440) / (m + 0.70710678118654752440), s2 = s * s;
  double sum = 0;
  for (const double t : terms) sum = sum * s2 + t;
  return 2 * s * sum + (exponent - 0.5) * 0.69314718055994530942;
}
inline double exact_pow(double x, double p) {
  if (x < 1e-30) return 0;
  return exact_exp(p * exact_log(x));
}

/// Sine, to 1e-12, for |x| below a million.
inline double exact_sin(double x) {
  const double turns = std::floor(x / pi + 0.5);
  const double r = x - turns * pi, r2 = r * r;  // -pi/2..pi/2
  double sum = 1;
  for (int k = 9; k >= 1; --k) sum = 1 - sum * r2 / (2.0 * k * (2.0 * k + 1));
  const double odd = turns - 2 * std::floor(turns / 2);
  return odd > 0.5 ? -r * sum : r * sum;
}
inline double exact_cos(double x) { return exact_sin(x + pi / 2); }

/// Smooth noise with mean 0 in -1..1, whose features are about 1 wide. Numbers repeat far away.
class Noise {
 public:
  constexpr Noise() {
    std::uint64_t state = 1;
    for (float& v : values_) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      v = static_cast<float>(static_cast<double>(state >> 40) * 0x1p-23 - 1);
    }
  }
  double operator()(const Vec3& p, std::uint64_t seed) const {
    const std::int64_t x = whole_below(p.x), y = whole_below(p.y), z = whole_below(p.z);
    const std::uint64_t base = static_cast<std::uint64_t>(x) * across + static_cast<std::uint64_t>(y) * up +
                               static_cast<std::uint64_t>(z) * inwards + seed * 40503;
    const double tx = p.x - static_cast<double>(x), ty = p.y - static_cast<double>(y),
                 tz = p.z - static_cast<double>(z);
    const double wx = tx * tx * (3 - 2 * tx), wy = ty * ty * (3 - 2 * ty), wz = tz * tz * (3 - 2 * tz);
    const auto row = [&](std::uint64_t at) { return value(at) + (value(at + across) - value(at)) * wx; };
    const double near = row(base) + (row(base + up) - row(base)) * wy;
    const double far = row(base + inwards) + (row(base + up + inwards) - row(base + inwards)) * wy;
    return near + (far - near) * wz;
  }

 private:
  static constexpr std::uint64_t across = 421, up = 15013, inwards = 7919, size = 1 << 14;
  double value(std::uint64_t at) const { return values_[at & (size - 1)]; }
  std::array<float, size> values_{};
};
inline constexpr Noise noise;

}  // namespace g2face::face
