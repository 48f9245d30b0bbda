// g2face train: a model from a folder of faces.

#include <CLI/CLI.hpp>
#include <array>

#include "cli/train_run.hpp"
#include "g2face/train/prior.hpp"
#include "g2face/train/trainer.hpp"

namespace g2face::cli {

namespace {

class ModelJob final : public TrainJob {
 public:
  void read(std::string_view json, const std::string& where) override {
    config_ = TrainingConfig::from_json(json, where);
  }
  std::string to_json() const override { return config_.to_json(); }
  std::string identity() const override { return config_.identity(); }
  RunSettings& settings() override { return config_.run; }
  std::uint64_t& seed() override { return config_.recipe.seed; }
  std::int64_t batch() const override { return config_.recipe.batch; }

  std::unique_ptr<BatchSource> data(const std::string& path, const Report& report) override {
    return images(path, config_.recipe.flip, report);
  }
  std::unique_ptr<BatchSource> test_data(const std::string& path, const Report& report) override {
    return images(path, false, report);
  }

  Parameters start(Parameters given, bool untrained) override {
    constexpr auto frozen = std::to_array<std::string_view>({"arcface", "recon", "lpips"});
    extend_prior(given, config_.model, config_.recipe.seed);
    add_missing_networks(given, Trainer::networks(config_.recipe), frozen, config_.model, config_.recipe.seed,
                         untrained);
    const LossWeights& w = config_.recipe.weights;
    if (!has_network(given, "face_model") && (w.shape > 0 || w.landmarks > 0 || w.colours > 0))
      say(LogLevel::warning, "no face model in --start: the loss has no terms of geometry");
    return given;
  }

  std::unique_ptr<Training> make(Parameters start, const TrainingOptions& options) override {
    return std::make_unique<Trainer>(config_.model, config_.recipe, std::move(start), options);
  }

 private:
  std::unique_ptr<BatchSource> images(const std::string& path, bool flip, const Report& report) const {
    const TrainingRecipe& r = config_.recipe;
    return image_batches(path, {.size = config_.model.resolution, .flip = flip, .seed = r.seed}, config_.run, r.batch,
                         report);
  }

  TrainingConfig config_;
};

}  // namespace

void add_train(CLI::App& app, int& code) {
  CLI::App* command =
      app.add_subcommand("train", "Train a model on a folder of aligned faces, or a network that it needs");
  add_train_options(
      *command, [] { return std::make_unique<ModelJob>(); }, code);
  add_train_prior(*command, code);
  add_train_identity(*command, code);
  add_train_recon(*command, code);
}

}  // namespace g2face::cli
