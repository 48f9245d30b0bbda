#pragma once
// One step of photometric refinement as graph, for a batch.

#include <span>

#include "g2face/face/photometric.hpp"

namespace g2face {

struct PhotometricProblem {
  const FaceModel& model;
  const Parameters& parameters;
  const PhotometricOptions& options;
  std::span<const double> sigma;  // of identity, expression and texture
  LandmarkModel landmarks = {};   // where landmarks are given and geometry is free
};

struct PhotometricInputs {
  Value coefficients;                 // [N,C]
  Value photos, masks;                // [N,3,H,W] in -1..1, [N,1,H,W]
  Value landmarks, landmark_weights;  // [N,L,2], [N,L], or none
  Value damping;                      // [N,1,1]
  Value hold;                         // [N,1]: 1 to leave geometry as it is for now, where it is free
};

struct PhotometricEquations {
  Value cost, pixels;     // [N]
  Value contrast;         // [N]: variance of the counted pixels of the photo, colours 0..1, mean of the channels
  Value squared_error;    // [N]: mean over counted pixels and channels
  Value albedo;           // [N,3]: mean of the texture where pixels count
  Value step;             // [N,C]: zeros where a coefficient is not refined
  Value promise, solved;  // [N]: by how much the step would lower a quadratic cost; whether there is one
};

PhotometricEquations photometric_equations(Graph& graph, const PhotometricInputs& in,
                                           const PhotometricProblem& problem);

}  // namespace g2face
