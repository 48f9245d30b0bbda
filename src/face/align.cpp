#include "g2face/face/align.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "g2face/image.hpp"

namespace g2face {
namespace {

bool finite(Point p) { return std::isfinite(p.x) && std::isfinite(p.y); }
Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
Point operator*(double s, Point p) { return {s * p.x, s * p.y}; }
double length(Point p) { return std::hypot(p.x, p.y); }
/// A quarter turn from x to y.
Point turned(Point p) { return {-p.y, p.x}; }

Point mean(std::span<const Point> points) {
  Point sum;
  for (const Point& p : points) sum = sum + p;
  return (1.0 / static_cast<double>(points.size())) * sum;
}

std::string text(Point p) { return str("(", p.x, ",", p.y, ")"); }

void check_finite(std::span<const Point> points, const char* what) {
  for (std::size_t i = 0; i < points.size(); ++i)
    check(finite(points[i]), what, ": point ", i, " is ", text(points[i]), ", expected finite coordinates");
}

void check_size(std::int64_t size, const char* what) {
  check(size > 0, what, ": size is ", size, ", expected at least 1");
}

/// Turns y around in an image of that height: from down to up, or back.
Affine flip(std::int64_t height) { return {1, 0, 0, 0, -1, static_cast<double>(height - 1)}; }

/// Solves least squares by orthogonalising the columns of `a` twice over (modified Gram-Schmidt); `b` has one column.
/// Returns nothing sensible for columns that depend on each other: the caller compares `pivots` with the columns.
struct Solution {
  std::array<double, 3> x{}, pivots{};
};
Solution least_squares(std::array<std::array<double, 5>, 3> a, std::array<double, 5> b) {
  const auto dot = [](const std::array<double, 5>& u, const std::array<double, 5>& v) {
    double sum = 0;
    for (std::size_t i = 0; i < 5; ++i) sum += u[i] * v[i];
    return sum;
  };
  const auto take_away = [](std::array<double, 5>& u, double s, const std::array<double, 5>& v) {
    for (std::size_t i = 0; i < 5; ++i) u[i] -= s * v[i];
  };
  std::array<std::array<double, 3>, 3> r{};
  Solution solution;
  for (std::size_t j = 0; j < 3; ++j) {
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t k = 0; k < j; ++k) {
        const double s = dot(a[k], a[j]);
        r[k][j] += s;
        take_away(a[j], s, a[k]);
      }
    r[j][j] = solution.pivots[j] = std::sqrt(dot(a[j], a[j]));
    for (double& v : a[j]) v /= r[j][j];
  }
  std::array<double, 3> c{};
  for (std::size_t j = 0; j < 3; ++j) {
    c[j] = dot(a[j], b);
    take_away(b, c[j], a[j]);
  }
  for (std::size_t j = 3; j-- > 0;) {
    solution.x[j] = c[j];
    for (std::size_t k = j + 1; k < 3; ++k) solution.x[j] -= r[j][k] * solution.x[k];
    solution.x[j] /= r[j][j];
  }
  return solution;
}

}  // namespace

Affine Affine::inverse() const {
  const double d = determinant();
  check(std::isfinite(d) && std::isfinite(1 / d) && std::isfinite(x0) && std::isfinite(y0), "transform ", str(),
        " has no inverse: its determinant is ", d);
  Affine r{yy / d, -xy / d, 0, -yx / d, xx / d, 0};
  r.x0 = -(r.xx * x0 + r.xy * y0);
  r.y0 = -(r.yx * x0 + r.yy * y0);
  return r;
}

std::string Affine::str() const { return g2face::str("[", xx, ",", xy, ",", x0, "; ", yx, ",", yy, ",", y0, "]"); }

Affine operator*(const Affine& a, const Affine& b) {
  const Point t = a({b.x0, b.y0});
  return {a.xx * b.xx + a.xy * b.yx, a.xx * b.xy + a.xy * b.yy, t.x,
          a.yx * b.xx + a.yy * b.yx, a.yx * b.xy + a.yy * b.yy, t.y};
}

namespace {

void check_68(std::span<const Point> points) {
  check(points.size() == 68, "there are ", points.size(), " landmarks, expected 68");
}

}  // namespace

FivePoints five_of_68(std::span<const Point> points) {
  check_68(points);
  return {0.5 * (points[36] + points[39]), 0.5 * (points[42] + points[45]), points[30], points[48], points[54]};
}

FivePoints ffhq_of_68(std::span<const Point> points) {
  check_68(points);
  return {mean(points.subspan(36, 6)), mean(points.subspan(42, 6)), points[30], points[48], points[54]};
}

void check_points(std::span<const Point> points, std::int64_t width, std::int64_t height, const char* name) {
  const auto w = static_cast<double>(width), h = static_cast<double>(height);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point p = points[i];
    // Written so that NaN fails.
    check(p.x >= -w && p.x <= 2 * w && p.y >= -h && p.y <= 2 * h, name, " ", i, " at ", text(p),
          " is far from the image of ", width, "x", height);
  }
}

