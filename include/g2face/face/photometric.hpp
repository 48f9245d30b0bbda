#pragma once
// After a face model was fitted to landmarks: refines texture and light, and if asked pose, identity and expression, so
// that a drawing of the face looks like the photo. Method and measurements: docs/fitting.md.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "g2face/face/fit.hpp"
#include "g2face/models/face_model.hpp"

namespace g2face {

struct StepControl;

struct PhotometricOptions {
  FaceCamera camera = {};  // in pixels of the photos
  /// Refine pose, identity and expression too. What a photo says of them is little beside good landmarks: give both.
  bool geometry = false;
  double colour_sigma = 0.05;  // of the colours 0..1 of a pixel: what the model leaves unexplained
  double loss_scale = 3;       // of colour_sigma, where a pixel begins to count less (Huber): hair, glasses, a hand
  /// As so many pixels with errors of their own all pixels of a face count together: errors of neighbours go together.
  double independent_pixels = 1000;
  /// Standard deviations of light: of the mean of the three channels about 0.8 from everywhere, and of what a channel
  /// has beyond that mean, which is small, as the colour of a face should come from its skin. Without texture modes
  /// nothing but light can have that colour, and then light_sigma is taken for both.
  double light_sigma = 1, tint_sigma = 0.1;
  /// Standard deviations of the other coefficients, whose priors have mean 0: one for each mode, or empty for 1.
  std::vector<double> identity_sigma = {}, expression_sigma = {}, texture_sigma = {};
  bool expression_in_unit_range = false;  // blendshapes: expression coefficients stay in 0..1
  double landmark_sigma = 1;              // pixels; of landmarks given to refine()
  int max_iterations = 40;                // with geometry twice as many: first colours alone, then all together
  double tolerance = 1e-5;  // stop when a step promises to lower the cost by less than tolerance (1 + cost)
  double damping = 1e-3;    // at first: the share of its own by which a diagonal element of the matrix grows
  std::int64_t batch = 0;   // faces at a time; 0: 1 on the host, 8 on CUDA
  PlanOptions plan = {};
};

/// A face that was refined. Where status is degenerate or not_finite the coefficients are those that were given (zeros
/// where those are not finite), and all numbers are zeros.
struct PhotometricFit {
  /// degenerate: fewer than 64 pixels of the photo show counted parts of the face, or all have one colour.
  /// not_finite: a coefficient that was given, a pixel or a landmark that counts is not finite, or the cost is not.
  FitStatus status = FitStatus::degenerate;
  int iterations = 0;
  double first_cost = 0, cost = 0;                  // before and after
  double first_colour_error = 0, colour_error = 0;  // root mean square over counted pixels and channels, colours 0..1
  double pixels = 0;                                // that are counted, after
  /// The mean colour of the face in white light. A model without texture modes has it from the light: its mean texture
  /// times the tint of the light, whose mean over the channels is 1.
  std::array<double, 3> albedo = {};
  Tensor coefficients;  // f32 [coefficient_count()]
};

/// Refines batches of faces of one model in photos of one size. Plans are kept between calls. One thread at a time may
/// use it.
class PhotometricFitter {
 public:
  /// `parameters` hold the model (FaceModel::of) and must live as long as the fitter. Throws ShapeError for photos of
  /// fewer than 16 or more than 4096 pixels and for sigmas of another number, Error for options out of range.
  PhotometricFitter(const FaceModel& model, const Parameters& parameters, std::int64_t height, std::int64_t width,
                    PhotometricOptions options = {});

  /// What refine() looks at beside the faces. Floating tensors.
  struct Evidence {
    Tensor photos;          // [N,3,H,W], -1..1 as in image.hpp
    Tensor masks = {};      // [N,1,H,W], 0..1: how much a pixel counts; none means all 1
    Tensor landmarks = {};  // [N,L,2] as LandmarkFitter takes them (5 or all of the model's); only with `geometry`
    Tensor weights = {};    // [N,L], of landmarks; none means all 1
  };
  /// `coefficients` [N,coefficient_count()] are where to begin: coefficients_of() a FaceFit. Pixels count where the
  /// mesh is seen, on its skin and its face proper if the model says where these are (fields `skin` and `part`).
  /// Without `geometry` pose, identity and expression come out as they went in. Throws ShapeError for other shapes;
  /// what is wrong with one face is its status.
  std::vector<PhotometricFit> refine(const Tensor& coefficients, const Evidence& evidence);

 private:
  struct Iteration;
  struct Slot;
  /// What the device finds at a place, of one face.
  struct Found {
    double cost, pixels, contrast, colour_error, promise;
    bool solved;
    std::span<const float> albedo, step;
  };
  Iteration& iteration(std::int64_t faces, std::int64_t landmarks);
  StepControl new_control() const;
  void advance(Slot& slot, const Found& found) const;
  std::array<double, 3> albedo_of(std::span<const double> coefficients, std::span<const float> texture) const;

  FaceModel model_;
  const Parameters* parameters_;
  std::int64_t height_, width_;
  PhotometricOptions options_;
  std::vector<double> sigma_;  // of identity, expression and texture
  std::map<std::pair<std::int64_t, std::int64_t>, std::shared_ptr<Iteration>> iterations_;  // by faces and landmarks
};

}  // namespace g2face
