// g2face train: a model from a folder of faces.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>

#include "cli/common.hpp"
#include "g2face/image.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/train/checkpoint.hpp"
#include "g2face/train/config.hpp"
#include "g2face/train/dataset.hpp"
#include "g2face/train/events.hpp"
#include "g2face/train/trainer.hpp"
#include "io/atomic_file.hpp"

namespace g2face::cli {

namespace {

namespace fs = std::filesystem;

struct Options {
  CommonOptions common;
  std::string config, data, output;
  std::vector<std::string> start;
  std::int64_t steps = 0;
  std::uint64_t seed = 0;
  bool has_seed = false, resume = false, untrained = false;
};

/// Set by Ctrl-C and SIGTERM: the step is finished, a checkpoint written. A second one ends the program at once.
std::atomic<bool> stop_asked{false};
extern "C" void ask_to_stop(int signal) {
  if (stop_asked.exchange(true)) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  check<UsageError>(in.good(), file.string(), ": cannot be read: give the path of a configuration, --config FILE");
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_text(const fs::path& file, const std::string& text) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  io::write_file<ImageError>(file, std::span(&part, 1));
}

std::string duration(double seconds) {
  const auto s = static_cast<std::int64_t>(seconds);
  if (s >= 86400) return str(s / 86400, " d ", s % 86400 / 3600, " h");
  if (s >= 3600) return str(s / 3600, " h ", s % 3600 / 60, " min");
  return s >= 60 ? str(s / 60, " min ", s % 60, " s") : str(s, " s");
}

std::string short_number(double value) {
  std::ostringstream text;
  text << std::setprecision(4) << value;
  return text.str();
}

/// Rows: original, anonymized, recovered, recovered with another's identity; a column for each image.
Tensor grid_of(const Tensor& images, const Preview& p) {
  const std::int64_t n = images.shape()[0], size = images.shape()[2], area = size * size;
  Tensor grid({DType::f32, {1, 3, 4 * size, n * size}});
  const std::span<float> to = grid.mutable_as<float>();
  const Tensor* rows[] = {&images, &p.anonymized, &p.recovered, &p.wrong_key};
  for (std::int64_t c = 0; c < 3; ++c)
    for (std::int64_t r = 0; r < 4; ++r)
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t y = 0; y < size; ++y) {
          const auto from = rows[r]->as<float>().subspan(static_cast<std::size_t>((i * 3 + c) * area + y * size),
                                                         static_cast<std::size_t>(size));
          std::ranges::transform(from, to.begin() + ((c * 4 + r) * size + y) * n * size + i * size,
                                 [](float x) { return std::clamp(x, -1.f, 1.f); });
        }
  return grid;
}

class Run {
 public:
  explicit Run(const Options& o) : options_(o), folder_(o.output), store_((folder_ / "checkpoints").string()) {
    read_config();
    store_ = CheckpointStore((folder_ / "checkpoints").string(), config_.keep, note());
    where_ = resolve(o.common);
    data_ =
        std::make_unique<Dataset>(o.data, DatasetOptions{.size = config_.model.resolution,
                                                         .flip = config_.recipe.flip,
                                                         .seed = config_.recipe.seed,
                                                         .threads = config_.data_threads,
                                                         .ahead = std::max<std::int64_t>(2 * config_.recipe.batch, 16),
                                                         .cache_bytes = config_.cache_mb << 20,
                                                         .report = note()});
    check<ImageError>(data_->size() >= config_.recipe.batch, o.data, ": has ", data_->size(),
                      " images, fewer than a batch of ", config_.recipe.batch, ": add images or lower \"batch\"");
  }

  int train() {
    begin();
    if (trainer_->steps() >= config_.steps) log(str("nothing to do: ", trainer_->steps(), " steps were taken"));
    std::signal(SIGINT, ask_to_stop);
    std::signal(SIGTERM, ask_to_stop);
    started_ = std::chrono::steady_clock::now();
    first_step_ = trainer_->steps();
    while (trainer_->steps() < config_.steps && !stop_asked) one_step();
    if (saved_ != trainer_->steps()) save();
    trainer_->model().save((folder_ / "model.safetensors").string());
    log(str("wrote ", (folder_ / "model.safetensors").string(), " after ", trainer_->steps(), " steps"));
    if (!stop_asked) return exit_code::ok;
    log("interrupted: go on with --resume");
    return exit_code::interrupted;
  }

