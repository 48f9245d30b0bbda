#pragma once
// A training as a file describes it.

#include <cstdint>
#include <string>
#include <string_view>

#include "g2face/models/config.hpp"
#include "g2face/train/recipe.hpp"

namespace g2face {

/// How a training is run. Nothing of it changes the numbers.
struct RunSettings {
  std::int64_t steps = 100'000;                                                // in all
  std::int64_t report_every = 10, sample_every = 500, checkpoint_every = 500;  // steps
  int keep = 3;                                                                // checkpoints
  std::int64_t samples = 8;                                                    // images of a sample grid
  std::int64_t cache_mb = 1024;                                                // of resized images kept in memory
  int data_threads = 2;
};

/// One JSON object. Fields that are missing keep the values of `preset` (TrainingRecipe) and `model` (ModelConfig):
///   {"preset": "g2face", "model": "g2face-slim-64", "batch": 16, "weights": {"lpips": 0}, "steps": 20000}
/// docs/training.md lists them all.
struct TrainingConfig {
  std::string preset = "g2face";
  std::string base = "g2face-256";  // in the file "model": the preset that the architecture begins with
  ModelConfig model;                // in the file "architecture"
  TrainingRecipe recipe;

  RunSettings run;

  /// Throws Error, "WHERE: KEY is VALUE, expected ...", for text that is no JSON object, for values that do not fit,
  /// and for unknown keys, each with the most similar one that there is.
  static TrainingConfig from_json(std::string_view text, const std::string& where);
  /// All fields.
  std::string to_json() const;
  /// Those that decide the numbers: a run that goes on must have the same.
  std::string identity() const;
};

}  // namespace g2face
