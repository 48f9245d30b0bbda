#include "g2face/ops/cast.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cuda/layout_check.hpp"

namespace g2face::test {
namespace {

constexpr DType all_dtypes[] = {DType::f32, DType::f64, DType::bf16, DType::f16, DType::i64, DType::i32, DType::u8};

/// What rounding, limits and signs make difficult.
std::vector<Tensor> difficult_values() {
  std::vector<double> values;
  for (const double v : {0.0,
                         0x1p-149,
                         0x1p-133,
                         0x1p-25,
                         0x1.8p-25,
                         0x1p-24,
                         0x1p-14,
                         0x1.ffcp-15,
                         0.5,
                         1.5,
                         1 + 0x1p-8,
                         1 + 0x1.8p-8,
                         1 + 0x1p-8 + 0x1p-40,
                         1 + 0x1p-11,
                         1 + 0x3p-11,
                         254.5,
                         255.0,
                         256.0,
                         65504.0,
                         65519.0,
                         65520.0,
                         0x1p31 - 1,
                         0x1p31,
                         0x1p53 + 2,
                         0x1p63,
                         0x1.fffffep127,
                         0x1.ffp127,
                         1e300,
                         std::numeric_limits<double>::infinity()}) {
    values.push_back(v);
    values.push_back(-v);
  }
  values.push_back(std::numeric_limits<double>::quiet_NaN());
  Tensor floats({DType::f64, {static_cast<std::int64_t>(values.size())}});
  std::copy(values.begin(), values.end(), floats.mutable_as<double>().begin());

  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const std::int64_t whole[] = {most,
                                most - 1,
                                -most,
                                -most - 1,
                                (std::int64_t{1} << 53) + 1,
                                0x40000000000001,
                                16777217,
                                2147483648,
                                -2147483649,
                                255,
                                256,
                                -1,
                                0,
                                257,
                                4097,
                                (257LL << 50) + 1,
                                (257LL << 50)};
  Tensor integers({DType::i64, {std::ssize(whole)}});
  std::copy(std::begin(whole), std::end(whole), integers.mutable_as<std::int64_t>().begin());
  return {floats, integers};
}

/// The same elements, where any NaN is as good as another.
bool same_elements(const Tensor& a, const Tensor& b) {
  if (!is_float(a.dtype())) return std::memcmp(a.data(), b.data(), a.bytes()) == 0;
  const Tensor x = a.to(DType::f64), y = b.to(DType::f64);
  const auto of_x = x.as<double>(), of_y = y.as<double>();
  return std::equal(of_x.begin(), of_x.end(), of_y.begin(), of_y.end(), [](double p, double q) {
    return std::isnan(p) ? std::isnan(q) : p == q && std::signbit(p) == std::signbit(q);
  });
}

TEST_CASE("cast on CUDA gives the elements of convert(), between all dtypes") {
  for (const Tensor& values : difficult_values()) {
    for (const DType from : all_dtypes) {
      for (const DType to : all_dtypes) {
        if (from == to) continue;
        CAPTURE(name_of(from));
        CAPTURE(name_of(to));
        const std::vector<Tensor> x{values.to(from)};
        const LayoutChoice plain{{Layout::nchw}, {Layout::nchw}, 0};
        const Tensor got = run_in_layouts(cast_op, CastAttrs{to}, x, plain, Precision::strict).result;
        CHECK(same_elements(got, x[0].to(to)));
      }
    }
  }
}

}  // namespace
}  // namespace g2face::test
