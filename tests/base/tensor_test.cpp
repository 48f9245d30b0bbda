#include "g2face/tensor.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "g2face/device.hpp"

using namespace g2face;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

template <class To, class From>
To converted(From v) {
  To out{};
  convert(&v, dtype_of<From>::value, &out, dtype_of<To>::value, 1);
  return out;
}

}  // namespace

TEST_CASE("dtype: every f16 survives the way to float and back") {
  for (std::uint32_t b = 0; b < 0x10000; ++b) {
    const f16 h{static_cast<std::uint16_t>(b)};
    const float f = to_float(h);
    if (std::isnan(f)) {
      CHECK(((b & 0x7c00) == 0x7c00 && (b & 0x3ff) != 0));
      CHECK(to_f16(f).bits == (b | 0x200));
    } else {
      REQUIRE(to_f16(f).bits == b);
    }
  }
  CHECK(to_float(f16{0x3c00}) == 1.0f);
  CHECK(to_float(f16{0x0001}) == 0x1p-24f);
  CHECK(to_float(f16{0x7bff}) == 65504.0f);
  CHECK(to_float(f16{0xfc00}) == -std::numeric_limits<float>::infinity());
}

TEST_CASE("dtype: rounding to 16 bits is to the nearest, ties to even") {
  // Between neighbours a < b the midpoint goes to the one with an even last bit; just beside it to the nearer one.
  for (std::uint32_t b = 0; b < 0x7bff; ++b) {
    const float lo = to_float(f16{static_cast<std::uint16_t>(b)});
    const float hi = to_float(f16{static_cast<std::uint16_t>(b + 1)});
    const float mid = (lo + hi) / 2;
    REQUIRE(to_f16(mid).bits == (b % 2 == 0 ? b : b + 1));
    REQUIRE(to_f16(std::nextafter(mid, 0.0f)).bits == b);
    REQUIRE(to_f16(std::nextafter(mid, 1e9f)).bits == b + 1);
  }
  for (std::uint32_t b = 0; b < 0x7f7f; ++b) {
    const float mid = std::bit_cast<float>((b << 16) | 0x8000u);
    REQUIRE(to_bf16(mid).bits == (b % 2 == 0 ? b : b + 1));
    REQUIRE(to_bf16(std::nextafter(mid, 0.0f)).bits == b);
  }
  CHECK(to_f16(65519.99f).bits == 0x7bff);
  CHECK(to_f16(65520.0f).bits == 0x7c00);
  CHECK(to_f16(-1e-30f).bits == 0x8000);
  CHECK(to_bf16(std::numeric_limits<float>::max()).bits == 0x7f80);
  CHECK(to_bf16(std::bit_cast<float>(0xff800001u)).bits == 0xffc0);
  CHECK(to_f16(std::bit_cast<float>(0xff800001u)).bits == 0xfe00);
}

TEST_CASE("convert: doubles and long integers round once, not twice") {
  // 1 + 2^-8 is a tie of bf16; the tiny rest decides, although float cannot hold it.
  CHECK(converted<bf16>(1.0 + 0x1p-8).bits == 0x3f80);
  CHECK(converted<bf16>(1.0 + 0x1p-8 + 0x1p-40).bits == 0x3f81);
  CHECK(converted<bf16>(1.0 + 3 * 0x1p-8 - 0x1p-40).bits == 0x3f81);
  CHECK(converted<f16>(1.0 + 0x1p-11 + 0x1p-40).bits == 0x3c01);
  CHECK(converted<f16>(0x1p-25 + 0x1p-60).bits == 0x0001);
  CHECK(converted<f16>(0x1p-25).bits == 0x0000);
  CHECK(converted<bf16>(1e300).bits == 0x7f80);
  CHECK(converted<bf16>(-1e-300).bits == 0x8000);
  CHECK(std::isnan(to_float(converted<bf16>(std::nan("")))));
  const std::int64_t tie = (std::int64_t{1} << 62) + (std::int64_t{1} << 54);
  CHECK(to_float(converted<bf16>(tie)) == 0x1p62f);
  CHECK(to_float(converted<bf16>(tie + 1)) == 0x1p62f + 0x1p55f);
  CHECK(to_float(converted<bf16>(-tie - 1)) == -0x1p62f - 0x1p55f);
  CHECK(to_float(converted<bf16>(std::numeric_limits<std::int64_t>::min())) == -0x1p63f);
}

TEST_CASE("convert: to integers truncates and stops at the limits") {
  CHECK(converted<std::int32_t>(-2.9f) == -2);
  CHECK(converted<std::int32_t>(1e20) == std::numeric_limits<std::int32_t>::max());
  CHECK(converted<std::int32_t>(-1e20f) == std::numeric_limits<std::int32_t>::min());
  CHECK(converted<std::int64_t>(inf) == std::numeric_limits<std::int64_t>::max());
  CHECK(converted<std::int64_t>(9.3e18f) == std::numeric_limits<std::int64_t>::max());
  CHECK(converted<std::int64_t>(std::nan("")) == 0);
  CHECK(converted<std::uint8_t>(-3.5) == 0);
  CHECK(converted<std::uint8_t>(255.9f) == 255);
  CHECK(converted<std::uint8_t>(std::int64_t{300}) == 255);
  CHECK(converted<std::uint8_t>(std::int32_t{-1}) == 0);
  CHECK(converted<std::int32_t>(std::int64_t{-7}) == -7);
  CHECK(converted<std::uint8_t>(f16{0x4900}) == 10);
}

