#pragma once
// Adaptive augmentation of what a discriminator sees (ADA; Karras et al. 2020, "Training generative adversarial
// networks with limited data"), with the authors' choice of transforms. Three parts:
//   draw_augmentation   on the host, before a step: matrices at random, of a seed and the number of the sample alone
//   augment             in the graph, the same for every step: images moved and coloured by the matrices
//   AdaptiveProbability on the host, after a step: how often to augment, from the signs of D(real)
//
//   AdaptiveProbability ada;
//   const AugmentInputs real = augment_inputs(graph, "augment/real", n);
//   const Value logits = discriminator(augment(images, real));  // fake images have draws of their own
//   ...
//   const DrawKey key{.seed = seed, .stream = random_stream("augment/real"), .first = step * n};
//   const Augmentation drawn = draw_augmentation(ada.p, key, {.samples = n, .height = 256, .width = 256});
//   run.set(real.geometry, drawn.geometry);
//   run.set(real.pads, drawn.pads);
//   run.set(real.colours, drawn.colours);
//   run.run();
//   ada.tune(run.get(logits));

#include <array>
#include <cstdint>
#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// What the draws for a sample gave, in the order in which the transforms follow one another. Each is applied or not.
/// The initial values change nothing.
struct GeometryDraw {
  double flip = 0;                            // left to right, 0 or 1
  double quarter_turns = 0;                   // by -90 degrees: 0 or, as the authors have it, 3
  double shift_y = 0, shift_x = 0;            // parts of the size, to whole pixels: uniform in +-1/8
  double scale = 1;                           // log-normal, sigma 0.2 ln 2
  double turn_before = 0;                     // radians: uniform in +-pi
  double stretch = 1;                         // of x, with its inverse of y: log-normal, sigma 0.2 ln 2
  double turn_after = 0;                      // radians: uniform in +-pi
  double fine_shift_y = 0, fine_shift_x = 0;  // parts of the size: normal, sigma 1/8
  std::array<bool, 8> applied = {true, true, true, true, true, true, true, true};
};
/// Of colours in -1..1.
struct ColourDraw {
  double brightness = 0;  // added: normal, sigma 0.2
  double contrast = 1;    // log-normal, sigma 0.5 ln 2
  double luma_flip = 0;   // about the grey axis, 0 or 1
  double hue = 0;         // turn about the grey axis, radians: uniform in +-pi
  double saturation = 1;  // log-normal, sigma ln 2
  std::array<bool, 5> applied = {true, true, true, true, true};
};

using Matrix3 = std::array<double, 9>;  // row by row
using Matrix4 = std::array<double, 16>;

/// Takes (x, y, 1) of an image to that of the augmented one; pixels from the centre, y down.
Matrix3 geometry_matrix(const GeometryDraw& draw, std::int64_t height, std::int64_t width);
/// Takes (red, green, blue, 1) to the augmented colour. Its last row is (0, 0, 0, s), where the authors' s is the
/// saturation; nobody reads it.
Matrix4 colour_matrix(const ColourDraw& draw);
/// The inverse of a matrix whose last row is (0, 0, 1).
Matrix3 inverse(const Matrix3& m);

/// Which random numbers: those of samples first, first + 1, ... of a stream. They depend on nothing else.
struct DrawKey {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;  // random_stream() of a name
  std::uint64_t first = 0;   // counts samples over a whole training, so below 2^61
};
/// The draws of one sample. Each transform is applied with probability p, the two turns each with 1 - sqrt(1 - p).
/// Throws Error unless 0 <= p <= 1.
GeometryDraw draw_geometry(double p, const DrawKey& key);
ColourDraw draw_colours(double p, const DrawKey& key);

/// What augment() takes, as tensors f32.
struct Augmentation {
  Tensor geometry;  // [N,3,3]: for each sample where a pixel of the result comes from, the inverse of geometry_matrix
  Tensor pads;      // [4]: reflection_pads(geometry)
  Tensor colours;   // [N,4,4]: colour_matrix
};
struct ImageBatch {
  std::int64_t samples = 1, height = 0, width = 0;
};
/// Draws for a batch. Where a batch is split, each process draws all of it and takes its rows: pads are of all samples.
Augmentation draw_augmentation(double p, const DrawKey& key, const ImageBatch& batch);

/// By how many reflected pixels images are continued at the left, right, top and bottom, for all samples alike:
///   ceil(min(extent - 1, max(0, 6 + what the corners of the result reach over the image's)))
/// Throws ShapeError unless geometry is f32 [N,3,3] and the image has 2 or more pixels along each side.
Tensor reflection_pads(const Tensor& geometry, std::int64_t height, std::int64_t width);

/// Inputs of a graph; see Augmentation.
struct AugmentInputs {
  Value geometry, pads, colours;
};
/// Inputs f32 of a graph for `samples` images: name/geometry, name/pads, name/colours.
AugmentInputs augment_inputs(Graph& graph, const std::string& name, std::int64_t samples);
/// Moves images, then changes their colours.   images [N,3,H,W] -> the same shape
Value augment(Value images, const AugmentInputs& in);

///   images [N,C,H,W], geometry [N,3,3], pads [4] -> [N,C,H,W]
/// Images are continued by reflection, doubled in size with the low-pass filter of the sym6 wavelet (12 taps, of sum
/// sqrt 2), sampled bilinearly where geometry points, and halved again with the flipped filter. So the identity is a
/// filter too. Beyond the pads there are zeros. An augmented image that was made smaller reads a few of them at its
/// border, so pads are part of the result. All have room: the graph continues images by extent - 1 on each side, the
/// most that reflection gives, and blanks what lies beyond the pads.
/// Gradient: to images, of every order; also to geometry, but not through pads.
/// Throws ShapeError for other shapes and for images of less than 2 pixels along a side.
Value augment_geometry(Value images, Value geometry, Value pads);
///   images [N,3,H,W], colours [N,4,4] -> [N,3,H,W], each pixel times the first three rows. Gradient: of every order.
Value augment_colours(Value images, Value colours);

struct AdaSettings {
  double target = 0.6;      // of the mean sign of D(real), 0..1; 0: p stays as it is
  double length = 500'000;  // images after which p has gone from 0 to 1
  int every = 8;            // steps of the discriminator between two changes of p
  double p = 0;             // to begin with, 0..1
  /// With neither a target nor a probability there is no augmentation.
  bool on() const { return target > 0 || p > 0; }
  /// Throws Error, "ada.target is ...", naming the first field that has no meaning.
  void validate() const;
  bool operator==(const AdaSettings&) const = default;
};
/// The probability of augmentation. Every so many steps it goes up if the discriminator was too sure of real images in
/// these steps, else down, by (their images) / length, and stays in 0..1:
///   r = (sum of sign(D(real))) / images        p += (r > target ? 1 : -1) * images / length
/// The discriminator's real and fake images, and the generator's, are augmented with the same p.
struct AdaptiveProbability {
  AdaSettings settings = {};
  // The state, as checkpoints have it.
  double p = 0;
  double r = 0;             // of the last change
  double signs = 0;         // since then
  std::int64_t images = 0;  // since then
  int steps = 0;            // since then

  /// To be called once in each step of the discriminator, with the logits of real images, one for each, f32; returns
  /// p. sign(0) is 0. Throws Error if settings are not valid, ShapeError for another dtype.
  double tune(const Tensor& logits);
  /// The same from what several processes have summed up.
  double tune(double signs_of_step, std::int64_t images_of_step);
  bool operator==(const AdaptiveProbability&) const = default;
};
/// The sum of the signs of f32 logits.
double sum_of_signs(const Tensor& logits);

}  // namespace g2face
