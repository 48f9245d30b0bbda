// Warps: against the documented formula in double, and what must be exact. Pasting back.

#include "g2face/face/warp.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "g2face/fill.hpp"

using namespace g2face;

namespace {

constexpr Border borders[] = {Border::constant, Border::reflect, Border::replicate};
constexpr ResizeFilter filters[] = {ResizeFilter::bilinear, ResizeFilter::bicubic};

Affine turn(double degrees, double scale, Point shift = {}) {
  const double angle = degrees * std::numbers::pi / 180;
  return Affine::similarity(scale * std::cos(angle), scale * std::sin(angle), shift.x, shift.y);
}
/// Turns and scales about the middles of both.
Affine turn_about(double degrees, double scale, std::int64_t from, std::int64_t to) {
  const double a = 0.5 * static_cast<double>(from - 1), b = 0.5 * static_cast<double>(to - 1);
  return Affine::shift(b, b) * turn(degrees, scale) * Affine::shift(-a, -a);
}

float at(const Tensor& image, std::int64_t c, std::int64_t y, std::int64_t x) {
  return static_cast<const float*>(image.data())[(c * image.shape()[2] + y) * image.shape()[3] + x];
}

template <class F>
Tensor image_of(std::int64_t channels, std::int64_t height, std::int64_t width, const F& f) {
  Tensor image({DType::f32, {1, channels, height, width}});
  auto to = image.mutable_as<float>().begin();
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t x = 0; x < width; ++x)
        *to++ = static_cast<float>(f(static_cast<double>(x), static_cast<double>(y)));
  return image;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double largest = 0;
  const auto u = a.as<float>(), v = b.as<float>();
  for (std::size_t i = 0; i < u.size(); ++i)
    largest = std::max(largest, std::fabs(static_cast<double>(u[i]) - static_cast<double>(v[i])));
  return largest;
}

// The formula of warp.hpp, as it stands there.

double filter_at(ResizeFilter filter, double d) {
  d = std::fabs(d);
  if (filter == ResizeFilter::bilinear) return d < 1 ? 1 - d : 0;
  if (d < 1) return 1.5 * d * d * d - 2.5 * d * d + 1;
  return d < 2 ? -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2 : 0;
}

/// Walks step by step to the pixel that stands in, -1 for none.
std::int64_t walked(std::int64_t i, std::int64_t extent, Border border) {
  while (i < 0 || i >= extent) {
    if (border == Border::constant) return -1;
    if (border == Border::replicate || extent == 1)
      i = i < 0 ? 0 : extent - 1;
    else
      i = i < 0 ? -i : 2 * (extent - 1) - i;
  }
  return i;
}

/// The pixels that stand in along one axis, -1 for none, with their weights.
std::vector<std::pair<std::int64_t, double>> weights_at(double p, double wide, std::int64_t extent,
                                                        const WarpOptions& o) {
  std::vector<std::pair<std::int64_t, double>> weights;
  const auto middle = static_cast<std::int64_t>(std::floor(p)), reach = static_cast<std::int64_t>(2 * wide) + 2;
  for (std::int64_t i = middle - reach; i <= middle + reach; ++i)
    weights.emplace_back(walked(i, extent, o.border), filter_at(o.filter, (static_cast<double>(i) - p) / wide));
  return weights;
}

double pixel_by_formula(const Tensor& image, std::int64_t c, Point p, Point wide, const WarpOptions& o) {
  const auto across = weights_at(p.x, wide.x, image.shape()[3], o), down = weights_at(p.y, wide.y, image.shape()[2], o);
  double sum = 0, weights = 0;
  for (const auto& [y, wy] : down)
    for (const auto& [x, wx] : across) {
      sum += wx * wy * (x < 0 || y < 0 ? o.outside : at(image, c, y, x));
      weights += wx * wy;
    }
  return sum / weights;
}

