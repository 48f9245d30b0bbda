#include "g2face/ops/bits.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "g2face/ops/unary.hpp"
#include "g2face/parameters.hpp"
#include "op_check.hpp"

using namespace g2face;

namespace {

const CheckLimits exact{.differences = 0, .strict = 0, .fast = 0, .gradient = false};
constexpr float inf = std::numeric_limits<float>::infinity();

// 32 floats from the sign, the exponent and the mantissa field.
Tensor bits_of(std::uint32_t word) {
  std::vector<float> bits;
  for (int k = 31; k >= 0; --k) bits.push_back(static_cast<float>(word >> k & 1u));
  return Tensor::from({1, 32}, bits);
}

}  // namespace

TEST_CASE("bits: shapes, and every device agrees exactly") {
  const OpCheck to_bits(float_to_bits_op, NoAttrs{}, exact), to_float(bits_to_float_op, BitsAttrs{}, exact);
  for (const Shape& x : {Shape{1}, {31}, {33}, {257}, {2, 512}, {2, 3, 5}}) {
    to_bits.ok({{x, {-60, 60}}});
    std::vector<std::int64_t> dims(x.begin(), x.end());
    dims.push_back(32);
    to_float.ok({Shape(dims)});
    to_float.ok({Shape(dims)}, BitsAttrs{50});
  }
}

TEST_CASE("bits: written from sign to last mantissa bit, and zero is 1e-8") {
  const OpCheck c(float_to_bits_op, NoAttrs{}, exact);
  for (const float v : {1.0f, -1.0f, 0.1f, 511.9f, -3.0e-30f})
    c.gives({Tensor::from({1}, {v})}, bits_of(std::bit_cast<std::uint32_t>(v)));
  c.gives({Tensor::from({1}, {0.0f})}, bits_of(std::bit_cast<std::uint32_t>(1e-8f)));
  c.gives({Tensor::from({1}, {-0.0f})}, bits_of(std::bit_cast<std::uint32_t>(1e-8f)));
}

TEST_CASE("bits: read as x > 0, with no special encodings, and limited") {
  const OpCheck c(bits_to_float_op, BitsAttrs{}, exact);
  c.gives({bits_of(std::bit_cast<std::uint32_t>(-0.1f))}, Tensor::from({1}, {-0.1f}));
  c.gives({bits_of(0)}, Tensor::from({1}, {0x1p-127f}));
  c.gives({bits_of(0x7f800000)}, Tensor::from({1}, {inf}));
  c.gives({bits_of(0xffc00001)}, Tensor::from({1}, {-inf}));
  c.gives({bits_of(0x7f800000)}, BitsAttrs{50}, Tensor::from({1}, {0}));
  for (const float v : {50.0f, -50.0f}) {
    c.gives({bits_of(std::bit_cast<std::uint32_t>(v))}, BitsAttrs{50}, Tensor::from({1}, {v}));
    c.gives({bits_of(std::bit_cast<std::uint32_t>(std::nextafterf(v, 2 * v)))}, BitsAttrs{50}, Tensor::from({1}, {0}));
  }
}

TEST_CASE("bits: as the original's float2bit and bit2float") {
  const Parameters golden = Parameters::load(G2FACE_TEST_DATA "/ops/k_bits.safetensors");
  const OpCheck to_bits(float_to_bits_op, NoAttrs{}, exact), to_float(bits_to_float_op, BitsAttrs{}, exact);
  const auto at = [&](const std::string& name) { return golden.at(name).to(DType::f32); };
  for (const std::string name : {"float2bit_gaussian", "float2bit_wide_range", "float2bit_special"})
    to_bits.gives({at(name + "/input.x")}, at(name + "/output.bits"));
  for (const std::string name : {"bit2float_random", "bit2float_clamp_range", "bit2float_special"}) {
    to_float.gives({at(name + "/input.bits")}, at(name + "/output.value"));
    to_float.gives({at(name + "/input.bits")}, BitsAttrs{50}, at(name + "/output.clamped"));
  }
  const std::string logits = "logits_to_feature";
  to_float.gives({at(logits + "/input.logits")}, BitsAttrs{50}, at(logits + "/output.clamped"));
  const auto rounded = [](const std::vector<Value>& v) { return bits_to_float(round(sigmoid(v[0]))); };
  to_float.gives({at(logits + "/input.logits")}, rounded, at(logits + "/output.value"));
}

TEST_CASE("bits: rules") {
  const OpCheck to_bits(float_to_bits_op), to_float(bits_to_float_op, BitsAttrs{});
  to_bits.fails("R1", {{}}, "x f32[] must be f32 of rank 1 to 7");
  to_bits.fails("R1", {{{3}, {}, DType::f64}}, "x f64[3] must be f32 of rank 1 to 7");
  to_bits.fails("R1", {{1, 1, 1, 1, 1, 1, 1, 1}}, "must be f32 of rank 1 to 7");
  to_float.fails("R1", {{2, 31}}, "x f32[2,31] must be f32 and end in an axis of 32 bits");
  to_float.fails("R1", {{}}, "x f32[] must be f32 and end in an axis of 32 bits");
  to_float.fails("R1", {{{2, 32}, {}, DType::i64}}, "x i64[2,32] must be f32 and end in an axis of 32 bits");
}
