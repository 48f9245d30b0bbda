#include "g2face/face/warp.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace g2face {
namespace {

// Vectors of the compilers' own kind, with which GCC and Clang make what every processor has. Weights come in whole
// vectors, the last ones being 0.
using Float4 = float __attribute__((vector_size(16)));
using Float4U = float __attribute__((vector_size(16), aligned(4), may_alias));
constexpr std::int64_t lanes = 4;

Float4 load(const float* from) { return *reinterpret_cast<const Float4U*>(from); }
void store(float* to, Float4 v) { *reinterpret_cast<Float4U*>(to) = v; }
float sum_of(Float4 v) { return (v[0] + v[2]) + (v[1] + v[3]); }
Float4 magnitude(Float4 v) { return v < 0.0f ? -v : v; }

/// The filters at distances d >= 0.
Float4 triangle(Float4 d) {
  const Float4 w = 1.0f - d;
  return w > 0.0f ? w : Float4{};
}
Float4 cubic(Float4 d) {
  const Float4 near = (1.5f * d - 2.5f) * d * d + 1.0f;
  const Float4 far = (((d - 5.0f) * d + 8.0f) * d - 4.0f) * -0.5f;
  const Float4 w = d < 1.0f ? near : far;
  return d < 2.0f ? w : Float4{};
}

std::int64_t floor_of(double x) {
  const auto i = static_cast<std::int64_t>(x);
  return i - (static_cast<double>(i) > x ? 1 : 0);
}

/// Which pixel of `extent` stands in for pixel i; -1 for none.
std::int64_t stand_in(std::int64_t i, std::int64_t extent, Border border) {
  if (i >= 0 && i < extent) return i;
  if (border == Border::constant) return -1;
  if (border == Border::replicate || extent == 1) return std::clamp<std::int64_t>(i, 0, extent - 1);
  const std::int64_t period = 2 * (extent - 1);
  i = (i % period + period) % period;
  return std::min(i, period - i);
}

/// The filter along one axis of the source.
struct Axis {
  ResizeFilter filter;
  double wide;          // pixels of the source for one step of the filter's argument
  double support;       // half the width of the filter, in pixels
  std::int64_t count;   // of the pixels it covers at most
  std::int64_t padded;  // the same in whole lanes

  Axis(const WarpOptions& o, double row_length) : filter(o.filter) {
    constexpr double rounding = 1e-9;  // a rotation does not shrink
    wide = o.antialias && row_length > 1 + rounding ? row_length : 1;
    support = (filter == ResizeFilter::bicubic ? 2 : 1) * wide;
    count = static_cast<std::int64_t>(std::ceil(2 * support));
    padded = (count + lanes - 1) / lanes * lanes;
  }

