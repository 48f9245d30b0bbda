#pragma once
// Resampling of images under an affine transform, and the way back. Coordinates as in align.hpp: the centre of the
// first pixel is (0,0). Results do not depend on the number of threads.

#include "g2face/face/align.hpp"
#include "g2face/image.hpp"

namespace g2face {

/// What lies outside an image: a constant, its mirror image about the centres of the outermost pixels (c b | a b c), or
/// its outermost pixels.
enum class Border : std::uint8_t { constant, reflect, replicate };

struct WarpOptions {
  ResizeFilter filter = ResizeFilter::bicubic;
  Border border = Border::constant;
  float outside = -1;     // of Border::constant: black, in an image of -1..1
  bool antialias = true;  // widen the filter where the result is smaller
  int threads = 0;        // 0: as OpenMP says
};

/// The largest factor by which warp makes an image smaller.
inline constexpr double max_shrink = 256;

/// Moves `image` f32[1,C,H,W] by `transform`, which takes its coordinates to those of the result f32[1,C,height,width].
/// Each pixel of the result is one weighted mean, around the point p that the inverse of `transform` finds:
///   y(q) = sum over pixels i of  k((i.x - p.x) / w.x) k((i.y - p.y) / w.y) x(i) / (sum of the same weights)
/// with the triangle or the cubic for k, and w = max(1, |row of the inverse's matrix|): how many pixels one step of the
/// result crosses along x, and along y. Without antialiasing w is 1.
/// R1: the identity gives the same values, a shift by whole pixels moves them, both exactly.  R2: a constant stays one
/// to within rounding (1e-6 of it).  R3: bicubic overshoots at edges; nothing is clamped.
/// Weights are computed in double positions and single precision, sums in single precision.
/// Throws ShapeError for another shape or dtype or an empty result; Error for a singular transform, one that shrinks
/// more than max_shrink, and one under which the result lies further than 2^30 pixels from the image.
Tensor warp(const Tensor& image, const Affine& transform, std::int64_t width, std::int64_t height,
            const WarpOptions& options = {});

/// A mask f32[1,1,height,width] that is 1 inside and falls to 0 over the last `feather` pixels towards the image's
/// edge: t^2 (3 - 2 t), t = distance to the edge / feather. Throws ShapeError if it is empty, Error for a feather that
/// is negative or not finite.
Tensor feathered_mask(std::int64_t width, std::int64_t height, double feather);

/// Puts `face` f32[1,C,h,w] back into `photo` f32[1,C,H,W], from which warp(photo, transform, w, h) cut it. `mask`
/// f32[1,1,h,w] says how much of the face shows, 0..1. Both go back by the inverse of `transform`, the face as
/// `options` say but with its edge pixels repeated, the mask bilinear, and
///   photo + mask (face - photo)
/// R1: a pixel where the mask is 0 or which the face does not reach keeps its bits.  R2: where the mask is 1 nothing of
/// the photo is left, so nothing of the old face.  Throws as warp does.
Tensor paste_back(const Tensor& photo, const Tensor& face, const Affine& transform, const Tensor& mask,
                  const WarpOptions& options = {});

}  // namespace g2face
