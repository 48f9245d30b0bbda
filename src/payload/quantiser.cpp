#include "g2face/payload/quantiser.hpp"

#include <algorithm>
#include <cmath>

#include "g2face/error.hpp"

namespace g2face::payload {
namespace {

constexpr double knee = 1.5, peak_unit = 256;

int top_level(int bits) { return (1 << (bits - 1)) - 1; }

}  // namespace

Quantised quantise(std::span<const float> x, int bits) {
  check<Error>(bits >= least_bits && bits <= most_bits, "identity vectors are kept in ", least_bits, " to ", most_bits,
               " bits for each value, not in ", bits);
  check<Error>(!x.empty() && x.size() <= 65535, "an identity vector of ", x.size(),
               " values: 1 to 65535 were expected");
  double sum = 0, largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    check<Error>(std::isfinite(x[i]), "value ", i, " of the identity vector is ", x[i], ": a finite one was expected");
    sum += static_cast<double>(x[i]) * x[i];
    largest = std::max(largest, std::abs(static_cast<double>(x[i])));
  }
  Quantised q;
  q.bits = static_cast<std::uint8_t>(bits);
  q.levels.resize(x.size());
  q.norm = static_cast<float>(std::sqrt(sum));
  check<Error>(std::isfinite(q.norm), "an identity vector of length ", q.norm, ": a finite one was expected");
  if (q.norm == 0) return q;
  const double rms = std::sqrt(sum / static_cast<double>(x.size()));
  q.peak = static_cast<std::uint16_t>(std::min(65535.0, std::ceil(largest / rms * peak_unit)));
  const double scale = top_level(bits) / std::log1p(q.peak / peak_unit / knee);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double level = std::round(std::log1p(std::abs(x[i]) / rms / knee) * scale);
    q.levels[i] = static_cast<int>(std::copysign(std::min<double>(level, top_level(bits)), x[i]));
  }
  return q;
}

std::vector<float> dequantise(const Quantised& q) {
  std::vector<double> y(q.levels.size());
  const double scale = std::log1p(q.peak / peak_unit / knee) / top_level(q.bits);
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = std::copysign(knee * std::expm1(std::abs(q.levels[i]) * scale), q.levels[i]);
    sum += y[i] * y[i];
  }
  std::vector<float> x(y.size(), 0);
  if (sum == 0) return x;
  const double gain = q.norm / std::sqrt(sum);
  std::transform(y.begin(), y.end(), x.begin(), [&](double v) { return static_cast<float>(v * gain); });
  return x;
}

std::vector<std::uint8_t> pack_levels(const Quantised& q) {
  std::vector<std::uint8_t> bytes(packed_bytes(q.levels.size(), q.bits));
  std::size_t at = 0;
  for (const int level : q.levels) {
    const int code = level + top_level(q.bits);
    for (int b = q.bits - 1; b >= 0; --b, ++at) {
      bytes[at / 8] = static_cast<std::uint8_t>(bytes[at / 8] | (((code >> b) & 1) << (7 - at % 8)));
    }
  }
  return bytes;
}

bool unpack_levels(std::span<const std::uint8_t> bytes, Quantised& q) {
  if (bytes.size() != packed_bytes(q.levels.size(), q.bits)) return false;
  std::size_t at = 0;
  const auto next = [&] {
    const int bit = (bytes[at / 8] >> (7 - at % 8)) & 1;
    ++at;
    return bit;
  };
  for (int& level : q.levels) {
    int code = 0;
    for (int b = 0; b < q.bits; ++b) code = 2 * code + next();
    level = code - top_level(q.bits);
    if (level > top_level(q.bits)) return false;
  }
  while (at < 8 * bytes.size()) {
    if (next() != 0) return false;
  }
  return true;
}

}  // namespace g2face::payload
