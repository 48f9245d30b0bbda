#include <algorithm>
#include <cmath>
#include <vector>

#include "g2face/image.hpp"
#include "io/pixel_values.hpp"

// Follows the arithmetic of Pillow 9.4 (resampling of 8-bit images): weights in double, then fixed point with 22
// fractional bits, sums of 32 bits, rounding half up.

namespace g2face {
namespace {

constexpr int fraction_bits = 22;

// The inputs that one output is made of.
struct Taps {
  std::int64_t first = 0;
  std::vector<std::int32_t> weights;
};

double triangle(double x) { return std::max(1.0 - std::fabs(x), 0.0); }

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

std::vector<Taps> taps_of(std::int64_t in, std::int64_t out, ResizeFilter filter) {
  const bool bicubic = filter == ResizeFilter::bicubic;
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double wide = std::max(scale, 1.0);
  const double support = (bicubic ? 2.0 : 1.0) * wide;  // half the width of the filter
  std::vector<Taps> taps(static_cast<std::size_t>(out));
  for (std::int64_t i = 0; i < out; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(std::lround(center - support), 0);
    const auto last = std::min<std::int64_t>(std::lround(center + support), in);
    std::vector<double> weights;
    double sum = 0;
    for (std::int64_t x = first; x < last; ++x) {
      const double distance = (static_cast<double>(x) - center + 0.5) * (1.0 / wide);
      weights.push_back(bicubic ? cubic(distance) : triangle(distance));
      sum += weights.back();
    }
    Taps& t = taps[static_cast<std::size_t>(i)];
    t.first = first;
    for (const double w : weights) {
      t.weights.push_back(static_cast<std::int32_t>(std::lround(w / sum * (1 << fraction_bits))));
    }
  }
  return taps;
}

// Resizes `lines` lines of `in` pixels each. Pixel x of line l is src[l * line_step + x * pixel_step], likewise in dst.
struct Steps {
  std::int64_t line, pixel;
};
void resize_lines(const std::uint8_t* src, Steps from, std::uint8_t* dst, Steps to, std::int64_t lines,
                  const std::vector<Taps>& taps) {
  for (std::int64_t l = 0; l < lines; ++l) {
    for (std::size_t i = 0; i < taps.size(); ++i) {
      std::int32_t sum = 1 << (fraction_bits - 1);
      const std::uint8_t* pixel = src + l * from.line + taps[i].first * from.pixel;
      for (const std::int32_t w : taps[i].weights) {
        sum += *pixel * w;
        pixel += from.pixel;
      }
      dst[l * to.line + static_cast<std::int64_t>(i) * to.pixel] =
          static_cast<std::uint8_t>(std::clamp(sum >> fraction_bits, 0, 255));
    }
  }
}

}  // namespace

Tensor crop_resize(const Tensor& image, const CropBox& box, std::int64_t out_height, std::int64_t out_width,
                   ResizeFilter filter) {
  check<ShapeError>(image && image.dtype() == DType::f32 && image.shape().rank() == 4 && image.shape()[0] == 1 &&
                        image.shape()[1] == 3,
                    "crop_resize: image is ", image ? image.type().str() : "an empty tensor",
                    ", expected f32[1,3,H,W]");
  const std::int64_t height = image.shape()[2];
  const std::int64_t width = image.shape()[3];
  // Written so that no sum can overflow.
  check<ShapeError>(box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0 && box.width <= width &&
                        box.height <= height && box.left <= width - box.width && box.top <= height - box.height,
                    "crop_resize: box at (", box.left, ",", box.top, ") of ", box.width, "x", box.height,
                    " is not inside the image of ", width, "x", height);
  check<ShapeError>(out_height > 0 && out_width > 0, "crop_resize: output of ", out_width, "x", out_height,
                    " has no pixels");
  Tensor result({DType::f32, {1, 3, out_height, out_width}});
  const std::vector<Taps> across = taps_of(box.width, out_width, filter);
  const std::vector<Taps> along = taps_of(box.height, out_height, filter);
  std::vector<std::uint8_t> cut(static_cast<std::size_t>(box.height * box.width));
  std::vector<std::uint8_t> narrow(static_cast<std::size_t>(box.height * out_width));
  std::vector<std::uint8_t> done(static_cast<std::size_t>(out_height * out_width));
  for (std::int64_t c = 0; c < 3; ++c) {
    const float* plane = image.as<float>().data() + c * height * width;
    for (std::int64_t y = 0; y < box.height; ++y) {
      const float* row = plane + (box.top + y) * width + box.left;
      std::transform(row, row + box.width, cut.begin() + y * box.width, io::to_level);
    }
    resize_lines(cut.data(), {box.width, 1}, narrow.data(), {out_width, 1}, box.height, across);
    resize_lines(narrow.data(), {1, out_width}, done.data(), {1, out_width}, out_width, along);
    std::transform(done.begin(), done.end(), result.mutable_as<float>().begin() + c * out_height * out_width,
                   io::from_level);
  }
  return result;
}

}  // namespace g2face
