#include "images.hpp"

#include <algorithm>

#include "compare.hpp"

namespace g2face::golden {

Tensor image_of_bytes(const Tensor& bytes) {
  const Shape& s = bytes.shape();
  check<ShapeError>(s.rank() == 3 && s[2] == 3, "an image has shape ", s, ", expected [H,W,3]");
  const std::int64_t pixels = s[0] * s[1];
  Tensor image(Type{DType::f32, {1, 3, s[0], s[1]}});
  const auto from = bytes.as<std::uint8_t>();
  const auto to = image.mutable_as<float>();
  for (std::int64_t i = 0; i < 3 * pixels; ++i)
    to[static_cast<std::size_t>(i)] =
        (static_cast<float>(from[static_cast<std::size_t>(i % pixels * 3 + i / pixels)]) / 255.0f - 0.5f) / 0.5f;
  return image;
}

Tensor stretched_bytes(const Tensor& image, bool clip) {
  const Shape& s = image.shape();
  check<ShapeError>(s.rank() == 4 && s[0] == 1 && s[1] == 3, "an image has shape ", s, ", expected [1,3,H,W]");
  std::vector<double> v = doubles(image);
  if (clip)
    for (double& x : v) x = std::clamp(x, -1.0, 1.0);
  const auto [low, high] = std::minmax_element(v.begin(), v.end());
  const double offset = *low, range = *high - *low;
  const std::size_t pixels = v.size() / 3;
  Tensor bytes(Type{DType::u8, {s[2], s[3], 3}});
  const auto to = bytes.mutable_as<std::uint8_t>();
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double level = range > 0 ? (v[i] - offset) / range * 255 + 0.5 : 0;
    to[i % pixels * 3 + i / pixels] = static_cast<std::uint8_t>(level);
  }
  return bytes;
}

}  // namespace g2face::golden
