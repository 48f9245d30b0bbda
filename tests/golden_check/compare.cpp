#include "compare.hpp"

#include <algorithm>
#include <cmath>

#include "g2face/fill.hpp"

namespace g2face::golden {
namespace {

bool same_number(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace

std::vector<double> doubles(const Tensor& t) {
  std::vector<double> v(static_cast<std::size_t>(t.numel()));
  convert(t.data(), t.dtype(), v.data(), DType::f64, t.numel());
  return v;
}

double relative_l2(const std::vector<double>& got, const std::vector<double>& want) {
  check<ShapeError>(got.size() == want.size(), "cannot compare ", got.size(), " elements with ", want.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i]) && same_number(got[i], want[i])) continue;
    const double d = got[i] - want[i];
    difference += d * d;
    norm += want[i] * want[i];
  }
  if (!std::isfinite(difference)) return NAN;
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

double max_abs(const std::vector<double>& v) {
  double m = 0;
  for (double x : v) {
    if (std::isnan(x)) return NAN;
    m = std::max(m, std::abs(x));
  }
  return m;
}

double max_abs_difference(const std::vector<double>& got, const std::vector<double>& want) {
  check<ShapeError>(got.size() == want.size(), "cannot compare ", got.size(), " elements with ", want.size());
  double m = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (same_number(got[i], want[i])) continue;
    const double d = std::abs(got[i] - want[i]);
    if (std::isnan(d)) return NAN;
    m = std::max(m, d);
  }
  return m;
}

double share_of_differences(const std::vector<double>& got, const std::vector<double>& want) {
  check<ShapeError>(got.size() == want.size(), "cannot compare ", got.size(), " elements with ", want.size());
  if (got.empty()) return 0;
  std::size_t n = 0;
  for (std::size_t i = 0; i < got.size(); ++i) n += same_number(got[i], want[i]) ? 0 : 1;
  return static_cast<double>(n) / static_cast<double>(got.size());
}

bool same_shape(const Shape& got, const Shape& want) { return got == want || (got.numel() == 1 && want.numel() == 1); }

std::vector<double> digest(const std::vector<double>& t) {
  double square = 0, sum = 0;
  for (double x : t) {
    square += x * x;
    sum += x;
  }
  std::vector<double> d = {std::sqrt(square), sum};
  const Shape flat = {static_cast<std::int64_t>(t.size())};
  for (int j = 0; j < 4; ++j) {
    const Tensor probe = fill(str("digest/probe", j), flat);
    const auto p = probe.as<float>();
    double dot = 0;
    for (std::size_t i = 0; i < t.size(); ++i) dot += t[i] * static_cast<double>(p[i]);
    d.push_back(dot);
  }
  return d;
}

std::vector<double> even_sample(const std::vector<double>& t) {
  const std::size_t count = std::min<std::size_t>(64, t.size());
  std::vector<double> s(count);
  for (std::size_t k = 0; k < count; ++k) s[k] = t[k * t.size() / count];
  return s;
}

std::vector<double> scattered_sample(const std::vector<double>& t, std::int64_t count) {
  std::vector<double> s;
  const auto n = static_cast<std::int64_t>(t.size());
  for (std::int64_t i = 0; i < std::min(n, count); ++i)
    s.push_back(t[static_cast<std::size_t>(sample_position(i, n, count))]);
  s.resize(static_cast<std::size_t>(count), 0.0);
  return s;
}

std::array<double, 5> statistics(const std::vector<double>& t) {
  if (t.empty()) return {};
  const double n = static_cast<double>(t.size());
  double sum = 0, square = 0;
  for (double x : t) {
    sum += x;
    square += x * x;
  }
  const double mean = sum / n;
  double variance = 0;
  for (double x : t) variance += (x - mean) * (x - mean);
  const auto [low, high] = std::minmax_element(t.begin(), t.end());
  return {mean, std::sqrt(variance / n), std::sqrt(square), *low, *high};
}

double statistics_error(const std::array<double, 5>& got, const std::array<double, 5>& want) {
  // Elements are off in proportion to their size, and so are mean and deviation, however small they are themselves.
  const double root_mean_square = std::hypot(want[0], want[1]);
  const double largest = std::max(std::abs(want[3]), std::abs(want[4]));
  const std::array<double, 5> scale = {root_mean_square, root_mean_square, want[2], largest, largest};
  double worst = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const double d = std::abs(got[i] - want[i]);
    if (std::isnan(d)) return NAN;
    if (d > 0) worst = std::max(worst, scale[i] > 0 ? d / scale[i] : HUGE_VAL);
  }
  return worst;
}

}  // namespace g2face::golden