  /// Writes `padded` weights that sum to 1 and returns the pixel that the first is for.
  std::int64_t weigh(double position, float* weights) const {
    const std::int64_t first = floor_of(position - support) + 1;
    const auto offset = static_cast<float>((static_cast<double>(first) - position) / wide);
    const auto step = static_cast<float>(1 / wide);
    Float4 d = offset + step * Float4{0, 1, 2, 3}, sum = {};
    for (std::int64_t k = 0; k < padded; k += lanes, d += static_cast<float>(lanes) * step) {
      const Float4 w = filter == ResizeFilter::bicubic ? cubic(magnitude(d)) : triangle(magnitude(d));
      sum += w;
      store(weights + k, w);
    }
    if (wide > 1) {
      const float whole = 1 / sum_of(sum);
      for (std::int64_t k = 0; k < padded; k += lanes) store(weights + k, load(weights + k) * whole);
    }
    return first;
  }
};

/// Sum over `rows` rows, `stride` apart, and N vectors of columns of the products of both weights and the pixel.
template <int N>
Float4 weighted_block(const float* pixels, std::int64_t stride, const float* row_weights, std::int64_t rows,
                      const float* column_weights) {
  Float4 columns[N] = {};
  for (std::int64_t r = 0; r < rows; ++r, pixels += stride) {
#pragma GCC unroll 4
    for (int k = 0; k < N; ++k) columns[k] += row_weights[r] * load(pixels + lanes * k);
  }
  Float4 sum = {};
#pragma GCC unroll 4
  for (int k = 0; k < N; ++k) sum += columns[k] * load(column_weights + lanes * k);
  return sum;
}

class Warp {
 public:
  Warp(const Tensor& image, const Affine& transform, Tensor& result, const WarpOptions& o)
      : back_(transform.inverse()),
        x_(o, std::hypot(back_.xx, back_.xy)),
        y_(o, std::hypot(back_.yx, back_.yy)),
        border_(o.border),
        outside_(o.outside),
        source_(image.as<float>().data()),
        channels_(image.shape()[1]),
        height_(image.shape()[2]),
        width_(image.shape()[3]),
        target_(result.mutable_as<float>().data()),
        out_height_(result.shape()[2]),
        out_width_(result.shape()[3]) {
    check(x_.wide <= max_shrink && y_.wide <= max_shrink, "warp: the transform ", transform.str(), " makes the image ",
          std::max(x_.wide, y_.wide), " times smaller, at most ", max_shrink, " is allowed");
    constexpr double furthest = 1 << 30;
    for (const std::int64_t u : {std::int64_t{0}, out_width_ - 1})
      for (const std::int64_t v : {std::int64_t{0}, out_height_ - 1}) {
        const Point p = back_({static_cast<double>(u), static_cast<double>(v)});
        check(std::fabs(p.x) <= furthest && std::fabs(p.y) <= furthest, "warp: under the transform ", transform.str(),
              " pixel (", u, ",", v, ") of the result comes from (", p.x, ",", p.y, "), far from the image of ", width_,
              "x", height_);
      }
  }

  void run(int threads) {
    // Below this, starting threads costs more than they save.
    constexpr std::int64_t worth_it = 1 << 16;
    if (out_height_ * out_width_ * channels_ * x_.padded * y_.count > worth_it)
      threads_ = threads > 0 ? threads : omp_get_max_threads();
    if (back_.xy == 0 && back_.yx == 0)
      by_rows();
    else
      by_pixels();
  }

 private:
  /// For any transform: the weights of each pixel are its own. They are applied to a copy of what is looked at, in
  /// which the border has become pixels and no two rows near each other compete for one place of the cache.
  void by_pixels() {
    const Span columns = looked_at(x_, back_.xx, back_.xy, back_.x0, width_);
    const Span lines = looked_at(y_, back_.yx, back_.yy, back_.y0, height_);
    constexpr std::int64_t cache_line = 16;
    const std::int64_t stride = ((columns.size / cache_line + 1) | 1) * cache_line;
    Tensor copy({DType::f32, {channels_, lines.size, stride}});
    float* copied = copy.mutable_as<float>().data();
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (std::int64_t i = 0; i < channels_ * lines.size; ++i) {
      const std::int64_t y = stand_in(lines.first + i % lines.size, height_, border_);
      copy_row(y < 0 ? nullptr : source_ + (i / lines.size * height_ + y) * width_, columns, copied + i * stride);
    }

    const std::int64_t each = x_.padded + y_.padded;
    std::vector<float> weights(static_cast<std::size_t>(threads_ * each));
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (std::int64_t v = 0; v < out_height_; ++v) {
      float* across = weights.data() + omp_get_thread_num() * each;
      float* down = across + x_.padded;
      for (std::int64_t u = 0; u < out_width_; ++u) {
        const Point p = back_({static_cast<double>(u), static_cast<double>(v)});
        const std::int64_t left = x_.weigh(folded(p.x, x_, width_), across) - columns.first;
        const std::int64_t top = y_.weigh(folded(p.y, y_, height_), down) - lines.first;
        const float* corner = copied + top * stride + left;
        for (std::int64_t c = 0; c < channels_; ++c)
          target_[(c * out_height_ + v) * out_width_ + u] =
              weighted(corner + c * lines.size * stride, stride, across, down);
      }
    }
  }

