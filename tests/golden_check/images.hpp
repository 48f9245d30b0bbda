#pragma once
// Images that golden files name instead of storing them.

#include <string_view>

#include "g2face/tensor.hpp"

namespace g2face::golden {

/// f32 [count,3,256,256] in about -0.9 .. 0.9: 0.6 * lo + 0.3 * hi in double, rounded once, where every value of
/// lo = fill(name/lo, [count,3,32,32]) covers a block of 8x8 and hi = fill(name/hi, [count,3,256,256]).
Tensor make_image(std::string_view name, std::int64_t count);

/// f32 [1,3,H,W] in -1..1 from u8 [H,W,3].
Tensor image_of_bytes(const Tensor& bytes);

/// As the reference saves a picture: stretched by its own minimum and maximum, times 255, plus 0.5, truncated.
/// image [1,3,H,W] -> u8 [H,W,3]. With `clip`, to -1..1 first.
Tensor stretched_bytes(const Tensor& image, bool clip);

}  // namespace g2face::golden
