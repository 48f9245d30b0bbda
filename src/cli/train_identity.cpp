// g2face train identity: the network that says who somebody is, by labels, by a teacher, or by both.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "cli/train_run.hpp"
#include "g2face/train/identity_trainer.hpp"

namespace g2face::cli {

namespace {

class IdentityJob final : public TrainJob {
 public:
  explicit IdentityJob(std::string teacher) : teacher_(std::move(teacher)) {}

  void read(std::string_view json, const std::string& where) override {
    config_ = IdentityConfig::from_json(json, where);
  }
  std::string to_json() const override { return config_.to_json(); }
  std::string identity() const override { return config_.identity(); }
  RunSettings& settings() override { return config_.run; }
  std::uint64_t& seed() override { return config_.recipe.seed; }
  std::int64_t batch() const override { return config_.recipe.batch; }

  std::unique_ptr<BatchSource> data(const std::string& path, const Report& report) override {
    const IdentityRecipe& recipe = config_.recipe;
    const RunSettings& run = config_.run;
    const bool labelled = recipe.weights.classes > 0;
    auto [training, held_out] = hold_out(labelled ? find_people(path) : find_images(path), recipe.held_out);
    people_ = training.people;
    say(LogLevel::info,
        str(training.images.names.size(), " images", labelled ? str(" of ", people_, " people") : std::string(),
            " to train with, ", held_out.images.names.size(), " held out"));
    DatasetOptions options{.size = config_.model.resolution,
                           .flip = recipe.flip,
                           .seed = recipe.seed,
                           .threads = run.data_threads,
                           .ahead = std::max<std::int64_t>(2 * recipe.batch, 16),
                           .cache_bytes = run.cache_mb << 20,
                           .report = report};
    held_out_ = load_gallery(held_out, options);
    return std::make_unique<LabelledBatches>(std::move(training), std::move(options));
  }

  Parameters start(Parameters given, bool untrained) override {
    constexpr auto networks = std::to_array<std::string_view>({"arcface"});
    add_missing_networks(given, networks, {}, config_.model, config_.recipe.seed, untrained);
    if (config_.recipe.weights.teacher > 0) {
      check<UsageError>(!teacher_.empty(),
                        "\"weights\" has a teacher: give its model, --teacher FILE, or a weight of 0");
      try {
        set_teacher(given, Parameters::load(teacher_));
      } catch (const CheckpointError& e) {
        throw CheckpointError(str(teacher_, ": is no teacher: ", e.what()));
      }
    }
    return given;
  }

  std::unique_ptr<Training> make(Parameters start, const TrainingOptions& options) override {
    return std::make_unique<IdentityTrainer>(config_.model, config_.recipe, people_, held_out_, std::move(start),
                                             options);
  }

 private:
  std::string teacher_;
  IdentityConfig config_;
  std::int64_t people_ = 0;
  Gallery held_out_;
};

}  // namespace

void add_train_identity(CLI::App& train, int& code) {
  CLI::App* command = train.add_subcommand(
      "identity",
      "Train the network that says who somebody is: on a folder for each person, a list of paths and labels, "
      "pictures of 'g2face synth', or by a teacher on any faces (docs/pretraining.md)");
  const auto teacher = std::make_shared<std::string>();
  command->add_option("--teacher", *teacher, "model whose identity network is imitated; --resume remembers it");
  add_train_options(
      *command, [teacher] { return std::make_unique<IdentityJob>(*teacher); }, code);
}

}  // namespace g2face::cli