  /// A position within reach of the image at which the filter sees the same: the filter is even, and so is a mirror.
  double folded(double position, const Axis& axis, std::int64_t extent) const {
    const double last = static_cast<double>(extent - 1);
    if (border_ != Border::reflect || extent == 1)
      return std::clamp(position, -axis.support - 1, last + axis.support + 1);
    if (position >= 0 && position <= last) return position;
    const double in_period = std::fabs(std::fmod(position, 2 * last));
    return std::min(in_period, 2 * last - in_period);
  }

  struct Span {
    std::int64_t first, size;
  };
  /// The pixels along an axis that any pixel of the result looks at; its position is a * u + b * v + c.
  Span looked_at(const Axis& axis, double a, double b, double c, std::int64_t extent) const {
    const double far_u = a * static_cast<double>(out_width_ - 1), far_v = b * static_cast<double>(out_height_ - 1);
    double from = c + std::min(far_u, 0.0) + std::min(far_v, 0.0), to = c + std::max(far_u, 0.0) + std::max(far_v, 0.0);
    const double last = static_cast<double>(extent - 1);
    if (border_ == Border::reflect && extent > 1 && (from < 0 || to > last)) {
      from = 0;
      to = last;
    }
    // One pixel more, as positions are rounded differently here.
    const std::int64_t first = floor_of(folded(from, axis, extent) - axis.support) - 1;
    return {first, floor_of(folded(to, axis, extent) - axis.support) + 2 + axis.padded - first};
  }

  /// `row` is null where the image has none.
  void copy_row(const float* row, Span columns, float* to) const {
    if (!row) {
      std::fill(to, to + columns.size, outside_);
      return;
    }
    const std::int64_t begin = std::clamp<std::int64_t>(-columns.first, 0, columns.size);
    const std::int64_t end = std::clamp<std::int64_t>(width_ - columns.first, begin, columns.size);
    const auto beyond = [&](std::int64_t i) {
      const std::int64_t x = stand_in(columns.first + i, width_, border_);
      return x < 0 ? outside_ : row[x];
    };
    for (std::int64_t i = 0; i < begin; ++i) to[i] = beyond(i);
    std::copy(row + columns.first + begin, row + columns.first + end, to + begin);
    for (std::int64_t i = end; i < columns.size; ++i) to[i] = beyond(i);
  }

  float weighted(const float* pixels, std::int64_t stride, const float* across, const float* down) const {
    Float4 sum = {};
    std::int64_t k = 0;
    for (; k + 4 * lanes <= x_.padded; k += 4 * lanes)
      sum += weighted_block<4>(pixels + k, stride, down, y_.count, across + k);
    switch ((x_.padded - k) / lanes) {
      case 1:
        sum += weighted_block<1>(pixels + k, stride, down, y_.count, across + k);
        break;
      case 2:
        sum += weighted_block<2>(pixels + k, stride, down, y_.count, across + k);
        break;
      case 3:
        sum += weighted_block<3>(pixels + k, stride, down, y_.count, across + k);
        break;
      default:
        break;
    }
    return sum_of(sum);
  }

  /// The weighted mean of a row whose pixels from `left` on need not exist.
  float along(const float* row, std::int64_t left, const float* across) const {
    float sum = 0;
    for (std::int64_t k = 0; k < x_.count; ++k) {
      const std::int64_t x = stand_in(left + k, width_, border_);
      sum += across[k] * (x < 0 ? outside_ : row[x]);
    }
    return sum;
  }

