// Alignment of faces: numbers and images that need no graph. The recorded landmarks have y pointing up.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "g2face/face/align.hpp"
#include "g2face/image.hpp"
#include "op_adapters.hpp"

namespace g2face::golden {
namespace {

Tensor numbers(const Shape& shape, std::initializer_list<double> values) {
  Tensor t({DType::f64, shape});
  check<FormatError>(t.numel() == static_cast<std::int64_t>(values.size()), "shape ", shape, " for ", values.size(),
                     " numbers");
  std::copy(values.begin(), values.end(), t.mutable_as<double>().begin());
  return t;
}

Tensor numbers(const Affine& m) { return numbers({2, 3}, {m.xx, m.xy, m.x0, m.yx, m.yy, m.y0}); }

Tensor numbers(std::span<const Point> points) {
  Tensor t({DType::f64, {static_cast<std::int64_t>(points.size()), 2}});
  auto to = t.mutable_as<double>().begin();
  for (const Point& p : points) {
    *to++ = p.x;
    *to++ = p.y;
  }
  return t;
}

std::vector<Point> points_of(const Tensor& t) {
  check<FormatError>(t.shape().rank() == 2 && t.shape()[1] == 2, "landmarks of shape ", t.shape(), ", expected [N,2]");
  const auto values = t.as<float>();
  std::vector<Point> points;
  for (std::size_t i = 0; i < values.size(); i += 2) points.push_back({values[i], values[i + 1]});
  return points;
}

/// Turns y around in an image of that height.
std::vector<Point> flipped(std::vector<Point> points, std::int64_t height) {
  for (Point& p : points) p.y = static_cast<double>(height - 1) - p.y;
  return points;
}

/// What the reference does with landmarks, all with y up.
std::vector<Point> moved(const std::vector<Point>& up, const ReferenceAlignment& a) {
  std::vector<Point> points = flipped(up, a.photo_height);
  std::transform(points.begin(), points.end(), points.begin(), a.landmark_transform());
  return flipped(points, a.size);
}

/// u8 [H,W,3] to an image, and back to levels.
Tensor image_of(const Tensor& hwc) {
  check<FormatError>(hwc.dtype() == DType::u8 && hwc.shape().rank() == 3 && hwc.shape()[2] == 3, "an image is ",
                     hwc.type().str(), ", expected u8[H,W,3]");
  const std::int64_t pixels = hwc.shape()[0] * hwc.shape()[1];
  Tensor image({DType::f32, {1, 3, hwc.shape()[0], hwc.shape()[1]}});
  const auto to = image.mutable_as<float>();
  const auto from = hwc.as<std::uint8_t>();
  for (std::int64_t i = 0; i < 3 * pixels; ++i)
    to[static_cast<std::size_t>(i % 3 * pixels + i / 3)] =
        static_cast<float>(from[static_cast<std::size_t>(i)] / 127.5 - 1.0);
  return image;
}
Tensor levels_of(const Tensor& image) {
  const std::int64_t pixels = image.shape()[2] * image.shape()[3];
  Tensor hwc({DType::f64, {image.shape()[2], image.shape()[3], 3}});
  const auto to = hwc.mutable_as<double>();
  const auto from = image.as<float>();
  for (std::int64_t i = 0; i < 3 * pixels; ++i)
    to[static_cast<std::size_t>(i)] =
        std::round(127.5 * (from[static_cast<std::size_t>(i % 3 * pixels + i / 3)] + 1.0));
  return hwc;
}

Outputs alignment_case(CaseBuilder& c) {
  const std::vector<std::int64_t> extent = c.integers("image_size_wh", 2);
  const std::int64_t width = extent[0], height = extent[1], size = c.integer("target_size");
  const std::vector<Point> up = points_of(c.golden().get("input.lm68"));
  const FivePoints five = five_of_68(up);
  const Tensor rows = c.golden().get("input.lm3d");
  check<FormatError>(rows.shape() == Shape{5, 3}, "lm3d has shape ", rows.shape(), ", expected [5,3]");
  std::array<Point3, 5> model;
  for (std::size_t i = 0; i < 5; ++i)
    model[i] = {rows.as<float>()[3 * i], rows.as<float>()[3 * i + 1], rows.as<float>()[3 * i + 2]};

  const Pose pose = fit_pose(five, model);
  const ReferenceAlignment a =
      reference_alignment_at(pose.translation, c.number("rescale_factor") / pose.scale, width, height, size);
  const std::vector<Point> landmarks = moved(up, a);
  const auto number = [](std::int64_t n) { return static_cast<double>(n); };
  Outputs outputs;
  outputs["lm5"].tensor = numbers(five);
  outputs["pos_t"].tensor = numbers({2}, {pose.translation.x, pose.translation.y});
  outputs["pos_s"].tensor = numbers({1}, {pose.scale});
  outputs["scale"].tensor = numbers({1}, {a.scale});
  outputs["resize_wh"].tensor = numbers({2}, {number(a.width), number(a.height)});
  outputs["crop_box"].tensor =
      numbers({4}, {number(a.left), number(a.top), number(a.left + size), number(a.top + size)});
  outputs["lm68_new"].tensor = numbers(landmarks);
  outputs["trans_params"].tensor =
      numbers({5}, {number(width), number(height), a.scale, a.translation.x, a.translation.y});
  outputs["arcface_M"].tensor = numbers(arcface_transform(five_of_68(flipped(up, height))));
  outputs["arcface_M_224"].tensor = numbers(arcface_transform(five_of_68(flipped(landmarks, size))));
  return outputs;
}

Outputs reference_crop_case(CaseBuilder& c) {
  const Tensor photo = image_of(c.golden().get("input.image"));
  const auto t = c.golden().attr().find("t");
  check<FormatError>(
      t != c.golden().attr().end() && t->is_array() && t->size() == 2 && (*t)[0].is_number() && (*t)[1].is_number(),
      "attribute 't' is missing or not two numbers");
  const ReferenceAlignment a =
      reference_alignment_at({(*t)[0].get<double>(), (*t)[1].get<double>()}, c.number("scale"), photo.shape()[3],
                             photo.shape()[2], std::lround(c.number("target_size")));
  Outputs outputs;
  outputs["image"].tensor = levels_of(reference_crop(photo, a));
  outputs["lm68_new"].tensor = numbers(moved(points_of(c.golden().get("input.lm68")), a));
  return outputs;
}

Outputs bilinear_resize_case(CaseBuilder& c) {
  const Tensor photo = image_of(c.golden().get("input.image"));
  const Shape size = c.golden().shape("output.tensor");
  check<FormatError>(size.rank() == 3, "output.tensor has shape ", size, ", expected [3,H,W]");
  const Tensor image = crop_resize(photo, {0, 0, photo.shape()[3], photo.shape()[2]}, size[1], size[2]);
  Outputs outputs;
  outputs["image"].tensor = levels_of(image);
  outputs["tensor"].tensor = image.reshape(size);
  return outputs;
}

constexpr OpAdapter table[] = {
    {"alignment", 'm', alignment_case},
    {"resize_n_crop_img", 'm', reference_crop_case},
    {"dataset image transform", 'm', bilinear_resize_case},
};

}  // namespace

std::span<const OpAdapter> aligning_adapters() { return table; }

}  // namespace g2face::golden
