#include "g2face/nn/resample.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

/// Bilinear interpolation or the mean under a triangle, pixel by pixel, without matrices.
double by_definition(const Tensor& x, std::int64_t plane, const ImageSquare& p, std::int64_t size, std::int64_t i,
                     std::int64_t j) {
  const std::int64_t h = x.shape()[2], w = x.shape()[3];
  const auto weight = [size](std::int64_t n, double first, double part, std::int64_t to, std::int64_t from) {
    const double step = static_cast<double>(n) * part / static_cast<double>(size);
    const double centre = static_cast<double>(n) * first + (static_cast<double>(to) + 0.5) * step;
    return std::max(0.0, 1 - std::abs(static_cast<double>(from) + 0.5 - centre) / std::max(1.0, step));
  };
  double sum = 0, weights = 0;
  for (std::int64_t r = 0; r < h; ++r) {
    for (std::int64_t c = 0; c < w; ++c) {
      const double k = weight(h, p.y, p.size, i, r) * weight(w, p.x, p.size, j, c);
      sum += k * x.as<double>()[static_cast<std::size_t>((plane * h + r) * w + c)];
      weights += k;
    }
  }
  return sum / weights;
}

}  // namespace

TEST_CASE("resample: larger, smaller and a part, by its definition") {
  struct Case {
    ImageSquare part;
    std::int64_t size;
  };
  for (const Case& c : {Case{{}, 13}, Case{{}, 3}, Case{{0.1, 0.2, 0.7}, 5}, Case{{0, 0.5, 0.5}, 9}}) {
    const std::int64_t size = c.size;
    CAPTURE(size);
    Bench b;
    const Value x = b.random({2, 3, 8, 7});
    const Tensor got = b.run(resample(x, c.part, size));
    REQUIRE_EQ(got.shape(), Shape({2, 3, size, size}));
    double worst = 0;
    for (std::int64_t k = 0; k < got.numel(); ++k) {
      const double want = by_definition(b.feeds[0].second, k / size / size, c.part, size, k / size % size, k % size);
      worst = std::max(worst, std::abs(want - got.as<double>()[static_cast<std::size_t>(k)]));
    }
    CHECK_LT(worst, 1e-6);  // weights are f32
  }
}

TEST_CASE("resample: the same size is the same image, a part of whole pixels a slice") {
  Bench b;
  const Value x = b.random({1, 2, 8, 8});
  CHECK_EQ(relative_error(b.run(resample(x, {}, 8)), b.feeds[0].second), 0);
  const Value part = slice_axis(slice_axis(x, 2, 4, 2), 3, 2, 2);
  CHECK_EQ(relative_error(b.run(resample(x, {0.25, 0.5, 0.25}, 2)), b.run(part)), 0);
}

TEST_CASE("resample: its gradient is its adjoint, on f32 too") {
  Bench b;
  const Value x = b.random({2, 3, 8, 7}), y = resample(x, {0.1, 0.2, 0.7}, 5), dy = b.random(y.shape());
  const Value dx = gradients(y, {x}, dy)[0];
  CHECK(b.number(sum(dx * x)) == doctest::Approx(b.number(sum(dy * y))).epsilon(1e-12));
  const Value narrow = b.feed(random_tensor({2, 3, 8, 7}, 1).to(DType::f32));
  CHECK_EQ(resample(narrow, {}, 5).dtype(), DType::f32);
}

TEST_CASE("resample: what it refuses") {
  Bench b;
  const Value x = b.random({1, 3, 8, 8});
  const auto refused = [&](Value v, const ImageSquare& part, std::int64_t size, const char* message) {
    CHECK_THROWS_WITH_AS(resample(v, part, size), message, ShapeError);
  };
  refused(b.random({3, 8, 8}), {}, 4, "resample: x [3,8,8] to 4x4, expected [N,C,H,W] and a positive size");
  refused(x, {}, 0, "resample: x [1,3,8,8] to 0x0, expected [N,C,H,W] and a positive size");
  const std::string rest = ") is empty or not in the image, which is 1 at (0,0)";
  refused(x, {0.5, 0, 0.6}, 4, ("resample: the square 0.6 at (0.5,0" + rest).c_str());
  refused(x, {0, -0.5, 0.5}, 4, ("resample: the square 0.5 at (0,-0.5" + rest).c_str());
  refused(x, {0, 0, 0}, 4, ("resample: the square 0 at (0,0" + rest).c_str());
}
