#include "g2face/ops/random.hpp"

#include <cmath>
#include <numbers>

#include "g2face/fill.hpp"
#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

struct Product {
  std::uint32_t high, low;
};
Product multiply(std::uint32_t a, std::uint32_t b) {
  const std::uint64_t p = static_cast<std::uint64_t>(a) * b;
  return {static_cast<std::uint32_t>(p >> 32), static_cast<std::uint32_t>(p)};
}

Types infer(const RandomAttrs& attrs, std::span<const Type> in) {
  const bool one = in[0] == Type{DType::i64, {1}};
  const bool rows = attrs.shape.rank() > 0 && in[0] == Type{DType::i64, {attrs.shape[0]}};
  check<ShapeError>(one || rows, "seed ", in[0].str(), " must be i64[1], or i64[N] for a result [N,...], not ",
                    attrs.shape, " (R1)");
  return {{DType::f32, attrs.shape}};
}

void reference(const RandomAttrs& attrs, const ReferenceArgs& args) {
  const std::span<const double> seeds = args.in(0);
  const std::span<double> y = args.out();
  for (std::size_t row = 0; row < seeds.size(); ++row) {
    const double seed = seeds[row];
    check<Error>(seed >= 0 && seed < 0x1p53, "random: seed ", seed, " must be at least 0 and below 2^53");
    const std::size_t n = y.size() / seeds.size();
    for (std::size_t i = 0; i < n; ++i)
      y[row * n + i] = random_normal_block(static_cast<std::uint64_t>(seed), attrs.stream, i / 4)[i % 4];
  }
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const Product p0 = multiply(0xD2511F53u, counter[0]);
    const Product p1 = multiply(0xCD9E8D57u, counter[2]);
    counter = {p1.high ^ counter[1] ^ k0, p1.low, p0.high ^ counter[3] ^ k1, p0.low};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return counter;
}

std::uint64_t random_stream(std::string_view name) { return fnv1a(name); }

std::array<double, 4> random_uniform_block(std::uint64_t seed, std::uint64_t stream, std::uint64_t k) {
  const std::array<std::uint32_t, 4> r =
      philox4x32({static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(k >> 32),
                  static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                 seed);
  std::array<double, 4> u;
  for (std::size_t i = 0; i < 4; ++i) u[i] = (r[i] + 0.5) * 0x1p-32;
  return u;
}

std::array<double, 4> random_normal_block(std::uint64_t seed, std::uint64_t stream, std::uint64_t k) {
  const std::array<double, 4> u = random_uniform_block(seed, stream, k);
  std::array<double, 4> n;
  for (std::size_t i = 0; i < 4; i += 2) {
    const double radius = std::sqrt(-2 * std::log(u[i]));
    const double angle = 2 * std::numbers::pi * u[i + 1];
    n[i] = radius * std::cos(angle);
    n[i + 1] = radius * std::sin(angle);
  }
  return n;
}

std::string RandomAttrs::str() const { return g2face::str(shape, " stream ", stream); }

Value random_normal(Value seed, const RandomAttrs& attrs) { return seed.graph->add(random_op, {seed}, attrs); }

const OpDef random_op = define_op<RandomAttrs, infer, nullptr, reference>("random")
                            .with_cpu<RandomAttrs, random_cpu>()
                            .with_cuda<RandomAttrs, random_cuda>();

}  // namespace g2face
