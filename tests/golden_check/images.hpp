#pragma once
// Pictures of 8 bit, as the flow records them.

#include "g2face/tensor.hpp"

namespace g2face::golden {

/// f32 [1,3,H,W] in -1..1 from u8 [H,W,3].
Tensor image_of_bytes(const Tensor& bytes);

/// As the reference saves a picture: stretched by its own minimum and maximum, times 255, plus 0.5, truncated.
/// image [1,3,H,W] -> u8 [H,W,3]. With `clip`, to -1..1 first.
Tensor stretched_bytes(const Tensor& image, bool clip);

}  // namespace g2face::golden