Affine fit_similarity(std::span<const Point> from, std::span<const Point> to) {
  check(from.size() == to.size() && from.size() >= 2, "fit_similarity: ", from.size(), " points to ", to.size(),
        ", expected as many, and at least 2");
  check_finite(from, "fit_similarity: from");
  check_finite(to, "fit_similarity: to");
  const Point from_mean = mean(from), to_mean = mean(to);
  double a = 0, b = 0, from_square = 0, to_square = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const Point p = from[i] - from_mean, q = to[i] - to_mean;
    a += p.x * q.x + p.y * q.y;
    b += p.x * q.y - p.y * q.x;
    from_square += p.x * p.x + p.y * p.y;
    to_square += q.x * q.x + q.y * q.y;
  }
  // Below this, what is left of differences is the rounding of the coordinates.
  const auto all_equal = [&](double square, Point m) {
    return !(std::sqrt(square) > 1e-13 * (std::fabs(m.x) + std::fabs(m.y)));
  };
  check(!all_equal(from_square, from_mean), "fit_similarity: all points to start from are ", text(from_mean));
  check(!all_equal(to_square, to_mean), "fit_similarity: all points to reach are ", text(to_mean));
  check(std::hypot(a, b) > 1e-13 * std::sqrt(from_square) * std::sqrt(to_square),
        "fit_similarity: no rotation of the points fits better than another (one set mirrors the other)");
  a /= from_square;
  b /= from_square;
  return Affine::similarity(a, b, to_mean.x - (a * from_mean.x - b * from_mean.y),
                            to_mean.y - (b * from_mean.x + a * from_mean.y));
}

FivePoints arcface_template(std::int64_t size) {
  check_size(size, "arcface_template");
  FivePoints points = {
      {{38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041}}};
  if (size == 112) return points;
  const double scale = static_cast<double>(size) / 112.0;
  for (Point& p : points) p = {(p.x + 0.5) * scale - 0.5, (p.y + 0.5) * scale - 0.5};
  return points;
}

Affine arcface_transform(const FivePoints& points, std::int64_t size) {
  return fit_similarity(points, arcface_template(size));
}

Affine ffhq_transform(const FivePoints& points, std::int64_t size) {
  check_size(size, "ffhq_transform");
  check_finite(points, "ffhq_transform");
  const Point eyes = 0.5 * (points[0] + points[1]), mouth = 0.5 * (points[3] + points[4]);
  const Point across = points[1] - points[0], down = mouth - eyes;
  const Point sum = across - turned(down);
  const double side = std::max(2.0 * length(across), 1.8 * length(down));
  check(length(sum) > 1e-9 * side && side > 1e-9 * length(eyes), "ffhq_transform: eyes at ", text(points[0]), " and ",
        text(points[1]), " and a mouth at ", text(mouth), " do not say which way is up");
  const Point half = (side / length(sum)) * sum;  // from the centre to the middle of the right edge
  const Point centre = eyes + 0.1 * down;
  // The crop's pixel (u, v) is centre + (2 (u + 0.5) / size - 1) half + (2 (v + 0.5) / size - 1) turned(half).
  const double step = 2.0 / static_cast<double>(size), first = 0.5 * step - 1.0;
  const Point corner = centre + first * (half + turned(half));
  return Affine::similarity(step * half.x, step * half.y, corner.x, corner.y).inverse();
}

Affine ReferenceAlignment::transform() const {
  const double sx = static_cast<double>(width) / static_cast<double>(photo_width);
  const double sy = static_cast<double>(height) / static_cast<double>(photo_height);
  return {sx, 0, 0.5 * sx - 0.5 - static_cast<double>(left), 0, sy, 0.5 * sy - 0.5 - static_cast<double>(top)};
}

Affine ReferenceAlignment::landmark_transform() const {
  const auto place = [&](std::int64_t photo, double middle, std::int64_t resized) {
    return (0.5 * static_cast<double>(photo) - middle) * scale - 0.5 * static_cast<double>(resized - size);
  };
  const Affine up{scale, 0,     place(photo_width, translation.x, width),
                  0,     scale, place(photo_height, translation.y, height)};
  return flip(size) * up * flip(photo_height);
}

ReferenceAlignment reference_alignment_at(Point translation, double scale, std::int64_t photo_width,
                                          std::int64_t photo_height, std::int64_t size) {
  constexpr double most_pixels = 1 << 28;
  constexpr double furthest = 1 << 30;
  check(photo_width > 0 && photo_height > 0, "reference_alignment: the photo is ", photo_width, "x", photo_height,
        ", expected pixels");
  check(size > 0 && static_cast<double>(size) <= std::sqrt(most_pixels), "reference_alignment: size is ", size,
        ", expected 1..", std::sqrt(most_pixels));
  check(finite(translation) && std::isfinite(scale) && scale > 0, "reference_alignment: translation ",
        text(translation), " and scale ", scale, ", expected finite numbers and a positive scale");
  const double w0 = static_cast<double>(photo_width), h0 = static_cast<double>(photo_height);
  const double w = std::trunc(w0 * scale), h = std::trunc(h0 * scale);
  check(w >= 1 && h >= 1 && w * h <= most_pixels, "reference_alignment: a photo of ", photo_width, "x", photo_height,
        " resized by ", scale, " would be ", w, "x", h, ", expected 1..", most_pixels, " pixels");
  const double half = 0.5 * static_cast<double>(size);
  const double left = 0.5 * w - half + (translation.x - 0.5 * w0) * scale;
  const double top = 0.5 * h - half + (0.5 * h0 - translation.y) * scale;
  check(std::fabs(left) < furthest && std::fabs(top) < furthest, "reference_alignment: the crop would start at ",
        text({left, top}), " of the resized photo");
  ReferenceAlignment r{translation, scale, photo_width, photo_height};
  r.width = static_cast<std::int64_t>(w);
  r.height = static_cast<std::int64_t>(h);
  r.left = static_cast<std::int64_t>(left);
  r.top = static_cast<std::int64_t>(top);
  r.size = size;
  return r;
}

