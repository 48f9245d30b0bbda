#pragma once
// Pictures of people who do not exist, with everything known about them. docs/synthetic_faces.md has the distributions,
// and says how far they look like photos.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "g2face/parameters.hpp"

namespace g2face {

/// Which picture. It depends on these and the face model alone, so any part of a set can be made again.
struct SyntheticRequest {
  std::uint64_t seed = 0;     // below 2^53
  std::uint64_t person = 0;   // who: the same number is the same person in all pictures of a seed
  std::uint64_t picture = 0;  // expression, pose, light, camera, background
  std::int64_t size = 256;    // pixels, 32..1024
};

/// A picture and what is in it. Pixels: x to the right, y down, the centre of the first pixel at (0.5, 0.5).
struct SyntheticFace {
  Tensor image;  // f32 [1,3,size,size], RGB in -1..1, an aligned crop as FFHQ's
  Tensor parts;  // i32 [1,1,size,size], what most of a pixel shows: the model's part; -1 background, 6 hair

  std::vector<double> identity, expression;  // coefficients of the face model
  std::array<double, 3> angles{};            // radians about x, y, z: rotation_matrix(angles)
  std::array<double, 3> translation{};       // decimetres, after turning
  /// A pinhole camera `distance` decimetres in front of the origin: x = focal X / (distance - Z) + size / 2,
  /// y = size / 2 - focal Y / (distance - Z).
  double focal = 0, distance = 0;
  std::array<double, 27> gamma{};  // light, as sh_shading() takes it, on linear RGB
  std::array<double, 3> key{};     // direction to the strongest lamp, which makes the highlights

  struct Landmark {
    double x = 0, y = 0;
    bool visible = false;  // inside of the picture, and neither face nor hair is more than 2 mm in front of it
  };
  std::vector<Landmark> landmarks;  // 68, in the order of Multi-PIE
  std::string hair;                 // "bald", "buzz", "short", "swept", "fringe", "bob", "long"
  double melanin = 0, beard = 0, age = 0;
};

/// Draws such pictures with one face model. Immutable: threads may share it.
class Synthesizer {
 public:
  /// `file` is in the common format (models/face_model.hpp) with 68 landmarks and parts; builtin_head() is one.
  /// Throws CheckpointError naming the field that does not fit.
  explicit Synthesizer(const Parameters& file);
  ~Synthesizer();
  Synthesizer(Synthesizer&&) noexcept;
  Synthesizer& operator=(Synthesizer&&) noexcept;

  /// The same bits from any thread and in any order. Throws Error if the request is out of range.
  SyntheticFace draw(const SyntheticRequest& request) const;

  /// Landmarks of a face computed again from its coefficients, pose and camera alone.
  std::vector<SyntheticFace::Landmark> landmarks(const SyntheticFace& face) const;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

}  // namespace g2face