 private:
  std::function<void(const std::string&)> note() const {
    return [](const std::string& line) { say(LogLevel::warning, line); };
  }
  void log(const std::string& line) {
    say(LogLevel::info, line);
    log_ << line << std::endl;
  }

  void read_config() {
    const fs::path resolved = folder_ / "config.json";
    std::error_code ignored;
    const bool was_run = fs::exists(resolved, ignored);
    check<UsageError>(!was_run || options_.resume, folder_.string(),
                      ": holds a training: go on with --resume, or give another -o");
    check<UsageError>(was_run || !options_.resume, folder_.string(),
                      ": holds no training to resume: leave --resume out");
    const std::string file = options_.config.empty() && was_run ? resolved.string() : options_.config;
    check<UsageError>(!file.empty(), "no configuration: give --config FILE (see configs/)");
    config_ = TrainingConfig::from_json(text_of(file), file);
    if (options_.has_seed) config_.recipe.seed = options_.seed;
    if (options_.steps > 0) config_.steps = options_.steps;
  }

  /// Parameters of the files in --start, and new ones for what is to be trained. Networks that are not trained have to
  /// come from a file: what they see decides everything.
  Parameters start() const {
    Parameters all;
    for (const std::string& file : options_.start) {
      const Parameters some = Parameters::load(file);
      for (const auto& [name, tensor] : some) all.set(name, tensor);
    }
    const auto has = [&](std::string_view network) {
      return std::any_of(all.begin(), all.end(),
                         [&](const auto& entry) { return entry.first.starts_with(str(network, '/')); });
    };
    for (const std::string_view network : Trainer::networks(config_.recipe)) {
      if (has(network)) continue;
      const bool frozen = network == "arcface" || network == "recon" || network == "lpips";
      check<UsageError>(!frozen || options_.untrained, "network '", network,
                        "' is not trained here, so its parameters have to be given: --start FILE, or --untrained to go "
                        "on with random ones",
                        network == "lpips" ? ", or {\"weights\": {\"lpips\": 0}} in the configuration" : "");
      const Parameters fresh = new_parameters(std::span(&network, 1), config_.model, Fill::random, config_.recipe.seed);
      for (const auto& [name, tensor] : fresh) all.set(name, tensor);
    }
    const LossWeights& w = config_.recipe.weights;
    if (!has("face_model") && (w.shape > 0 || w.landmarks > 0 || w.colours > 0))
      say(LogLevel::warning, "no face model in --start: the loss has no terms of geometry");
    return all;
  }

  TrainerOptions trainer_options(std::int64_t first_step) const {
    return {.device = where_.device,
            .precision = where_.precision,
            .threads = where_.threads,
            .epoch_images = data_->size(),
            .first_step = first_step};
  }

  void begin() {
    std::optional<Checkpoint> last;
    if (options_.resume) last = store_.newest();
    if (last) {
      check<UsageError>(last->state.configuration == config_.identity(), last->file,
                        ": was made with another configuration: resume with that of ",
                        (folder_ / "config.json").string());
      check<UsageError>(last->state.dataset == data_->fingerprint(), options_.data,
                        ": holds other images than those that the training began with");
    }
    const std::int64_t first = last ? last->state.step : 0;
    saved_ = last ? first : -1;
    trainer_ = std::make_unique<Trainer>(config_.model, config_.recipe, last ? last->parameters : start(),
                                         trainer_options(first));
    if (last) require_same_tensors(*last, trainer_->state());
    make_folder_of(folder_ / "config.json");
    write_text(folder_ / "config.json", config_.to_json());
    log_.open(folder_ / "log.txt", std::ios::app);
    check<ImageError>(log_.good(), (folder_ / "log.txt").string(), ": cannot be written");
    if (last) log(str("going on after step ", first, " (", last->file, ")"));
    events_ = std::make_unique<EventWriter>(folder_.string(), first > 0 ? std::optional(first + 1) : std::nullopt);
    // Looked at in every sample grid: the first images of the order.
    shown_ = data_->batch(0, std::min(config_.samples, data_->size()));
  }

  void one_step() {
    const Tensor images = data_->batch(trainer_->steps() * config_.recipe.batch, config_.recipe.batch);
    StepReport report;
    try {
      report = trainer_->step(images);
    } catch (const NotFiniteError& failure) {
      find_first(failure);
    }
    const std::int64_t step = trainer_->steps();
    if (step % config_.report_every == 0) {
      events_->scalars(step, report);
      log(progress_line(step, report));
    }
    if (step % config_.sample_every == 0) sample();
    if (step % config_.checkpoint_every == 0) save();
  }

