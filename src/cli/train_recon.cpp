// g2face train recon: the regressor of face coefficients, from faces that are drawn for it.

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/train_run.hpp"
#include "g2face/face/builtin_head.hpp"
#include "g2face/face/reference_layout.hpp"
#include "g2face/train/recon_trainer.hpp"

namespace g2face::cli {

namespace {

struct ReconFiles {
  std::string face_model, photos;
};

class ReconJob final : public TrainJob {
 public:
  explicit ReconJob(ReconFiles files) : files_(std::move(files)) {}

  void read(std::string_view json, const std::string& where) override { config_ = ReconConfig::from_json(json, where); }
  std::string to_json() const override { return config_.to_json(); }
  std::string identity() const override { return config_.identity(); }
  RunSettings& settings() override { return config_.run; }
  std::uint64_t& seed() override { return config_.recipe.seed; }
  std::int64_t batch() const override { return config_.recipe.batch; }
  bool needs_data() const override { return false; }

  std::unique_ptr<BatchSource> data(const std::string& path, const Report& report) override {
    const ReconRecipe& recipe = config_.recipe;
    check<UsageError>((recipe.weights.photo > 0) == !files_.photos.empty(),
                      "--photos and a weight of \"photo\" need each other: give both, or neither");
    const auto images = [&](const std::string& folder) {
      return folder.empty() ? nullptr
                            : std::make_unique<Dataset>(
                                  folder, DatasetOptions{.size = config_.model.resolution,
                                                         .flip = recipe.flip,
                                                         .seed = recipe.seed,
                                                         .threads = config_.run.data_threads,
                                                         .ahead = std::max<std::int64_t>(2 * recipe.batch, 16),
                                                         .cache_bytes = config_.run.cache_mb << 19,
                                                         .report = report});
    };
    try {
      face_model_ = reference_layout(files_.face_model.empty() ? builtin_head() : Parameters::load(files_.face_model));
    } catch (const CheckpointError& e) {
      throw CheckpointError(files_.face_model.empty() ? str(e.what()) : str(files_.face_model, ": ", e.what()));
    }
    auto faces = std::make_unique<RenderedFaces>(
        face_model_, RenderedFaceOptions{.size = config_.model.resolution, .seed = recipe.seed, .epoch = recipe.epoch},
        images(path), images(files_.photos));
    statistics_ = faces->statistics();
    return faces;
  }

  Parameters start(Parameters given, bool) override {
    if (!has_network(given, "recon")) {
      const Parameters fresh = new_recon(config_.model, statistics_, config_.recipe.seed);
      for (const auto& [name, tensor] : fresh) given.set(name, tensor);
    }
    for (const auto& [name, tensor] : face_model_) given.set(name, tensor);
    FaceModelFacts::of(face_model_).store(given);
    return given;
  }

  std::unique_ptr<Training> make(Parameters start, const TrainingOptions& options) override {
    return std::make_unique<ReconTrainer>(config_.model, config_.recipe, statistics_, std::move(start), options);
  }

 private:
  ReconFiles files_;
  ReconConfig config_;
  Parameters face_model_;
  RenderedFaces::Statistics statistics_;
};

}  // namespace

void add_train_recon(CLI::App& train, int& code) {
  CLI::App* command = train.add_subcommand(
      "recon",
      "Train the regressor of face coefficients on faces drawn for it, over the images of --data if they are "
      "given (docs/pretraining.md)");
  const auto files = std::make_shared<ReconFiles>();
  command->add_option("--face-model", files->face_model, "model of the faces (default: the built-in head)");
  command->add_option("--photos", files->photos, "aligned faces without labels, for the weight \"photo\"");
  add_train_options(
      *command, [files] { return std::make_unique<ReconJob>(*files); }, code);
}

}  // namespace g2face::cli
