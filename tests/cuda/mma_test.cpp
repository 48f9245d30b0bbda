#include <bit>
#include <cmath>
#include <limits>

#include "cuda/kernel_check.hpp"
#include "cuda/mma_kernels.hpp"
#include "kernels/cuda/runtime.hpp"

namespace g2face::cuda {
struct tf32;
}

namespace g2face::test {
namespace {

using cuda::tf32;

template <class T>
constexpr bool is_tf32 = std::is_same_v<T, tf32>;
template <class T>
constexpr std::int64_t depth_of = is_tf32<T> ? 8 : 16;

// Bits of a value in the type, which holds it exactly.
template <class T>
std::uint32_t bits_of(float v) {
  if constexpr (std::is_same_v<T, bf16>) return to_bf16(v).bits;
  if constexpr (std::is_same_v<T, f16>) return to_f16(v).bits;
  return std::bit_cast<std::uint32_t>(v);
}

Tensor words(const std::vector<std::uint32_t>& values) {
  Tensor t({DType::i32, {static_cast<std::int64_t>(values.size())}});
  std::memcpy(t.mutable_data(), values.data(), t.bytes());
  return t;
}
std::vector<std::uint32_t> words(const Tensor& t) {
  std::vector<std::uint32_t> values(t.bytes() / 4);
  std::memcpy(values.data(), t.data(), t.bytes());
  return values;
}

// Rows as they lie in memory.
template <class T>
Tensor stored(std::span<const float> values) {
  std::vector<std::uint32_t> result;
  for (std::size_t i = 0; i < values.size(); i += is_tf32<T> ? 1 : 2) {
    result.push_back(is_tf32<T> ? bits_of<T>(values[i]) : bits_of<T>(values[i + 1]) << 16 | bits_of<T>(values[i]));
  }
  return words(result);
}

const float* floats(const DeviceTensor& t) { return static_cast<const float*>(t.data()); }
float* mutable_floats(const DeviceTensor& t) { return static_cast<float*>(t.data()); }
std::uint32_t* device_words(const DeviceTensor& t) { return static_cast<std::uint32_t*>(t.data()); }

// Multiples of 1/16 below 8, which every type holds, and whose sums f32 holds: the order does not matter.
Tensor exact(const Shape& shape, unsigned seed) {
  Tensor t = varied(shape, seed);
  for (float& v : t.mutable_as<float>()) v = std::round(v * 127) / 16;
  return t;
}

template <class T>
void check_products() {
  constexpr std::int64_t depth = depth_of<T>;
  const Tensor a = exact({16, depth}, 1), b = exact({depth, 8}, 2), c = exact({16, 8}, 3);
  Tensor want({DType::f32, {16, 8}}), b_transposed({DType::f32, {8, depth}});
  const auto at = [](const Tensor& t, std::int64_t i, std::int64_t j) {
    return t.as<float>()[static_cast<std::size_t>(i * t.shape()[1] + j)];
  };
  for (std::int64_t i = 0; i < 16; ++i) {
    for (std::int64_t j = 0; j < 8; ++j) {
      float sum = at(c, i, j);
      for (std::int64_t k = 0; k < depth; ++k) sum += at(a, i, k) * at(b, k, j);
      want.mutable_as<float>()[static_cast<std::size_t>(i * 8 + j)] = sum;
    }
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    for (std::int64_t j = 0; j < 8; ++j)
      b_transposed.mutable_as<float>()[static_cast<std::size_t>(j * depth + k)] = at(b, k, j);
  }
  for_each_schedule([&] {
    const DeviceTensor on_a(a), on_b(b), on_c(c), d(Tensor::zeros(want.type()));
    multiply_tile<T>(floats(on_a), floats(on_b), floats(on_c), mutable_floats(d));
    CHECK(std::memcmp(d.to_host().data(), want.data(), want.bytes()) == 0);
    const DeviceTensor stored_a(stored<T>(a.as<float>())), stored_b(stored<T>(b_transposed.as<float>()));
    const DeviceTensor loaded(Tensor::zeros(want.type()));
    multiply_loaded_tile<T>(device_words(stored_a), device_words(stored_b), floats(on_c), mutable_floats(loaded));
    CHECK(std::memcmp(loaded.to_host().data(), want.data(), want.bytes()) == 0);
  });
}

TEST_CASE("mma_sync multiplies tiles whose elements lie in the lanes as documented") {
  check_products<bf16>();
  check_products<f16>();
  check_products<tf32>();
}

template <class T>
void check_warpgroup(std::int64_t columns) {
  CAPTURE(columns);
  const Tensor a = exact({64, 64}, 1), b = exact({columns, 64}, 2), c = exact({64, columns}, 3);
  Tensor want({DType::f32, {64, columns}});
  for (std::size_t i = 0; i < 64; ++i) {
    for (std::size_t j = 0; j < static_cast<std::size_t>(columns); ++j) {
      const std::size_t at = i * static_cast<std::size_t>(columns) + j;
      float sum = c.as<float>()[at];
      for (std::size_t k = 0; k < 64; ++k) sum += a.as<float>()[i * 64 + k] * b.as<float>()[j * 64 + k];
      want.mutable_as<float>()[at] = sum;
    }
  }
  for_each_schedule([&] {
    const DeviceTensor on_a(stored<T>(a.as<float>())), on_b(stored<T>(b.as<float>())), on_c(c);
    const DeviceTensor d(Tensor::zeros(want.type()));
    multiply_warpgroup<T>(static_cast<int>(columns), device_words(on_a), device_words(on_b), floats(on_c),
                          mutable_floats(d));
    CHECK(std::memcmp(d.to_host().data(), want.data(), want.bytes()) == 0);
  });
}

TEST_CASE("wgmma multiplies rows in shared memory whose sums lie in the threads as documented") {
  if (!cuda::has_wgmma()) {
    MESSAGE("left out: this GPU, or this program's code for it, has no wgmma");
    return;
  }
  for (const std::int64_t columns : {64, 128, 256}) {
    check_warpgroup<bf16>(columns);
    check_warpgroup<f16>(columns);
  }
}

TEST_CASE("ldmatrix hands out rows, or columns of the transposed matrices") {
  std::vector<std::uint32_t> rows;  // element j of row i is 8 i + j
  for (std::uint32_t i = 0; i < 128; ++i) rows.push_back((2 * i + 1) << 16 | 2 * i);
  const DeviceTensor x(words(rows));
  for (const Load load : {Load::x4, Load::x4_trans, Load::x2}) {
    CAPTURE(static_cast<int>(load));
    for_each_schedule([&] {
      const DeviceTensor r(words(std::vector<std::uint32_t>(128, 0xffffffffu)));
      load_matrices(load, static_cast<const std::uint16_t*>(x.data()), device_words(r));
      const std::vector<std::uint32_t> got = words(r.to_host());
      for (std::uint32_t l = 0; l < 32; ++l) {
        for (std::uint32_t m = 0; m < 4; ++m) {
          const std::uint32_t row = l / 4, column = 2 * (l % 4), first = 64 * m;
          std::uint32_t want = (first + 8 * row + column + 1) << 16 | (first + 8 * row + column);
          if (load == Load::x4_trans) want = (first + 8 * (column + 1) + row) << 16 | (first + 8 * column + row);
          if (load == Load::x2 && m >= 2) want = 0;
          CHECK(got[l * 4 + m] == want);
        }
      }
    });
  }
}

TEST_CASE("cp_async copies, or writes zeros") {
  for (const int bytes : {4, 8, 16}) {
    CAPTURE(bytes);
    constexpr std::size_t threads = 64;
    const std::size_t each = static_cast<std::size_t>(bytes) / 4;
    std::vector<std::uint32_t> values(threads * each);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint32_t>(i) + 1;
    const DeviceTensor x(words(values));
    for_each_schedule([&] {
      const DeviceTensor y(words(std::vector<std::uint32_t>(values.size(), 0xffffffffu)));
      copy_even(bytes, device_words(x), device_words(y), threads);
      const std::vector<std::uint32_t> got = words(y.to_host());
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t from = (i + each) % values.size();
        CHECK(got[i] == (from / each % 2 == 0 ? values[from] : 0));
      }
    });
  }
}

std::vector<float> awkward_values() {
  std::vector<float> values;
  for (const std::uint32_t upper : {0x0000u, 0x0001u, 0x3f80u, 0x3f81u, 0x7f7fu, 0x7f80u, 0x477fu, 0x3880u, 0x3300u}) {
    for (const std::uint32_t lower : {0x0000u, 0x0001u, 0x0fffu, 0x1000u, 0x1001u, 0x2fffu, 0x3000u, 0x7fffu, 0x8000u,
                                      0x8001u, 0xefffu, 0xf000u, 0xffffu}) {
      for (const std::uint32_t sign : {0u, 1u}) {
        values.push_back(std::bit_cast<float>(sign << 31 | upper << 16 | lower));
      }
    }
  }
  const Tensor small = varied({62}, 9);
  for (const float v : small.as<float>()) values.push_back(v * 1e-4f);
  return values;
}

Tensor tensor_of(const std::vector<float>& values) {
  Tensor t({DType::f32, {static_cast<std::int64_t>(values.size())}});
  std::memcpy(t.mutable_data(), values.data(), t.bytes());
  return t;
}

template <class T>
void check_rounding(T (*to)(float)) {
  const std::vector<float> values = awkward_values();
  const DeviceTensor x(tensor_of(values)), pairs(words(std::vector<std::uint32_t>(values.size() / 2, 0)));
  const DeviceTensor back(tensor_of(std::vector<float>(values.size())));
  round_trip<T>(floats(x), device_words(pairs), mutable_floats(back), static_cast<int>(values.size()));
  const std::vector<std::uint32_t> got_pairs = words(pairs.to_host());
  const Tensor got_back = back.to_host();
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(std::bit_cast<std::uint32_t>(values[i]));
    const T want = to(values[i]);
    const std::uint32_t bits = got_pairs[i / 2] >> (i % 2 * 16) & 0xffffu;
    const float got = got_back.as<float>()[i];
    if (std::isnan(values[i])) {
      CHECK(bits == 0x7fff);
      CHECK(std::isnan(got));
    } else {
      CHECK(bits == want.bits);
      CHECK(std::bit_cast<std::uint32_t>(got) == std::bit_cast<std::uint32_t>(to_float(want)));
    }
  }
}

TEST_CASE("bf16 and f16 are rounded as on the host") {
  check_rounding<bf16>(to_bf16);
  check_rounding<f16>(to_f16);
}

TEST_CASE("to_tf32 rounds to 10 bits of mantissa, ties away from zero") {
  const std::vector<float> values = awkward_values();
  const DeviceTensor x(tensor_of(values)), bits(words(std::vector<std::uint32_t>(values.size(), 0)));
  round_to_tf32(floats(x), device_words(bits), static_cast<int>(values.size()));
  const std::vector<std::uint32_t> got = words(bits.to_host());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto u = std::bit_cast<std::uint32_t>(values[i]);
    CAPTURE(u);
    if (std::isnan(values[i])) {  // a GPU makes it infinite if all that tells it from infinity is rounded away
      CHECK_FALSE(std::isfinite(std::bit_cast<float>(got[i])));
      continue;
    }
    const std::uint32_t below = u & ~0x1fffu;
    CHECK(got[i] == ((u & 0x1000u) != 0 && !std::isinf(values[i]) ? below + 0x2000u : below));
  }
}

}  // namespace
}  // namespace g2face::test