Tensor by_formula(const Tensor& image, const Affine& transform, std::int64_t width, std::int64_t height,
                  const WarpOptions& o) {
  const Affine back = transform.inverse();
  Point wide{1, 1};
  if (o.antialias) wide = {std::max(1.0, std::hypot(back.xx, back.xy)), std::max(1.0, std::hypot(back.yx, back.yy))};
  Tensor result({DType::f32, {1, image.shape()[1], height, width}});
  auto to = result.mutable_as<float>().begin();
  for (std::int64_t c = 0; c < image.shape()[1]; ++c)
    for (std::int64_t v = 0; v < height; ++v)
      for (std::int64_t u = 0; u < width; ++u)
        *to++ = static_cast<float>(
            pixel_by_formula(image, c, back({static_cast<double>(u), static_cast<double>(v)}), wide, o));
  return result;
}

/// Mean squared difference over the pixels of the photo that lie in the face by more than `margin` of its pixels, as a
/// signal-to-noise ratio for a peak of 2.
double psnr_inside(const Tensor& a, const Tensor& b, const Affine& to_face, std::int64_t face, double margin) {
  double sum = 0, count = 0;
  for (std::int64_t c = 0; c < a.shape()[1]; ++c)
    for (std::int64_t y = 0; y < a.shape()[2]; ++y)
      for (std::int64_t x = 0; x < a.shape()[3]; ++x) {
        const Point p = to_face({static_cast<double>(x), static_cast<double>(y)});
        const double end = static_cast<double>(face - 1) - margin;
        if (p.x < margin || p.y < margin || p.x > end || p.y > end) continue;
        const double d = static_cast<double>(at(a, c, y, x)) - at(b, c, y, x);
        sum += d * d;
        ++count;
      }
  REQUIRE(count > 0);
  return 10 * std::log10(4 * count / sum);
}

/// Something with detail but without noise: waves of some pixels' length.
Tensor scenery(std::int64_t size) {
  return image_of(3, size, size, [](double x, double y) {
    return 0.5 * std::sin(0.3 * x + 0.1 * y) + 0.3 * std::cos(0.05 * x - 0.4 * y) + 0.1 * std::sin(0.01 * x * y / 8);
  });
}