  /// For transforms without rotation or shear: rows are added up first, once for all pixels of a row of the result.
  void by_rows() {
    std::vector<float> across(static_cast<std::size_t>(out_width_ * x_.padded));
    std::vector<std::int64_t> left(static_cast<std::size_t>(out_width_));
    std::int64_t from = width_, to = 0;  // what is looked at of a row
    for (std::int64_t u = 0; u < out_width_; ++u) {
      const double x = back_.xx * static_cast<double>(u) + back_.x0;
      const std::int64_t first = left[static_cast<std::size_t>(u)] = x_.weigh(x, across.data() + u * x_.padded);
      const bool inside = first >= 0 && first + x_.padded <= width_;
      from = std::min(from, inside ? first : 0);
      to = std::max(to, inside ? first + x_.padded : width_);
    }
    const std::int64_t each = 2 * y_.padded + width_;
    std::vector<float> scratch(static_cast<std::size_t>(threads_ * each));
    std::vector<const float*> rows(static_cast<std::size_t>(threads_ * y_.padded));
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (std::int64_t v = 0; v < out_height_; ++v) {
      float* down = scratch.data() + omp_get_thread_num() * each;
      float *present = down + y_.padded, *sums = present + y_.padded;
      const float** row = rows.data() + omp_get_thread_num() * y_.padded;
      const std::int64_t top = y_.weigh(back_.yy * static_cast<double>(v) + back_.y0, down);
      for (std::int64_t c = 0; c < channels_; ++c) {
        add_rows(source_ + c * height_ * width_, top, down, present, row, sums, from, to);
        float* target = target_ + (c * out_height_ + v) * out_width_;
        for (std::int64_t u = 0; u < out_width_; ++u) {
          const std::int64_t first = left[static_cast<std::size_t>(u)];
          const float* w = across.data() + u * x_.padded;
          target[u] = first >= 0 && first + x_.padded <= width_ ? dot(sums + first, w) : along(sums, first, w);
        }
      }
    }
  }

  /// sums[x] = the weighted mean of column x, for x from `from` to `to`. `present` and `row` are memory for the weights
  /// and addresses of the rows that exist.
  void add_rows(const float* plane, std::int64_t top, const float* down, float* present, const float** row, float* sums,
                std::int64_t from, std::int64_t to) const {
    std::int64_t n = 0;
    float missing = 0;
    for (std::int64_t r = 0; r < y_.count; ++r) {
      const std::int64_t y = stand_in(top + r, height_, border_);
      if (y < 0) {
        missing += down[r];
      } else {
        present[n] = down[r];
        row[n++] = plane + y * width_;
      }
    }
    for (; n % lanes != 0; ++n) {
      present[n] = 0;
      row[n] = row[0];
    }
    std::fill(sums + from, sums + to, missing * outside_);
    for (std::int64_t r = 0; r < n; r += lanes) {
      const float *a = row[r], *b = row[r + 1], *c = row[r + 2], *d = row[r + 3];
      const float wa = present[r], wb = present[r + 1], wc = present[r + 2], wd = present[r + 3];
#pragma omp simd
      for (std::int64_t x = from; x < to; ++x) sums[x] += wa * a[x] + wb * b[x] + (wc * c[x] + wd * d[x]);
    }
  }

  float dot(const float* pixels, const float* weights) const {
    Float4 sum = {};
    for (std::int64_t k = 0; k < x_.padded; k += lanes) sum += load(pixels + k) * load(weights + k);
    return sum_of(sum);
  }

  Affine back_;
  Axis x_, y_;
  Border border_;
  float outside_;
  const float* source_;
  std::int64_t channels_, height_, width_;
  float* target_;
  std::int64_t out_height_, out_width_;
  int threads_ = 1;
};

constexpr std::int64_t longest_side = 1 << 16;

void check_image(const Tensor& image, const char* name) {
  check<ShapeError>(
      image && image.dtype() == DType::f32 && image.shape().rank() == 4 && image.shape()[0] == 1 && image.numel() > 0,
      name, " is ", image ? image.type().str() : "an empty tensor", ", expected f32[1,C,H,W]");
}

void check_extent(std::int64_t width, std::int64_t height, const char* what) {
  check<ShapeError>(width > 0 && height > 0 && width <= longest_side && height <= longest_side, what, " of ", width,
                    "x", height, ", expected 1..", longest_side, " pixels for each");
}

}  // namespace

