#include "g2face/train/channel.hpp"

#include "g2face/ops/binary.hpp"
#include "g2face/ops/random.hpp"
#include "g2face/ops/unary.hpp"

namespace g2face {

Value round_to_bytes(Value x) {
  constexpr double half = 127.5, fine = 1024;
  const Value clipped = clamp(x, -1, 1), levels = affine(clipped, half, half);
  // What is taken away is itself rounded, to a thousandth of a level, and so has no gradient.
  return clipped - affine(round((levels - round(levels)) * fine), 1 / (fine * half));
}

Value channel(Value image, Value seeds, const ChannelOptions& options) {
  Value x = image;
  if (options.noise > 0) x = x + random_normal(seeds, {x.shape(), random_stream("channel")}) * options.noise;
  return options.round ? round_to_bytes(x) : x;
}

}  // namespace g2face
