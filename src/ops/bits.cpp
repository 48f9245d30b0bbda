#include "g2face/ops/bits.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

constexpr std::int64_t bit_count = 32;

Types infer_bits(const NoAttrs&, std::span<const Type> in) {
  const Type& x = in[0];
  check<ShapeError>(x.dtype == DType::f32 && x.shape.rank() >= 1 && x.shape.rank() < Shape::max_rank, "x ", x.str(),
                    " must be f32 of rank 1 to ", Shape::max_rank - 1, " (R1)");
  std::vector<std::int64_t> dims(x.shape.begin(), x.shape.end());
  dims.push_back(bit_count);
  return {{DType::f32, Shape(dims)}};
}

Types infer_float(const BitsAttrs&, std::span<const Type> in) {
  const Type& x = in[0];
  check<ShapeError>(x.dtype == DType::f32 && x.shape.rank() >= 1 && x.shape[-1] == bit_count, "x ", x.str(),
                    " must be f32 and end in an axis of ", bit_count, " bits (R1)");
  return {{DType::f32, Shape(x.shape.dims().first(static_cast<std::size_t>(x.shape.rank() - 1)))}};
}

void bits_reference(const NoAttrs&, const ReferenceArgs& args) {
  const std::span<const double> x = args.in(0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float value = x[i] == 0 ? 1e-8f : static_cast<float>(x[i]);
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (std::size_t k = 0; k < bit_count; ++k) args.out()[i * bit_count + k] = bits >> (31 - k) & 1u;
  }
}

void float_reference(const BitsAttrs& attrs, const ReferenceArgs& args) {
  const std::span<double> y = args.out();
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::span<const double> bits = args.in(0).subspan(i * bit_count, bit_count);
    int exponent = 0;
    for (std::size_t k = 1; k <= 8; ++k) exponent = 2 * exponent + (bits[k] > 0 ? 1 : 0);
    double fraction = 1;
    for (std::size_t k = 9; k < bit_count; ++k)
      if (bits[k] > 0) fraction += std::ldexp(1.0, 8 - static_cast<int>(k));
    const double magnitude =
        exponent == 255 ? std::numeric_limits<double>::infinity() : std::ldexp(fraction, exponent - 127);
    // Bits stand for floats: below 2^-126 the last mantissa bit has no place.
    const double value = static_cast<float>(bits[0] > 0 ? -magnitude : magnitude);
    y[i] = attrs.limit > 0 && magnitude > attrs.limit ? 0 : value;
  }
}

}  // namespace

std::string BitsAttrs::str() const { return "limit " + exact(limit); }

Value float_to_bits(Value x) { return x.graph->add(float_to_bits_op, {x}, NoAttrs{}); }
Value bits_to_float(Value x, const BitsAttrs& attrs) { return x.graph->add(bits_to_float_op, {x}, attrs); }

const OpDef float_to_bits_op = define_op<NoAttrs, infer_bits, nullptr, bits_reference>("float_to_bits")
                                   .with_cpu<NoAttrs, float_to_bits_cpu>()
                                   .with_cuda<NoAttrs, float_to_bits_cuda>();
const OpDef bits_to_float_op = define_op<BitsAttrs, infer_float, nullptr, float_reference>("bits_to_float")
                                   .with_cpu<BitsAttrs, bits_to_float_cpu>()
                                   .with_cuda<BitsAttrs, bits_to_float_cuda>();

}  // namespace g2face
