#include "g2face/train/channel.hpp"

#include <algorithm>
#include <cmath>

#include "g2face/ops/binary.hpp"
#include "g2face/ops/broadcast.hpp"
#include "g2face/ops/random.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/unary.hpp"
#include "train/draws.hpp"
#include "train/resample.hpp"

namespace g2face {
namespace {

/// Whole numbers from `least` to `most`, each as likely as another.
Value uniform_whole(Value seeds, std::string_view stream, std::int64_t least, std::int64_t most) {
  const auto from = static_cast<double>(least), to = static_cast<double>(most);
  return clamp(round(affine(uniform(seeds, stream), to - from + 1, from - 0.5)), from, to);
}

std::int64_t smallest(double factor, std::int64_t extent) {
  return std::max<std::int64_t>(1, std::llround(factor * static_cast<double>(extent)));
}

}  // namespace

void ChannelOptions::validate() const {
  const auto require = [](bool ok, std::string_view field, double value, std::string_view expected) {
    check<Error>(ok, "channel.", field, " is ", value, ", expected ", expected);
  };
  require(resize >= 0 && resize <= 1, "resize", resize, "a share of 0 to 1");
  require(resize_factor > 0 && resize_factor <= 1, "resize_factor", resize_factor, "above 0, at most 1");
  require(noise >= 0 && noise <= 1, "noise", noise, "0 to 1");
  require(jpeg >= 0 && jpeg <= 1, "jpeg", jpeg, "a share of 0 to 1");
  const auto [least, most] = jpeg_quality;
  require(least >= 1 && least <= 100, "jpeg_quality[0]", static_cast<double>(least), "1 to 100");
  require(most >= least && most <= 100, "jpeg_quality[1]", static_cast<double>(most), "the first one to 100");
}

Value round_to_bytes(Value x) {
  constexpr double half = 127.5;
  const Value clipped = clamp(x, -1, 1);
  return clipped - rest_of_rounding(affine(clipped, half, half)) / half;
}

Value channel(Value image, Value seeds, const ChannelOptions& o) {
  Value x = image;
  const std::int64_t n = x.shape()[0];
  if (o.resize > 0) {
    const std::int64_t height = x.shape()[2], width = x.shape()[3];
    check<ShapeError>(height == width, "channel: pictures of ", height, "x", width, " pixels are not square");
    const Value side = uniform_whole(seeds, "channel/size", smallest(o.resize_factor, width), width);
    x = some(o.resize, seeds, "channel/resize", resize_and_back(x, broadcast_to(side, {n, 2})), x);
  }
  if (o.noise > 0) x = x + random_normal(seeds, {x.shape(), random_stream("channel")}) * o.noise;
  if (o.jpeg > 0) {
    const Value quality = uniform_whole(seeds, "channel/quality", o.jpeg_quality[0], o.jpeg_quality[1]);
    x = some(o.jpeg, seeds, "channel/jpeg", jpeg(x, reshape(quality, {n}), o.jpeg_halve_colours), x);
  }
  return o.round ? round_to_bytes(x) : x;
}

}  // namespace g2face
