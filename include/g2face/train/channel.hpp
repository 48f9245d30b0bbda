#pragma once
// What happens to a picture between hiding bits in it and reading them.

#include <array>
#include <cstdint>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// In this order. All of it lets gradients pass. Which pictures are resized and compressed, and how much, is drawn for
/// each of them anew.
struct ChannelOptions {
  double resize = 0;                                 // share of pictures made smaller and large again, 0..1
  double resize_factor = 0.5;                        // the smallest; uniform from there to 1, to whole pixels
  double noise = 0.01;                               // standard deviation of normal noise, in units of -1..1
  double jpeg = 0;                                   // share of pictures compressed, 0..1
  std::array<std::int64_t, 2> jpeg_quality{50, 95};  // of libjpeg, 1..100: uniform whole numbers from .. to
  bool jpeg_halve_colours = true;                    // 4:2:0, as most programs write
  bool round = false;                                // to 8 bits, see round_to_bytes
  /// Throws Error, "channel.noise is ...", naming the first field that has no meaning.
  void validate() const;
  bool operator==(const ChannelOptions&) const = default;
};

///   image [N,3,H,W], -1..1, seeds i64 [N] -> as image
Value channel(Value image, Value seeds, const ChannelOptions& options);

/// x clipped to -1..1 and rounded to the nearest of the 256 levels that a saved picture can have, -1 and 1 among them,
/// to within 1/1000 of a level. The gradient is that of clipping (straight-through).
Value round_to_bytes(Value x);

/// Rounded to bytes, written as JPEG and read again (ITU-T T.81, with JFIF's colours, the quantization tables of its
/// annex K, and libjpeg's scale of qualities, roundings and interpolation of colours). Differs from libjpeg, whose
/// cosines are integers, where a coefficient is about half a step: by less than a level in the mean.
///   image [N,3,H,W], quality [N] of whole numbers 1..100 -> as image
/// Gradient: to image, as if coefficients were not rounded (straight-through); none to quality.
Value jpeg(Value image, Value quality, bool halve_colours);

/// Made smaller and as large as before, with the triangle filter that widens when shrinking, as crop_resize has it.
///   image [N,C,H,W], size [N,2] of whole numbers: the height and width in between, 1..H and 1..W -> as image
/// Gradient: to image.
Value resize_and_back(Value image, Value size);

}  // namespace g2face