void refused(const std::function<void()>& f, const char* words) {
  std::string message = "nothing thrown";
  try {
    f();
  } catch (const Error& e) {
    message = e.what();
  }
  CAPTURE(message);
  CHECK(message.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("warp: the documented formula, for every filter, border and kind of transform") {
  const Affine transforms[] = {
      turn(0, 1, {0.25, -0.5}),       // between the pixels
      turn(0, 0.3, {1, 2}),           // smaller
      {0.4, 0, -3, 0, 1.7, -9},       // smaller along x, larger along y
      {-1, 0, 20, 0, 0.5, 0},         // mirrored
      turn(37, 1, {2, -6}),           // turned
      turn(-120, 0.21, {12, 9}),      // turned and smaller
      turn(15, 3, {-20, -30}),        // turned and larger
      {0.5, 0.4, -2, 0.1, 0.9, 3},    // sheared
      turn(10, 0.5, {60, -45}),       // partly far away
      turn(90, 0.5, {15, 0}),         // a quarter turn
      {1e-3, 0.7, 0, 0.6, -1e-3, 0},  // nearly exchanges x and y
      turn(5, 1.0 / 14, {5, 5}),      // wider than the image
  };
  for (const Affine& t : transforms)
    for (const Shape& shape : {Shape{1, 3, 19, 26}, Shape{1, 1, 40, 33}, Shape{1, 2, 1, 5}, Shape{1, 1, 1, 1}}) {
      const Tensor image = fill("warp/image", shape, 0.9);
      for (const ResizeFilter filter : filters)
        for (const Border border : borders)
          for (const bool antialias : {true, false}) {
            const WarpOptions o{filter, border, 0.5f, antialias, 2};
            CAPTURE(t.str());
            CAPTURE(shape.str());
            // Weights are rounded to single precision at distances that are, too.
            CHECK(largest_difference(warp(image, t, 9, 8, o), by_formula(image, t, 9, 8, o)) < 4e-6);
          }
    }
}

TEST_CASE("warp: the identity and shifts by whole pixels are exact, constants stay") {
  const Tensor image = fill("warp/exact", {1, 3, 21, 30}, 0.9);
  for (const ResizeFilter filter : filters)
    for (const Border border : borders) {
      const WarpOptions o{.filter = filter, .border = border, .outside = 0.25f};
      CHECK(largest_difference(warp(image, {}, 30, 21, o), image) == 0);
      const Tensor shifted = warp(image, Affine::shift(-4, 7), 30, 21, o);
      double largest = 0;
      for (std::int64_t c = 0; c < 3; ++c)
        for (std::int64_t y = 0; y < 21; ++y)
          for (std::int64_t x = 0; x < 30; ++x) {
            const std::int64_t sx = walked(x + 4, 30, border), sy = walked(y - 7, 21, border);
            const float want = sx < 0 || sy < 0 ? 0.25f : at(image, c, sy, sx);
            largest = std::max<double>(largest, std::fabs(at(shifted, c, y, x) - want));
          }
      CHECK(largest == 0);
      // Half turns and quarter turns only move pixels; cos(90 degrees) is 6e-17, no more.
      const Affine half{-1, 0, 29, 0, -1, 20};
      CHECK(largest_difference(warp(warp(image, half, 30, 21, o), half, 30, 21, o), image) == 0);
      const Affine quarter = turn(90, 1, {20, 0});
      CHECK(at(warp(image, quarter, 21, 30, o), 1, 29, 3) == doctest::Approx(at(image, 1, 17, 29)).epsilon(1e-6));

      const Tensor constant = Tensor::full({DType::f32, {1, 1, 60, 50}}, 0.25);
      for (const Affine& t : {turn(0, 0.13), turn(33, 0.2, {4, 2}), turn(70, 2.5, {-9, -40})}) {
        const Tensor result = warp(constant, t, 20, 20, o);
        CHECK(largest_difference(result, Tensor::full(result.type(), 0.25)) < 1e-6 * 0.25);
      }
    }
  // A plane is one after turning, too: both filters reproduce what is linear.
  const Tensor plane = image_of(1, 40, 40, [](double x, double y) { return 0.02 * x - 0.01 * y; });
  const Affine t = turn_about(20, 1.5, 40, 40);
  for (const ResizeFilter filter : filters) {
    const Tensor result = warp(plane, t, 40, 40, {.filter = filter});
    const Point p = t.inverse()({11, 30});
    CHECK(at(result, 0, 30, 11) == doctest::Approx(0.02 * p.x - 0.01 * p.y).epsilon(1e-5));
  }
}

TEST_CASE("warp: what is too fine for the result becomes grey, what is not stays") {
  const Tensor board = image_of(1, 256, 256, [](double x, double y) { return std::fmod(x + y, 2) == 0 ? 1 : -1; });
  const Tensor stripes = image_of(1, 256, 256, [](double x, double) { return std::cos(2 * std::numbers::pi * x / 5); });
  const Tensor waves =
      image_of(1, 256, 256, [](double x, double) { return std::cos(2 * std::numbers::pi * (x - 127.5) / 64); });
  for (const double degrees : {0.0, 10.0, 45.0}) {
    const Affine t = turn_about(degrees, 0.25, 256, 64);
    // Seen from the middle, where there is no border.
    const auto amplitude = [&](const Tensor& image, bool antialias) {
      const Tensor small = warp(image, t, 64, 64, {.antialias = antialias});
      double largest = 0;
      for (std::int64_t y = 20; y < 44; ++y)
        for (std::int64_t x = 20; x < 44; ++x) largest = std::max<double>(largest, std::fabs(at(small, 0, y, x)));
      return largest;
    };
    constexpr double grey_level = 2.0 / 255;
    CHECK(amplitude(board, true) < 1e-3 * grey_level);
    CHECK(amplitude(stripes, true) < 4 * grey_level);
    CHECK(amplitude(waves, true) > 0.98);
    // What it would be without.
    if (degrees > 0) CHECK(amplitude(board, false) > 0.5);
    CHECK(amplitude(stripes, false) > 0.5);
  }
}

TEST_CASE("warp: the number of threads changes nothing") {
  const Tensor image = fill("warp/threads", {1, 3, 70, 90}, 0.9);
  for (const Affine& t : {turn(0, 0.5), turn(12, 0.5)}) {
    const Tensor one = warp(image, t, 45, 35, {.threads = 1});
    for (const int threads : {0, 2, 5})
      CHECK(largest_difference(warp(image, t, 45, 35, {.threads = threads}), one) == 0);
  }
}

TEST_CASE("warp: what is refused") {
  const Tensor image = fill("warp/refused", {1, 3, 8, 8}, 0.9);
  refused([&] { (void)warp(Tensor(), {}, 4, 4); }, "an empty tensor, expected f32[1,C,H,W]");
  refused([&] { (void)warp(image.to(DType::f64), {}, 4, 4); }, "f64[1,3,8,8]");
  refused([&] { (void)warp(Tensor::zeros({DType::f32, {2, 3, 8, 8}}), {}, 4, 4); }, "f32[2,3,8,8]");
  refused([&] { (void)warp(Tensor::zeros({DType::f32, {1, 0, 8, 8}}), {}, 4, 4); }, "f32[1,0,8,8]");
  refused([&] { (void)warp(image, {}, 0, 4); }, "0x4");
  refused([&] { (void)warp(image, {}, 4, 1 << 20); }, "4x1048576");
  refused([&] { (void)warp(image, {1, 2, 0, 2, 4, 0}, 4, 4); }, "no inverse");
  refused([&] { (void)warp(image, {std::nan(""), 0, 0, 0, 1, 0}, 4, 4); }, "no inverse");
  refused([&] { (void)warp(image, turn(3, 1e-3), 4, 4); }, "times smaller");
  refused([&] { (void)warp(image, Affine::shift(3e9, 0), 4, 4); }, "far from the image of 8x8");
  refused([&] { (void)warp(image, Affine::shift(1e300, 0), 4, 4); }, "far from the image of 8x8");
  // Far but not too far costs nothing and is what the border says.
  const Affine away = turn(30, 1, {1e8, -1e8});
  CHECK(largest_difference(warp(image, away, 4, 4), Tensor::full({DType::f32, {1, 3, 4, 4}}, -1)) == 0);
  CHECK(std::isfinite(at(warp(image, away, 4, 4, {.border = Border::reflect}), 0, 0, 0)));
}

TEST_CASE("paste_back: a face goes where it came from; pixels outside keep their bits") {
  const Tensor photo = scenery(160);
  // Of the same size, smaller and larger than in the photo. The limits are what two resamplings leave of these waves
  // (82.2, 59.4 and 84.6 dB), less 2.
  const std::tuple<double, std::int64_t, double> faces[] = {{1, 80, 80}, {0.5, 40, 57}, {2, 160, 82}};
  for (const auto& [scale, size, least] : faces) {
    const Affine t = turn_about(17, scale, 160, size) * Affine::shift(5, -3);
    const Tensor face = warp(photo, t, size, size, {.border = Border::reflect});
    const Tensor mask = feathered_mask(size, size, 0.1 * static_cast<double>(size));
    const Tensor back = paste_back(photo, face, t, mask);
    CHECK(psnr_inside(photo, back, t, size, -1) > least);
    CHECK(largest_difference(photo, back) > 0);

    const Tensor other = Tensor::full(face.type(), 0.75);
    const Tensor pasted = paste_back(photo, other, t, mask);
    std::int64_t outside = 0;
    double changed_outside = 0, left_inside = 0;
    for (std::int64_t c = 0; c < 3; ++c)
      for (std::int64_t y = 0; y < 160; ++y)
        for (std::int64_t x = 0; x < 160; ++x) {
          const Point p = t({static_cast<double>(x), static_cast<double>(y)});
          const double n = static_cast<double>(size), reach = std::max(1.0, scale), deep = 0.1 * n + reach;
          if (p.x <= -reach || p.y <= -reach || p.x >= n - 1 + reach || p.y >= n - 1 + reach) {
            ++outside;
            changed_outside = std::max<double>(changed_outside, std::fabs(at(pasted, c, y, x) - at(photo, c, y, x)));
          } else if (p.x > deep && p.y > deep && p.x < n - 1 - deep && p.y < n - 1 - deep) {
            left_inside = std::max<double>(left_inside, std::fabs(at(pasted, c, y, x) - 0.75f));
          }
        }
    CHECK(outside > 1000);
    CHECK(changed_outside == 0);
    CHECK(left_inside < 1e-6);
  }
  // A mask of zeros, and a face beside the photo: nothing happens.
  const Affine t = turn(0, 1, {-40, -40});
  const Tensor face = Tensor::full({DType::f32, {1, 3, 30, 30}}, 1);
  CHECK(largest_difference(paste_back(photo, face, t, Tensor::zeros({DType::f32, {1, 1, 30, 30}})), photo) == 0);
  CHECK(largest_difference(paste_back(photo, face, turn(0, 1, {900, 0}), feathered_mask(30, 30, 0)), photo) == 0);
  // Without a feather a face at whole pixels replaces just its own.
  const Tensor hard = paste_back(photo, face, t, feathered_mask(30, 30, 0));
  CHECK(at(hard, 0, 40, 40) == 1);
  CHECK(at(hard, 2, 69, 69) == 1);
  CHECK(at(hard, 0, 39, 40) == at(photo, 0, 39, 40));
  CHECK(at(hard, 0, 50, 70) == at(photo, 0, 50, 70));
  CHECK(at(photo, 0, 40, 40) != 1);  // the photo itself is left alone

  refused([&] { (void)paste_back(photo, face, t, feathered_mask(30, 31, 0)); }, "expected [1,1,30,30]");
  refused(
      [&] {
        (void)paste_back(photo, Tensor::zeros({DType::f32, {1, 1, 30, 30}}), t, feathered_mask(30, 30, 0));
      },
      "different channels");
  refused([&] { (void)paste_back(photo, Tensor(), t, feathered_mask(30, 30, 0)); }, "paste_back: face");
  refused([&] { (void)paste_back(photo, face, {1, 1, 0, 1, 1, 0}, feathered_mask(30, 30, 0)); }, "no inverse");
}

TEST_CASE("feathered_mask: one inside, falling to zero at the edge") {
  const Tensor mask = feathered_mask(40, 30, 8);
  CHECK(mask.shape() == Shape{1, 1, 30, 40});
  CHECK(at(mask, 0, 15, 20) == 1);
  CHECK(at(mask, 0, 8, 8) == 1);
  CHECK(at(mask, 0, 15, 0) < 0.02);
  for (std::int64_t x = 0; x < 8; ++x) {
    CHECK(at(mask, 0, 15, x) < at(mask, 0, 15, x + 1));
    CHECK(at(mask, 0, 15, x) == at(mask, 0, 15, 39 - x));
    CHECK(at(mask, 0, x, 20) == at(mask, 0, 29 - x, 20));
  }
  CHECK(at(mask, 0, 15, 3) == doctest::Approx(3.5 / 8 * 3.5 / 8 * (3 - 7.0 / 8)));
  CHECK(largest_difference(feathered_mask(3, 4, 0), Tensor::full({DType::f32, {1, 1, 4, 3}}, 1)) == 0);
  refused([] { (void)feathered_mask(0, 4, 1); }, "0x4");
  refused([] { (void)feathered_mask(4, 4, -1); }, "feather is -1");
  refused([] { (void)feathered_mask(4, 4, std::nan("")); }, "feather is nan");
}
