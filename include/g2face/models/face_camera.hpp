#pragma once

namespace g2face {

/// A pinhole camera at (0, 0, distance) that looks against z to the origin, pixels with y up:
///   x' = focal x / (distance - z) + centre_x,   y' = focal y / (distance - z) + centre_y
/// The defaults are those of the reference, for pictures of 224 pixels.
struct FaceCamera {
  double focal = 1015, centre_x = 112, centre_y = 112;  // pixels
  double distance = 10;                                 // decimetres

  /// The reference's camera, scaled to images of `pixels` x `pixels`.
  static constexpr FaceCamera reference(double pixels) {
    const double scale = pixels / 224;
    return {1015 * scale, 112 * scale, 112 * scale, 10};
  }
};

}  // namespace g2face
