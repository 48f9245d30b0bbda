// g2face train prior: StyleGAN2, which g2face train begins with, from a folder of faces.

#include <CLI/CLI.hpp>

#include "cli/train_run.hpp"
#include "g2face/train/prior.hpp"

namespace g2face::cli {

namespace {

class PriorJob final : public TrainJob {
 public:
  void read(std::string_view json, const std::string& where) override { config_ = PriorConfig::from_json(json, where); }
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
  Parameters start(Parameters given, bool) override { return prior_start(given, config_.model, config_.recipe); }
  std::unique_ptr<Training> make(Parameters start, const TrainingOptions& options) override {
    return std::make_unique<PriorTrainer>(config_.model, config_.recipe, std::move(start), options);
  }

 private:
  std::unique_ptr<BatchSource> images(const std::string& path, bool flip, const Report& report) const {
    const PriorRecipe& r = config_.recipe;
    return image_batches(path, {.size = config_.model.resolution, .flip = flip, .seed = r.seed}, config_.run, r.batch,
                         report);
  }

  PriorConfig config_;
};

}  // namespace

void add_train_prior(CLI::App& train, int& code) {
  CLI::App* command = train.add_subcommand("prior", "Train a StyleGAN2 on a folder of aligned faces, to begin with");
  add_train_options(
      *command, [] { return std::make_unique<PriorJob>(); }, code);
}

}  // namespace g2face::cli
