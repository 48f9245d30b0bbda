#pragma once
// What all trainings have in common: steps on batches, previews, and what they leave behind.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "g2face/device.hpp"
#include "g2face/distributed/communicator.hpp"
#include "g2face/error.hpp"
#include "g2face/parameters.hpp"

namespace g2face {

/// Tensors by name: what a step is given. "image" is f32 [N,3,H,W] in -1..1; each training says what else it takes.
using Batch = std::map<std::string, Tensor>;
/// Its "image". Throws ShapeError if it has none.
const Tensor& image_of(const Batch& batch);

/// Where batches come from. What they hold is a function of the source and of the position alone.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// Of images position .. position + global_batch - 1 of an endless order, the part of one of several ranks, which
  /// share them equally.
  virtual Batch batch(std::int64_t position, std::int64_t global_batch, int rank = 0, int ranks = 1) = 0;
  virtual std::int64_t size() const = 0;        // images of an epoch
  virtual std::string fingerprint() const = 0;  // positions mean the same where this is the same
};

/// What a step reports: numbers by name, in a fixed order.
using StepReport = std::vector<std::pair<std::string, double>>;

/// What the networks make of some images now.
struct Preview {
  std::vector<std::pair<std::string, Tensor>> pictures;  // each f32 [N,3,R,R] in -1..1: rows of a grid
  StepReport numbers;
  double score = 0;  // less is better
};

struct TrainingOptions {
  Device device = Device::best();
  Precision precision = Precision::fast;
  int threads = 0;  // 0 = all that OpenMP offers
  /// The ranks that train together, each with its share of a batch (share_of); null: alone. Numbers that a step reports
  /// are means over them.
  std::shared_ptr<Communicator> ranks = nullptr;
  /// Images of an epoch: epochs decide the learning rates.
  std::int64_t epoch_images = 0;
  /// Steps that were already taken: training goes on after them.
  std::int64_t first_step = 0;
  /// Stop with an error that names the first node whose result is not finite. Slower.
  bool check_finite = false;
};

/// A loss was not finite: the parameters are worthless.
struct NotFiniteError : Error {
  using Error::Error;
};

/// One thread at a time may use it.
class Training {
 public:
  Training() = default;
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;
  virtual ~Training() = default;

  /// The result is the same, bit for bit, for the same state, batch, recipe and device. Throws NotFiniteError,
  /// ShapeError for a batch of other types.
  virtual StepReport step(const Batch& batch) = 0;
  virtual std::int64_t steps() const = 0;  // that were taken, with those before

  /// With the averaged weights if there are any.
  virtual Preview preview(const Batch& batch) = 0;

  /// The networks as others use them, with the averaged weights if there are any.
  virtual Parameters model() const = 0;
  /// All that training goes on from: parameters, running statistics, "adam/...", "ema/...", "ada/...".
  virtual Parameters state() const = 0;
};

/// The seed of what is random about an image that stands at `position` in the whole of training: below 2^53.
std::int64_t sample_seed(std::uint64_t seed, std::int64_t position, std::string_view stage);
/// i64 [count]: of the images at position, position + 1, ...
Tensor sample_seeds(std::uint64_t seed, std::int64_t position, std::int64_t count, std::string_view stage);

}  // namespace g2face
