#pragma once
// g2face train: what all trainings have in common on the command line.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/common.hpp"
#include "g2face/train/config.hpp"
#include "g2face/train/dataset.hpp"
#include "g2face/train/training.hpp"

namespace CLI {
class App;
}

namespace g2face::cli {

struct TrainOptions {
  CommonOptions common;
  std::string config, data, test, output;
  std::vector<std::string> start;
  std::int64_t steps = 0;
  std::uint64_t seed = 0;
  bool has_seed = false, resume = false, untrained = false;
};

/// A kind of training, as the command runs it.
class TrainJob {
 public:
  virtual ~TrainJob() = default;
  /// The configuration. Throws Error.
  virtual void read(std::string_view json, const std::string& where) = 0;
  virtual std::string to_json() const = 0;
  virtual std::string identity() const = 0;  // of what decides the numbers
  virtual RunSettings& settings() = 0;
  virtual std::uint64_t& seed() = 0;
  virtual std::int64_t batch() const = 0;

  using Report = std::function<void(const std::string&)>;
  /// Whether it cannot do without --data.
  virtual bool needs_data() const { return true; }
  virtual std::unique_ptr<BatchSource> data(const std::string& path, const Report& report) = 0;
  /// The same as they are: not mirrored. Throws UsageError where a training holds out images of its own.
  virtual std::unique_ptr<BatchSource> test_data(const std::string& path, const Report& report);
  /// Parameters to begin with, where `given` lacks them.
  virtual Parameters start(Parameters given, bool untrained) = 0;
  virtual std::unique_ptr<Training> make(Parameters start, const TrainingOptions& options) = 0;
};

/// A command that runs a job of its own, unless one of its subcommands was asked for: `make` gives it.
void add_train_options(CLI::App& command, const std::function<std::unique_ptr<TrainJob>()>& make, int& code);

/// The images of a path, as a training of square images reads them.
std::unique_ptr<BatchSource> image_batches(const std::string& path, DatasetOptions options, const RunSettings& run,
                                           std::int64_t batch, const TrainJob::Report& report);

/// Trainings of single networks, below the command `train`.
void add_train_prior(CLI::App& train, int& code);
void add_train_identity(CLI::App& train, int& code);
void add_train_recon(CLI::App& train, int& code);

/// Adds fresh parameters for networks that `given` lacks. Those in `frozen` are not trained: what they see decides
/// everything, so they have to be given. Throws UsageError, which names the network.
void add_missing_networks(Parameters& given, std::span<const std::string_view> networks,
                          std::span<const std::string_view> frozen, const ModelConfig& model, std::uint64_t seed,
                          bool untrained);
bool has_network(const Parameters& parameters, std::string_view network);

}  // namespace g2face::cli
