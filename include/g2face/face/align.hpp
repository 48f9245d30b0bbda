#pragma once
// Where a face stands in a photo, as a transform that takes the photo's pixels to an upright crop's. docs/alignment.md
// has the conventions and formulas on one page.
//
// Coordinates: x to the right, y down, and the centre of the first pixel is (0,0): an image of W pixels covers
// -0.5..W-0.5. "Left" is left in the image. All transforms are in double.

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "g2face/tensor.hpp"

namespace g2face {

struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};

/// The transform (x, y) -> (xx x + xy y + x0, yx x + yy y + y0); without arguments the identity.
struct Affine {
  double xx = 1, xy = 0, x0 = 0;
  double yx = 0, yy = 1, y0 = 0;

  static Affine shift(double x, double y) { return {.x0 = x, .y0 = y}; }
  /// The similarity z -> (a + bi) z + (x0 + y0 i): scales by hypot(a, b), turns by atan2(b, a), x towards y.
  static Affine similarity(double a, double b, double x0, double y0) { return {a, -b, x0, b, a, y0}; }

  Point operator()(Point p) const { return {xx * p.x + xy * p.y + x0, yx * p.x + yy * p.y + y0}; }
  double determinant() const { return xx * yy - xy * yx; }
  /// In closed form: no error but rounding; that of a shift by whole pixels is exact. Throws Error if it is singular or
  /// an entry is not finite.
  Affine inverse() const;
  std::string str() const;  // "[2,0,10; 0,2,20]"
  bool operator==(const Affine&) const = default;
};
/// First b, then a: (a * b)(p) = a(b(p)).
Affine operator*(const Affine& a, const Affine& b);

/// Left eye, right eye, tip of the nose, left and right corner of the mouth.
using FivePoints = std::array<Point, 5>;

/// The five points of the 68 of the iBUG convention: the mean of the two corners for each eye (points 37 and 40, 43 and
/// 46, counted from 1), and points 31, 49 and 55, as the reference takes them. Throws Error unless there are 68.
FivePoints five_of_68(std::span<const Point> points);

/// Throws Error unless every point is finite and none lies further outside the image than the image is wide or high.
/// `name` is for the message: "landmark".
void check_points(std::span<const Point> points, std::int64_t width, std::int64_t height, const char* name);

/// The similarity that takes `from` to `to` with the least sum of squared distances (Umeyama 1991, never a reflection).
/// In the plane that is closed: with complex numbers p, q about their means, a + bi = sum(conj(p) q) / sum(|p|^2).
/// Throws Error for fewer than two points or different counts, for what is not finite, where all points of one side
/// coincide, and where no rotation is better than another (a set and its mirror image).
Affine fit_similarity(std::span<const Point> from, std::span<const Point> to);

/// Where recognisers trained like ArcFace expect the five points in an image of `size` x `size`; the published numbers
/// are for 112, and other sizes show the same part of the face.
FivePoints arcface_template(std::int64_t size = 112);
/// The photo's pixels to an aligned face of `size` x `size`: fit_similarity to the template.
Affine arcface_transform(const FivePoints& points, std::int64_t size = 112);

/// The photo's pixels to a crop of `size` x `size` as the FFHQ dataset's published recipe cuts it. With e from the left
/// to the right eye, m from the middle of the eyes to the middle of the mouth and R a quarter turn from x to y:
///   d = (e - R m) / |e - R m| * max(2 |e|, 1.8 |m|)     half the side of the square, along its x
///   c = middle of the eyes + 0.1 m                     its centre
/// The recipe averages six points for an eye, which need not be its corners: use `ffhq_of_68` where there are 68.
/// Throws Error for what is not finite and where no direction follows: eyes and mouth in one point, or mirrored.
Affine ffhq_transform(const FivePoints& points, std::int64_t size);
/// The points that ffhq_transform wants: the means of points 37..42 and 43..48, and 31, 49, 55 as they are.
FivePoints ffhq_of_68(std::span<const Point> points);

/// The crop in which the reference's 3D model sees a face: the photo resized as a whole, then cut. The reference's y
/// points up; here only `translation` is in its coordinates.
struct ReferenceAlignment {
  Point translation;  // of the pose, with y up: where the model's origin is seen in the photo
  double scale = 0;   // of the photo
  std::int64_t photo_width = 0, photo_height = 0;
  std::int64_t width = 0, height = 0;  // of the resized photo: truncated
  std::int64_t left = 0, top = 0;      // of the crop in it: truncated towards zero, may be negative
  std::int64_t size = 224;             // of the crop

  /// The photo's pixels to the crop's.
  Affine transform() const;
  /// What the reference does with landmarks. It forgets to truncate there, so they may be up to a pixel off from where
  /// transform() puts them.
  Affine landmark_transform() const;
};
/// Throws Error if a number is not finite, if scale is not positive, or if the resized photo would have no pixel or
/// more than 2^28.
ReferenceAlignment reference_alignment_at(Point translation, double scale, std::int64_t photo_width,
                                          std::int64_t photo_height, std::int64_t size = 224);

struct Point3 {
  double x = 0, y = 0, z = 0;
};
/// The mean face's five points in 3D with y up, from Deep3DFaceRecon's published tables (MIT).
const std::array<Point3, 5>& reference_face();

/// How the reference sees a face: least squares for the scaled orthographic camera without its constraints (8
/// unknowns), the mean of whose two rows' lengths is the scale of the face; the photo is then resized by rescale /
/// that.
struct Pose {
  Point translation;  // with y up
  double scale = 0;
};
/// `points` with y up. Throws Error for what is not finite, for a model whose points lie in a plane, for a scale of 0.
Pose fit_pose(const FivePoints& points, const std::array<Point3, 5>& model = reference_face());
/// All of it: points in the photo, y down, to the crop.
ReferenceAlignment reference_alignment(const FivePoints& points, std::int64_t photo_width, std::int64_t photo_height,
                                       std::int64_t size = 224, double rescale = 102);
/// The crop itself: Pillow's bicubic resize (crop_resize says how exact), then the cut; black outside the photo.
/// `photo` is [1,3,H,W] in -1..1. Throws ShapeError if it is not, or not of the size that `alignment` is for.
Tensor reference_crop(const Tensor& photo, const ReferenceAlignment& alignment);

}  // namespace g2face
