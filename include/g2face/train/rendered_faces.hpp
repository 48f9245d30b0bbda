#pragma once
// Faces with known coefficients, for training the regressor: what is drawn of them is up to the training's graph.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "g2face/face/fit.hpp"
#include "g2face/models/face_model.hpp"
#include "g2face/train/dataset.hpp"

namespace g2face {

struct RenderedFaceOptions {
  std::int64_t size = 64;  // pixels of backgrounds
  std::uint64_t seed = 0;
  std::int64_t epoch = 10'000;  // faces that count as one, though none comes twice
};

/// Batches {"coefficients" f32 [N,257], "background" f32 [N,3,R,R] in -1..1, "whole" f32 [N,1,1]} and, where there are
/// photos, {"photo" f32 [N,3,R,R]}.
/// Coefficients: modes N(0,1), except blendshapes, of which 15 % are at work, with U(0,0.8); pitch 8 degrees N, yaw 17
/// N, roll 3 N; white light from the front and above, tinted and uneven; the face stands as in an aligned picture like
/// FFHQ's (arcface_template times 0.905 at 128 pixels), give or take 4 % in size and 1 % in place. Every second face is
/// only a face, whose `whole` is 0: what lies around it is the background's.
/// Backgrounds are images of a folder, or smooth patches of colour. All is a function of the options, the model and the
/// position.
class RenderedFaces final : public BatchSource {
 public:
  /// `face_model` has the reference's 257 coefficients (face/reference_layout.hpp). Throws CheckpointError if not.
  RenderedFaces(const Parameters& face_model, RenderedFaceOptions options, std::unique_ptr<Dataset> backgrounds = {},
                std::unique_ptr<Dataset> photos = {});
  Batch batch(std::int64_t position, std::int64_t global_batch, int rank = 0, int ranks = 1) override;
  std::int64_t size() const override { return options_.epoch; }
  std::string fingerprint() const override;

  /// Mean and variance of each coefficient.
  struct Statistics {
    std::vector<double> mean, variance;
  };
  const Statistics& statistics() const { return statistics_; }

 private:
  std::vector<double> draw(std::int64_t seed) const;

  FaceModel model_;
  LandmarkModel points_;  // five, in f64
  RenderedFaceOptions options_;
  std::unique_ptr<Dataset> backgrounds_, photos_;
  std::string model_fingerprint_;
  Statistics statistics_;
};

}  // namespace g2face
