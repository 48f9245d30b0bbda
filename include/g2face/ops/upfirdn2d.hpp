#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// Horizontal (x) and vertical (y) factors; pads before (0) and after (1), negative ones crop.
struct Upfirdn2dAttrs {
  std::int64_t up_x = 1, up_y = 1, down_x = 1, down_y = 1;
  std::int64_t pad_x0 = 0, pad_x1 = 0, pad_y0 = 0, pad_y1 = 0;
  bool correlate = false;  // false: true convolution (the filter is flipped in both axes), as the reference
  bool operator==(const Upfirdn2dAttrs&) const = default;
  std::string str() const;
};

/// Upsamples by zero insertion (up - 1 zeros after every sample), pads or crops, filters, keeps every down-th sample
/// from 0. The same filter for every channel.
///   x [N,C,H,W], f [kh,kw] -> y [N,C,(H*up_y+pad_y0+pad_y1-kh)/down_y+1,(W*up_x+pad_x0+pad_x1-kw)/down_x+1]
/// R1: x has rank 4, f rank 2, the same floating dtype.  R2: factors are positive.  R3: the filter fits the padded
/// input.
/// Gradient for x: closed (the flipped filter, up and down exchanged). For f: none; filters are constants, asking for
/// it throws. Bitwise reproducible. Source: Karras et al. 2020 (StyleGAN2), reference op/upfirdn2d.
Value upfirdn2d(Value x, Value f, const Upfirdn2dAttrs& attrs);

extern const OpDef upfirdn2d_op;

}  // namespace g2face