  /// Takes the steps since the last checkpoint again, looking at the result of every node.
  [[noreturn]] void find_first(const NotFiniteError& failure) {
    log(str(failure.what(), "; looking for the first node, from the last checkpoint"));
    const std::int64_t failed_after = trainer_->steps();
    trainer_.reset();
    const std::optional<Checkpoint> last = store_.newest();
    TrainerOptions options = trainer_options(last ? last->state.step : 0);
    options.check_finite = true;
    Trainer again(config_.model, config_.recipe, last ? last->parameters : start(), options);
    while (again.steps() <= failed_after)
      again.step(data_->batch(again.steps() * config_.recipe.batch, config_.recipe.batch));
    throw NotFiniteError(str(failure.what(), " (not so when the steps were taken again)"));
  }

  std::string progress_line(std::int64_t step, const StepReport& report) const {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    const double per_step = seconds / static_cast<double>(step - first_step_);
    std::string line =
        str("step ", step, '/', config_.steps, ", ", short_number(static_cast<double>(config_.recipe.batch) / per_step),
            " images/s, ", duration(per_step * static_cast<double>(config_.steps - step)), " left:");
    for (const auto& [name, value] : report) line += str(' ', name, ' ', short_number(value));
    return line;
  }

  void sample() {
    const std::int64_t step = trainer_->steps();
    const Preview preview = trainer_->preview(shown_);
    const Tensor grid = grid_of(shown_, preview);
    std::ostringstream name;
    name << "step-" << std::setw(8) << std::setfill('0') << step << ".png";
    write_picture(folder_ / "samples" / name.str(), grid);
    events_->image(step, "original, anonymized, recovered, wrong key", grid);
    std::vector<std::pair<std::string, double>> values;
    std::string line = str("samples of step ", step, ":");
    for (const auto& [what, value] : preview.numbers) {
      values.emplace_back("samples/" + what, value);
      line += str(' ', what, ' ', short_number(value));
    }
    events_->scalars(step, values);
    log(line);
    score_ = {step, preview.score()};
  }

  void save() {
    const std::int64_t step = trainer_->steps();
    store_.save(trainer_->state(), {.step = step,
                                    .images = step * config_.recipe.batch,
                                    .epoch = step * config_.recipe.batch / data_->size() + 1,
                                    .seed = config_.recipe.seed,
                                    .score = score_.first == step ? std::optional(score_.second) : std::nullopt,
                                    .dataset = data_->fingerprint(),
                                    .configuration = config_.identity()});
    saved_ = step;
  }

  const Options& options_;
  fs::path folder_;
  TrainingConfig config_;
  CheckpointStore store_;
  AnonymizerOptions where_;
  std::unique_ptr<Dataset> data_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<EventWriter> events_;
  std::ofstream log_;
  Tensor shown_;
  std::int64_t saved_ = -1, first_step_ = 0;
  std::pair<std::int64_t, double> score_ = {-1, 0};  // of the last samples, and their step
  std::chrono::steady_clock::time_point started_;
};

}  // namespace

void add_train(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("train", "Train a model on a folder of aligned faces");
  const auto o = std::make_shared<Options>();
  command->add_option("--config", o->config, "training configuration (JSON, see docs/training.md and configs/)");
  command->add_option("--data", o->data, "folder of images, or a file with a path in each line")->required();
  command->add_option("-o,--output", o->output, "folder of the run: checkpoints, samples, TensorBoard events, log")
      ->required();
  command->add_option("--start", o->start, "parameters to begin with (.safetensors); later files win");
  command->add_option("--steps", o->steps, "stop after this step, in place of the configuration's \"steps\"")
      ->check(CLI::PositiveNumber);
  CLI::Option* seed = command->add_option("--seed", o->seed, "in place of the configuration's \"seed\"")
                          ->check(CLI::Range(std::uint64_t{0}, seed_limit - 1));
  command->add_flag("--resume", o->resume, "go on where the run in the output folder stopped");
  command->add_flag("--untrained", o->untrained, "allow random parameters for networks that are not trained");
  add_common_options(*command, o->common);
  command->callback([o, seed, &code] {
    o->has_seed = seed->count() > 0;
    code = Run(*o).train();
  });
}

}  // namespace g2face::cli
