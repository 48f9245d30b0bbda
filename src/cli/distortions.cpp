#include "cli/distortions.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "g2face/error.hpp"
#include "g2face/eval/identity_policy.hpp"
#include "g2face/image.hpp"
#include "io/image_codec.hpp"

namespace g2face::cli {

namespace {

Tensor through_jpeg(const Tensor& image, int quality) {
  const std::int64_t h = image.shape()[2], w = image.shape()[3];
  const auto x = image.as<float>();
  const auto plane = static_cast<std::size_t>(h * w);
  std::vector<std::uint8_t> rgb(3 * plane);
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      rgb[3 * i + c] = static_cast<std::uint8_t>(std::lround(127.5F * (x[c * plane + i] + 1)));
    }
  }
  const io::RgbImage pixels{.rgb = rgb, .width = static_cast<int>(w), .height = static_cast<int>(h)};
  return decode_image(io::encode_jpeg(pixels, "attack.jpg", {.quality = quality, .halve_colours = true}), "attack.jpg");
}

Tensor resized(const Tensor& image, const CropBox& part, std::int64_t size) {
  return crop_resize(crop_resize(image, part, size, size), {0, 0, size, size}, image.shape()[2], image.shape()[3]);
}

Tensor noisy(const Tensor& image, double levels, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> noise(0, levels / 127.5);
  Tensor result = image.clone();
  for (float& v : result.mutable_as<float>()) v += static_cast<float>(noise(random));
  return as_saved(result);
}

/// A Gaussian of the radius `sigma` in pixels; the border is repeated.
Tensor blurred(const Tensor& image, double sigma) {
  const auto reach = static_cast<std::int64_t>(std::ceil(3 * sigma));
  std::vector<double> weights;
  double sum = 0;
  for (std::int64_t k = -reach; k <= reach; ++k) {
    weights.push_back(std::exp(-static_cast<double>(k * k) / (2 * sigma * sigma)));
    sum += weights.back();
  }
  const std::int64_t h = image.shape()[2], w = image.shape()[3];
  Tensor result = image.clone();
  for (const bool along_rows : {true, false}) {
    const Tensor before = result.clone();
    const auto x = before.as<float>();
    const auto y = result.mutable_as<float>();
    for (std::int64_t at = 0; at < 3 * h * w; ++at) {
      const std::int64_t column = at % w, row = at / w % h, place = along_rows ? column : row;
      double value = 0;
      for (std::int64_t k = -reach; k <= reach; ++k) {
        const std::int64_t from = std::clamp<std::int64_t>(place + k, 0, (along_rows ? w : h) - 1);
        const std::int64_t other = at + (from - place) * (along_rows ? 1 : w);
        value += weights[static_cast<std::size_t>(k + reach)] / sum * x[static_cast<std::size_t>(other)];
      }
      y[static_cast<std::size_t>(at)] = static_cast<float>(value);
    }
  }
  return as_saved(result);
}

}  // namespace

std::vector<Distortion> distortions() {
  std::vector<Distortion> all;
  const auto add = [&all](std::string name, std::function<Tensor(const Tensor&, std::uint64_t)> apply) {
    all.push_back({std::move(name), std::move(apply)});
  };
  for (const int quality : {95, 90, 75}) {
    add(str("JPEG ", quality), [quality](const Tensor& x, std::uint64_t) { return through_jpeg(x, quality); });
  }
  add("twice the size and back", [](const Tensor& x, std::uint64_t) {
    return resized(x, {0, 0, x.shape()[3], x.shape()[2]}, 2 * x.shape()[2]);
  });
  add("half the size and back", [](const Tensor& x, std::uint64_t) {
    return resized(x, {0, 0, x.shape()[3], x.shape()[2]}, x.shape()[2] / 2);
  });
  add("a border of 1/32 cut off", [](const Tensor& x, std::uint64_t) {
    const std::int64_t side = x.shape()[2], border = std::max<std::int64_t>(1, side / 32);
    return crop_resize(x, {border, border, side - 2 * border, side - 2 * border}, side, side);
  });
  add("blur, sigma 1 pixel", [](const Tensor& x, std::uint64_t) { return blurred(x, 1); });
  for (const int levels : {2, 5}) {
    add(str("noise, sigma ", levels, " of 255"),
        [levels](const Tensor& x, std::uint64_t seed) { return noisy(x, levels, seed); });
  }
  return all;
}

}  // namespace g2face::cli