Tensor warp(const Tensor& image, const Affine& transform, std::int64_t width, std::int64_t height,
            const WarpOptions& options) {
  check_image(image, "warp: image");
  check_extent(width, height, "warp: a result");
  Tensor result({DType::f32, {1, image.shape()[1], height, width}});
  Warp(image, transform, result, options).run(options.threads);
  return result;
}

Tensor feathered_mask(std::int64_t width, std::int64_t height, double feather) {
  check_extent(width, height, "feathered_mask: a mask");
  check(std::isfinite(feather) && feather >= 0, "feathered_mask: feather is ", feather, ", expected 0 or more pixels");
  const auto ramp = [&](std::int64_t i, std::int64_t extent) {
    const double edge = 0.5 + static_cast<double>(std::min(i, extent - 1 - i));
    return feather > edge ? edge / feather : 1.0;
  };
  Tensor mask({DType::f32, {1, 1, height, width}});
  float* to = mask.mutable_as<float>().data();
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x) {
      const double t = std::min(ramp(x, width), ramp(y, height));
      *to++ = static_cast<float>(t * t * (3 - 2 * t));
    }
  return mask;
}

Tensor paste_back(const Tensor& photo, const Tensor& face, const Affine& transform, const Tensor& mask,
                  const WarpOptions& options) {
  check_image(photo, "paste_back: photo");
  check_image(face, "paste_back: face");
  check_image(mask, "paste_back: mask");
  const std::int64_t channels = photo.shape()[1], height = photo.shape()[2], width = photo.shape()[3];
  const std::int64_t h = face.shape()[2], w = face.shape()[3];
  check<ShapeError>(face.shape()[1] == channels, "paste_back: face ", face.shape(), " and photo ", photo.shape(),
                    " have different channels");
  check<ShapeError>(mask.shape() == Shape{1, 1, h, w}, "paste_back: mask ", mask.shape(), ", expected [1,1,", h, ",", w,
                    "] as the face has");

  // The box of the photo that the mask can reach: bilinear filters see a pixel from one pixel away, in the face or, if
  // that is more, in the photo.
  const Affine back = transform.inverse();
  double x0 = static_cast<double>(width), x1 = 0, y0 = static_cast<double>(height), y1 = 0;
  for (const double x : {-1.0, static_cast<double>(w)})
    for (const double y : {-1.0, static_cast<double>(h)}) {
      const Point p = back({x, y});
      x0 = std::min(x0, p.x - 2), x1 = std::max(x1, p.x + 2);
      y0 = std::min(y0, p.y - 2), y1 = std::max(y1, p.y + 2);
    }
  const auto within = [](double v, std::int64_t extent) {
    return static_cast<std::int64_t>(std::clamp(v, 0.0, static_cast<double>(extent)));
  };
  const std::int64_t left = within(x0, width), right = within(x1 + 1, width);
  const std::int64_t top = within(y0, height), bottom = within(y1 + 1, height);
  Tensor result = photo.clone();
  if (left >= right || top >= bottom) return result;

  const Affine to_box = Affine::shift(-static_cast<double>(left), -static_cast<double>(top)) * back;
  WarpOptions of_face = options, of_mask = options;
  of_face.border = Border::replicate;
  of_mask.filter = ResizeFilter::bilinear;
  of_mask.border = Border::constant;
  of_mask.outside = 0;
  const Tensor new_pixels = warp(face, to_box, right - left, bottom - top, of_face);
  const Tensor shares = warp(mask, to_box, right - left, bottom - top, of_mask);
  constexpr float all = 1 - 1e-6f;  // two bilinear weights add up to 1 to within rounding
  const float* from = new_pixels.as<float>().data();
  float* to = result.mutable_as<float>().data();
  for (std::int64_t c = 0; c < channels; ++c) {
    const float* share = shares.as<float>().data();
    for (std::int64_t y = top; y < bottom; ++y) {
      float* row = to + (c * height + y) * width;
      for (std::int64_t x = left; x < right; ++x, ++share, ++from) {
        if (*share > all)
          row[x] = *from;
        else if (*share > 0)
          row[x] += *share * (*from - row[x]);
      }
    }
  }
  return result;
}

}  // namespace g2face