TEST_CASE("tensor: every pair of dtypes carries small whole numbers") {
  const Tensor start = Tensor::from({4}, {0, 1, 2, 200});
  const DType all[] = {DType::f32, DType::f64, DType::bf16, DType::f16, DType::i64, DType::i32, DType::u8};
  for (const DType a : all) {
    for (const DType b : all) {
      CAPTURE(name_of(a));
      CAPTURE(name_of(b));
      const Tensor t = start.to(a).to(b);
      CHECK(t.dtype() == b);
      CHECK(t.bytes() == 4 * size_of(b));
      CHECK(relative_error(t, start) == 0.0);
    }
  }
}

TEST_CASE("tensor: handles share memory, clones and written views do not") {
  Tensor a = Tensor::zeros({DType::f32, {2, 2}});
  const Tensor b = a.reshape({4});
  const Tensor c = a.clone();
  a.mutable_as<float>()[3] = 5;
  CHECK(b.as<float>()[3] == 5);
  CHECK(c.as<float>()[3] == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % 64 == 0);

  const float fixed[] = {1, 2};
  Tensor v = Tensor::view({DType::f32, {2}}, fixed, nullptr);
  CHECK(v.data() == fixed);
  v.mutable_as<float>()[0] = 9;
  CHECK(fixed[0] == 1);
  CHECK(v.as<float>()[0] == 9);
}

TEST_CASE("tensor: values and refusals") {
  CHECK(Tensor::scalar(2.5).item() == 2.5);
  CHECK(Tensor::scalar(3, DType::i64).item() == 3);
  CHECK(Tensor::full({DType::bf16, {3}}, 0.5).to(DType::f32).as<float>()[2] == 0.5f);
  CHECK(Tensor::full({DType::u8, {5}}, 7).as<std::uint8_t>()[4] == 7);
  CHECK(!Tensor());
  CHECK(Tensor({DType::f32, {0, 3}}));
  CHECK(Type{DType::f32, {1, 3}}.str() == "f32[1,3]");
  CHECK_THROWS_AS(Tensor::from({3}, {1, 2}), ShapeError);
  CHECK_THROWS_AS(Tensor::from({2}, {1, 2}).item(), ShapeError);
  CHECK_THROWS_AS(Tensor::from({2}, {1, 2}).reshape({3}), ShapeError);
  CHECK_THROWS_WITH(Tensor::from({2}, {1, 2}).as<double>(), "tensor is f32[2], but f64 was asked for");
  CHECK_THROWS_AS(Tensor().as<float>(), ShapeError);
  CHECK_THROWS_AS(Tensor({DType::f32, {std::int64_t{1} << 50}}), DeviceError);
  CHECK_THROWS_AS(Tensor({DType::f64, {std::int64_t{1} << 62}}), ShapeError);
}

TEST_CASE("relative_error") {
  CHECK(relative_error(Tensor::from({2}, {3, 4}), Tensor::from({2}, {3, 5})) == doctest::Approx(1 / std::sqrt(34.0)));
  CHECK(relative_error(Tensor::from({2}, {3, 4}), Tensor::from({2}, {0, 0})) == 5.0);
  const float i = std::numeric_limits<float>::infinity();
  const float n = std::numeric_limits<float>::quiet_NaN();
  CHECK(relative_error(Tensor::from({3}, {i, n, 1}), Tensor::from({3}, {i, n, 1})) == 0.0);
  CHECK(relative_error(Tensor::from({1}, {i}), Tensor::from({1}, {-i})) == inf);
  CHECK(relative_error(Tensor::from({1}, {n}), Tensor::from({1}, {1})) == inf);
  CHECK(relative_error(Tensor::from({1}, {1}), Tensor::from({1}, {n})) == inf);
  CHECK_THROWS_AS(relative_error(Tensor::from({1}, {1}), Tensor::from({1, 1}, {1})), ShapeError);
}

TEST_CASE("device: names") {
  CHECK(Device::parse("cpu") == Device::cpu());
  CHECK(Device::parse("reference") == Device::reference());
  CHECK(Device::parse("auto") == Device::best());
  CHECK(Device::cuda(1).str() == "cuda:1");
  CHECK_THROWS_WITH_AS(Device::parse("gpu"), "device 'gpu': expected auto, reference, cpu, cuda or cuda:N (N a number)",
                       DeviceError);
  CHECK_THROWS_AS(Device::parse("cuda:-1"), DeviceError);
}

TEST_CASE("layout: bytes and names") {
  CHECK(TensorDesc{{DType::bf16, {1, 16, 2, 2}}, Layout::nchw16c}.bytes() == 128);
  CHECK(name_of(Layout::nchw16c) == "nchw16c");
}
