#include "g2face/fill.hpp"

#include <string>

// A fused multiply-add would round once where the rule rounds twice.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

namespace g2face {
namespace {

constexpr std::uint64_t golden_ratio = 0x9E3779B97F4A7C15;
[[maybe_unused]] constexpr std::int64_t parallel_from = 1 << 16;

float element(std::uint64_t hash, std::int64_t i, double scale, double offset) {
  std::uint64_t z = hash + (static_cast<std::uint64_t>(i) + 1) * golden_ratio;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  z = z ^ (z >> 31);
  const double u = static_cast<double>(z >> 40) * 0x1p-24;
  return static_cast<float>(offset + scale * (2.0 * u - 1.0));
}

}  // namespace

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

Tensor fill(std::string_view name, const Shape& shape, double scale, double offset) {
  Tensor result({DType::f32, shape});
  float* out = result.mutable_as<float>().data();
  const std::uint64_t hash = fnv1a(name);
  const std::int64_t n = result.numel();
#pragma omp parallel for schedule(static) if (n >= parallel_from)
  for (std::int64_t i = 0; i < n; ++i) out[i] = element(hash, i, scale, offset);
  return result;
}

Tensor make_image(std::string_view name, std::int64_t n) {
  constexpr std::int64_t size = 256;
  constexpr std::int64_t block = 8;
  constexpr std::int64_t coarse = size / block;
  const Tensor lo = fill(std::string(name) + "/lo", {n, 3, coarse, coarse});
  Tensor result = fill(std::string(name) + "/hi", {n, 3, size, size});
  const float* low = lo.as<float>().data();
  float* out = result.mutable_as<float>().data();
  for (std::int64_t row = 0; row < n * 3 * size; ++row) {  // of every plane: block * coarse rows each
    for (std::int64_t x = 0; x < size; ++x) {
      const double l = 0.6 * static_cast<double>(low[row / block * coarse + x / block]);
      const double h = 0.3 * static_cast<double>(out[row * size + x]);
      out[row * size + x] = static_cast<float>(l + h);
    }
  }
  return result;
}

std::int64_t sample_position(std::int64_t i, std::int64_t numel, std::int64_t count) {
  if (numel <= count) return i;
  const std::uint64_t mixed = static_cast<std::uint64_t>(i) * 0x9E3779B1 + 0x7F4A7C15;
  return static_cast<std::int64_t>(mixed % static_cast<std::uint64_t>(numel));
}

}  // namespace g2face
