#include "g2face/eval/metrics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace g2face {

namespace {

void require_same(const Tensor& a, const Tensor& b, const char* what) {
  check<ShapeError>(a.type() == b.type() && a.dtype() == DType::f32 && a.numel() > 0, what, ": ", a.type().str(),
                    " and ", b.type().str(), " are not two f32 values of one shape");
}

constexpr int window = 11;

std::array<double, window> gaussian() {
  std::array<double, window> g{};
  double sum = 0;
  constexpr int middle = window / 2;
  for (int i = 0; i < window; ++i) {
    const double d = (i - middle) / 1.5;
    sum += g[static_cast<std::size_t>(i)] = std::exp(-d * d / 2);
  }
  for (double& v : g) v /= sum;
  return g;
}

/// Gaussian mean over every window inside an H x W plane, rows first.
std::vector<double> blur(const std::vector<double>& x, std::int64_t h, std::int64_t w) {
  static const std::array<double, window> g = gaussian();
  const std::int64_t oh = h - window + 1, ow = w - window + 1;
  std::vector<double> rows(static_cast<std::size_t>(h * ow)), y(static_cast<std::size_t>(oh * ow));
  for (std::int64_t i = 0; i < h; ++i) {
    for (std::int64_t j = 0; j < ow; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < window; ++k) {
        sum += g[static_cast<std::size_t>(k)] * x[static_cast<std::size_t>(i * w + j + k)];
      }
      rows[static_cast<std::size_t>(i * ow + j)] = sum;
    }
  }
  for (std::int64_t i = 0; i < oh; ++i) {
    for (std::int64_t j = 0; j < ow; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < window; ++k) {
        sum += g[static_cast<std::size_t>(k)] * rows[static_cast<std::size_t>((i + k) * ow + j)];
      }
      y[static_cast<std::size_t>(i * ow + j)] = sum;
    }
  }
  return y;
}

}  // namespace

double mean_absolute_error(const Tensor& a, const Tensor& b) {
  require_same(a, b, "mean_absolute_error");
  const auto x = a.as<float>(), y = b.as<float>();
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
  return sum / static_cast<double>(x.size()) / 2;
}

double psnr(const Tensor& a, const Tensor& b) {
  require_same(a, b, "psnr");
  const auto x = a.as<float>(), y = b.as<float>();
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = static_cast<double>(x[i]) - static_cast<double>(y[i]);
    sum += d * d;
  }
  if (sum == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(4 * static_cast<double>(x.size()) / sum);
}

double ssim(const Tensor& a, const Tensor& b) {
  require_same(a, b, "ssim");
  check<ShapeError>(a.shape().rank() == 4 && a.shape()[2] >= window && a.shape()[3] >= window,
                    "ssim: images of at least 11x11 are needed, not ", a.shape());
  const std::int64_t h = a.shape()[2], w = a.shape()[3], planes = a.shape()[0] * a.shape()[1];
  const double c1 = 0.01 * 0.01 * 4, c2 = 0.03 * 0.03 * 4;  // (K peak)^2
  const auto n = static_cast<std::size_t>(h * w);
  double sum = 0;
  std::size_t count = 0;
  for (std::int64_t p = 0; p < planes; ++p) {
    std::vector<double> x(n), y(n), xx(n), yy(n), xy(n);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t at = static_cast<std::size_t>(p) * n + i;
      x[i] = static_cast<double>(a.as<float>()[at]);
      y[i] = static_cast<double>(b.as<float>()[at]);
      xx[i] = x[i] * x[i];
      yy[i] = y[i] * y[i];
      xy[i] = x[i] * y[i];
    }
    const auto mx = blur(x, h, w), my = blur(y, h, w), mxx = blur(xx, h, w), myy = blur(yy, h, w), mxy = blur(xy, h, w);
    for (std::size_t i = 0; i < mx.size(); ++i) {
      const double vx = mxx[i] - mx[i] * mx[i], vy = myy[i] - my[i] * my[i], cov = mxy[i] - mx[i] * my[i];
      sum += (2 * mx[i] * my[i] + c1) * (2 * cov + c2) / ((mx[i] * mx[i] + my[i] * my[i] + c1) * (vx + vy + c2));
    }
    count += mx.size();
  }
  return sum / static_cast<double>(count);
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const double x = static_cast<double>(a[k]), y = static_cast<double>(b[k]);
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

double cosine(const Tensor& a, const Tensor& b) {
  require_same(a, b, "cosine");
  check<ShapeError>(a.shape().rank() == 2, "cosine: vectors [N,D] are needed, not ", a.shape());
  const auto n = static_cast<std::size_t>(a.shape()[0]), d = static_cast<std::size_t>(a.shape()[1]);
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += cosine(a.as<float>().subspan(i * d, d), b.as<float>().subspan(i * d, d));
  return sum / static_cast<double>(n);
}

double bit_error_rate(const Tensor& a, const Tensor& b) {
  require_same(a, b, "bit_error_rate");
  const auto x = a.as<float>(), y = b.as<float>();
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i) wrong += (x[i] > 0) != (y[i] > 0) ? 1U : 0U;
  return static_cast<double>(wrong) / static_cast<double>(x.size());
}

double payload_margin(const Tensor& logits, const Tensor& bits) {
  require_same(logits, bits, "payload_margin");
  const auto x = logits.as<float>(), y = bits.as<float>();
  double smallest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < x.size(); ++i) {
    smallest = std::min(smallest, y[i] > 0 ? double{x[i]} : -double{x[i]});
  }
  return smallest;
}

}  // namespace g2face