const std::array<Point3, 5>& reference_face() {
  static constexpr std::array<Point3, 5> face = {{
      {-0.311486572, 0.290360779, 0.133779526},
      {0.309798874, 0.289720371, 0.131795257},
      {0.00325349881, -0.0461793244, 0.552442431},
      {-0.252169281, -0.381339163, 0.224057317},
      {0.248466194, -0.381282359, 0.22235769},
  }};
  return face;
}

Pose fit_pose(const FivePoints& points, const std::array<Point3, 5>& model) {
  check_finite(points, "fit_pose");
  // With the means taken away, the two translations are no unknowns.
  Point3 centre;
  for (const Point3& p : model) centre = {centre.x + 0.2 * p.x, centre.y + 0.2 * p.y, centre.z + 0.2 * p.z};
  const Point middle = mean(points);
  std::array<std::array<double, 5>, 3> columns{};
  std::array<double, 5> x{}, y{};
  for (std::size_t i = 0; i < 5; ++i) {
    columns[0][i] = model[i].x - centre.x;
    columns[1][i] = model[i].y - centre.y;
    columns[2][i] = model[i].z - centre.z;
    x[i] = points[i].x - middle.x;
    y[i] = points[i].y - middle.y;
  }
  double largest = 0;
  for (const auto& column : columns)
    for (const double v : column) largest = std::max(largest, std::fabs(v));
  const Solution row_x = least_squares(columns, x), row_y = least_squares(columns, y);
  // Written so that NaN fails.
  const bool solid = std::all_of(row_x.pivots.begin(), row_x.pivots.end(),
                                 [&](double pivot) { return pivot > 1e-9 * largest && std::isfinite(pivot); });
  check(solid, "fit_pose: the model's five points are not finite or lie in one plane");
  const auto norm = [](const std::array<double, 3>& r) { return std::hypot(r[0], r[1], r[2]); };
  const auto at_centre = [&](const std::array<double, 3>& r) {
    return r[0] * centre.x + r[1] * centre.y + r[2] * centre.z;
  };
  Pose pose;
  pose.scale = 0.5 * (norm(row_x.x) + norm(row_y.x));
  pose.translation = {middle.x - at_centre(row_x.x), middle.y - at_centre(row_y.x)};
  check(pose.scale > 1e-13 * length(middle), "fit_pose: all points are ", text(middle));
  return pose;
}

ReferenceAlignment reference_alignment(const FivePoints& points, std::int64_t photo_width, std::int64_t photo_height,
                                       std::int64_t size, double rescale) {
  check_points(points, photo_width, photo_height, "landmark");
  const Affine up = flip(photo_height);
  FivePoints up_points;
  std::transform(points.begin(), points.end(), up_points.begin(), up);
  const Pose pose = fit_pose(up_points);
  return reference_alignment_at(pose.translation, rescale / pose.scale, photo_width, photo_height, size);
}

Tensor reference_crop(const Tensor& photo, const ReferenceAlignment& a) {
  check<ShapeError>(photo && photo.shape() == Shape{1, 3, a.photo_height, a.photo_width},
                    "reference_crop: the photo is ", photo ? photo.type().str() : "an empty tensor",
                    ", the alignment is for [1,3,", a.photo_height, ",", a.photo_width, "]");
  const Tensor resized =
      crop_resize(photo, {0, 0, a.photo_width, a.photo_height}, a.height, a.width, ResizeFilter::bicubic);
  constexpr float black = -1;
  Tensor crop = Tensor::full({DType::f32, {1, 3, a.size, a.size}}, black);
  const std::int64_t from = std::clamp<std::int64_t>(-a.left, 0, a.size);
  const std::int64_t to = std::clamp<std::int64_t>(a.width - a.left, from, a.size);
  const float* source = resized.as<float>().data();
  float* target = crop.mutable_as<float>().data();
  for (std::int64_t c = 0; c < 3; ++c)
    for (std::int64_t y = 0; y < a.size; ++y) {
      if (y + a.top < 0 || y + a.top >= a.height) continue;
      const float* row = source + (c * a.height + y + a.top) * a.width + a.left;
      std::copy(row + from, row + to, target + (c * a.size + y) * a.size + from);
    }
  return crop;
}

}  // namespace g2face
