#pragma once
// What the synthesis networks, with and without a photo, hand to their layers.

#include <string>
#include <utility>
#include <vector>

#include "g2face/models/generator.hpp"
#include "g2face/ops.hpp"

namespace g2face {

// Hands out the noise of each styled convolution in call order.
class NoiseSource {
 public:
  NoiseSource(const Scope& s, const GeneratorNoise& noise, std::int64_t batch, const ModelConfig& config)
      : root_(s), noise_(noise), layers_(generator_noise(config)), batch_(batch) {
    check<GraphError>(!noise.seed || noise.values.empty(), "generator '", s.path(),
                      "': noise is given both as values and as a seed");
    check<ShapeError>(noise.values.empty() || noise.values.size() == layers_.size(), "generator '", s.path(),
                      "': ", noise.values.size(), " noise values given, ", layers_.size(), " expected");
  }

  Value next() {
    const auto& [name, size] = layers_.at(at_);
    const Shape shape{batch_, 1, size, size};
    const std::string path = (root_ / name / "noise").path();
    const std::size_t i = at_++;
    if (noise_.seed) return random_normal(noise_.seed, {.shape = shape, .stream = random_stream(path)});
    if (noise_.values.empty()) return {};
    check<ShapeError>(noise_.values[i].shape() == shape, "generator '", path, "': noise ", noise_.values[i].shape(),
                      ", expected ", shape);
    return noise_.values[i];
  }

 private:
  const Scope& root_;
  const GeneratorNoise& noise_;
  std::vector<std::pair<std::string, std::int64_t>> layers_;
  std::int64_t batch_;
  std::size_t at_ = 0;
};

// [N,L,D] or [N,D] -> the style of layer i, [N,D].
inline Value style_of(Value styles, std::int64_t i) {
  const Shape& shape = styles.shape();
  if (shape.rank() == 2) return styles;
  return reshape(slice_axis(styles, 1, i, 1), {shape[0], shape[2]});
}

}  // namespace g2face
