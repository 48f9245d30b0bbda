#include "cli/train_run.hpp"

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

#include "g2face/image.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/train/checkpoint.hpp"
#include "g2face/train/events.hpp"
#include "io/atomic_file.hpp"

namespace g2face::cli {

namespace {

namespace fs = std::filesystem;

/// Set by Ctrl-C, SIGTERM and SIGUSR1, which launchers pass on: the step is finished, a checkpoint written. A second
/// one ends the program at once.
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

/// A row for each of the pictures, a column for each image.
Tensor grid_of(const Preview& preview) {
  const Shape& one = preview.pictures.front().second.shape();
  const std::int64_t rows = static_cast<std::int64_t>(preview.pictures.size()), n = one[0], size = one[2];
  Tensor grid({DType::f32, {1, 3, rows * size, n * size}});
  const std::span<float> to = grid.mutable_as<float>();
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::span<const float> pictures = preview.pictures[static_cast<std::size_t>(r)].second.as<float>();
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t c = 0; c < 3; ++c)
        for (std::int64_t y = 0; y < size; ++y) {
          const auto from = pictures.subspan(static_cast<std::size_t>(((i * 3 + c) * size + y) * size),
                                             static_cast<std::size_t>(size));
          std::ranges::transform(from, to.begin() + ((c * rows + r) * size + y) * n * size + i * size,
                                 [](float x) { return std::clamp(x, -1.f, 1.f); });
        }
  }
  return grid;
}

class Run {
 public:
  Run(const TrainOptions& o, TrainJob& job, std::shared_ptr<Communicator> ranks)
      : options_(o),
        job_(job),
        ranks_(std::move(ranks)),
        folder_(o.output),
        store_((folder_ / "checkpoints").string()) {
    check<UsageError>(!o.output.empty(), "-o is required: the folder of the run");
    read_config();
    check<UsageError>(!o.data.empty() || !job.needs_data(),
                      "--data is required: a folder of images, or a list of them");
    check<UsageError>(job_.batch() % ranks_of(ranks_) == 0, "\"batch\" is ", job_.batch(),
                      ", which cannot be shared equally by ", ranks_of(ranks_), " ranks");
    store_ = CheckpointStore((folder_ / "checkpoints").string(), settings().keep, note());
    where_ = resolve(of_rank(o.common));
    data_ = job_.data(o.data, note());
    if (!o.test.empty()) test_ = job_.test_data(o.test, note());
    check<ImageError>(data_->size() >= job_.batch(), o.data, ": has ", data_->size(), " images, fewer than a batch of ",
                      job_.batch(), ": add images or lower \"batch\"");
  }

  int train() {
    begin();
    if (training_->steps() >= settings().steps) log(str("nothing to do: ", training_->steps(), " steps were taken"));
    std::signal(SIGINT, ask_to_stop);
    std::signal(SIGTERM, ask_to_stop);
    std::signal(SIGUSR1, ask_to_stop);
    started_ = std::chrono::steady_clock::now();
    first_step_ = training_->steps();
    bool stopped = stop_together();
    for (; training_->steps() < settings().steps && !stopped; stopped = stop_together()) one_step();
    if (saved_ != training_->steps()) save();
    if (!stopped) measure();
    if (writes()) training_->model().save((folder_ / "model.safetensors").string());
    log(str("wrote ", (folder_ / "model.safetensors").string(), " after ", training_->steps(), " steps"));
    if (ranks_) ranks_->barrier();  // nobody leaves before everything is written
    if (!stopped) return exit_code::ok;
    log("interrupted: go on with --resume");
    return exit_code::interrupted;
  }

 private:
  RunSettings& settings() const { return job_.settings(); }
  TrainJob::Report note() const {
    return [](const std::string& line) { say(LogLevel::warning, line); };
  }
  /// The first rank writes and speaks for all.
  bool writes() const { return !ranks_ || ranks_->rank() == 0; }
  Batch batch_at(std::int64_t step) const {
    return data_->batch(step * job_.batch(), job_.batch(), ranks_ ? ranks_->rank() : 0, ranks_of(ranks_));
  }
  /// Whether any rank was asked to stop: all of them stop after the same step.
  bool stop_together() const {
    double asked = stop_asked ? 1 : 0;
    if (ranks_) ranks_->all_reduce(std::span(&asked, 1));
    return asked > 0;
  }
  /// The ranks of one machine share its processors, and take a GPU each.
  CommonOptions of_rank(CommonOptions o) const {
    if (!ranks_) return o;
    if (o.threads == 0) o.threads = threads_of_rank(*ranks_);
    const bool any_gpu = o.device == "cuda" || (o.device == "auto" && Device::best().kind == Device::Kind::cuda);
    if (any_gpu) o.device = str("cuda:", ranks_->local_rank() % std::max(1, Device::cuda_count()));
    return o;
  }
  void log(const std::string& line) {
    if (!writes()) return;
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
    job_.read(text_of(file), file);
    if (options_.has_seed) job_.seed() = options_.seed;
    if (options_.steps > 0) settings().steps = options_.steps;
  }

  Parameters start() const {
    Parameters given;
    for (const std::string& file : options_.start) {
      const Parameters some = Parameters::load(file);
      for (const auto& [name, tensor] : some) given.set(name, tensor);
    }
    return job_.start(std::move(given), options_.untrained);
  }

  TrainingOptions training_options(std::int64_t first_step) const {
    return {.device = where_.device,
            .precision = where_.precision,
            .threads = where_.threads,
            .ranks = ranks_,
            .epoch_images = data_->size(),
            .first_step = first_step};
  }

  void begin() {
    std::optional<Checkpoint> last;
    if (options_.resume) last = store_.newest();
    if (last) {
      check<UsageError>(last->state.configuration == job_.identity(), last->file,
                        ": was made with another configuration: resume with that of ",
                        (folder_ / "config.json").string());
      check<UsageError>(last->state.dataset == data_->fingerprint(), options_.data,
                        ": holds other images than those that the training began with");
    }
    const std::int64_t first = last ? last->state.step : 0;
    // Also keeps the first rank from writing before the others have read.
    check<UsageError>(!ranks_ || ranks_->agree(str(job_.identity(), ' ', data_->fingerprint(), ' ', first)),
                      "ranks found different configurations, images or checkpoints: all of them have to see the same "
                      "files");
    saved_ = last ? first : -1;
    training_ = job_.make(last ? last->parameters : start(), training_options(first));
    if (last) require_same_tensors(*last, training_->state());
    if (!writes()) return;
    make_folder_of(folder_ / "config.json");
    write_text(folder_ / "config.json", job_.to_json());
    log_.open(folder_ / "log.txt", std::ios::app);
    check<ImageError>(log_.good(), (folder_ / "log.txt").string(), ": cannot be written");
    if (last) log(str("going on after step ", first, " (", last->file, ")"));
    events_ = std::make_unique<EventWriter>(folder_.string(), first > 0 ? std::optional(first + 1) : std::nullopt);
    // Looked at in every sample grid: the first images of the order.
    shown_ = data_->batch(0, std::min(settings().samples, data_->size()));
  }

  void one_step() {
    const Batch batch = batch_at(training_->steps());
    StepReport report;
    try {
      report = training_->step(batch);
    } catch (const NotFiniteError& failure) {
      find_first(failure);
    }
    const std::int64_t step = training_->steps();
    if (writes() && step % settings().report_every == 0) {
      events_->scalars(step, report);
      log(progress_line(step, report));
    }
    if (writes() && step % settings().sample_every == 0) sample();
    if (step % settings().checkpoint_every == 0) {
      save();
      measure();
    }
  }

  /// Takes the steps since the last checkpoint again, looking at the result of every node.
  [[noreturn]] void find_first(const NotFiniteError& failure) {
    log(str(failure.what(), "; looking for the first node, from the last checkpoint"));
    const std::int64_t failed_after = training_->steps();
    training_.reset();
    const std::optional<Checkpoint> last = store_.newest();
    TrainingOptions options = training_options(last ? last->state.step : 0);
    options.check_finite = true;
    const std::unique_ptr<Training> again = job_.make(last ? last->parameters : start(), options);
    while (again->steps() <= failed_after) again->step(batch_at(again->steps()));
    throw NotFiniteError(str(failure.what(), " (not so when the steps were taken again)"));
  }

  std::string progress_line(std::int64_t step, const StepReport& report) const {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    const double per_step = seconds / static_cast<double>(step - first_step_);
    std::string line =
        str("step ", step, '/', settings().steps, ", ", short_number(static_cast<double>(job_.batch()) / per_step),
            " images/s, ", duration(per_step * static_cast<double>(settings().steps - step)), " left:");
    for (const auto& [name, value] : report) line += str(' ', name, ' ', short_number(value));
    return line;
  }

  void sample() {
    const std::int64_t step = training_->steps();
    const Preview preview = training_->preview(shown_);
    std::ostringstream name;
    name << "step-" << std::setw(8) << std::setfill('0') << step << ".png";
    show("samples", step, preview, folder_ / "samples" / name.str());
    score_ = {step, preview.score};
  }

  /// All test images: means over them in the log, the first ones as a picture.
  void measure() {
    const std::int64_t step = training_->steps();
    if (!writes() || !test_ || measured_ == step) return;
    measured_ = step;
    Preview all;
    const std::int64_t count = test_->size();
    for (std::int64_t at = 0; at < count;) {
      const std::int64_t n = std::min<std::int64_t>(all.numbers.empty() ? settings().samples : 32, count - at);
      const Preview some = training_->preview(test_->batch(at, n));
      if (all.numbers.empty()) {
        all.pictures = some.pictures;
        for (const auto& [what, value] : some.numbers) all.numbers.emplace_back(what, 0);
      }
      for (std::size_t i = 0; i < all.numbers.size(); ++i)
        all.numbers[i].second += some.numbers[i].second * static_cast<double>(n) / static_cast<double>(count);
      at += n;
    }
    show("test", step, all, folder_ / "test.png");
  }

  void show(const std::string& what, std::int64_t step, const Preview& preview, const fs::path& file) {
    if (!preview.pictures.empty()) {
      const Tensor grid = grid_of(preview);
      write_picture(file, grid);
      std::string rows;
      for (const auto& [row, picture] : preview.pictures) rows += rows.empty() ? row : str(", ", row);
      events_->image(step, str(what, ": ", rows), grid);
    }
    StepReport values;
    std::string line = str(what, " of step ", step, ':');
    for (const auto& [name, value] : preview.numbers) {
      values.emplace_back(str(what, '/', name), value);
      line += str(' ', name, ' ', short_number(value));
    }
    events_->scalars(step, values);
    log(line);
  }

  void save() {
    const std::int64_t step = training_->steps();
    saved_ = step;
    if (!writes()) return;
    store_.save(training_->state(), {.step = step,
                                     .images = step * job_.batch(),
                                     .epoch = step * job_.batch() / data_->size() + 1,
                                     .seed = job_.seed(),
                                     .score = score_.first == step ? std::optional(score_.second) : std::nullopt,
                                     .dataset = data_->fingerprint(),
                                     .configuration = job_.identity()});
  }

  const TrainOptions& options_;
  TrainJob& job_;
  std::shared_ptr<Communicator> ranks_;
  fs::path folder_;
  CheckpointStore store_;
  AnonymizerOptions where_;
  std::unique_ptr<BatchSource> data_, test_;
  std::unique_ptr<Training> training_;
  std::unique_ptr<EventWriter> events_;
  std::ofstream log_;
  Batch shown_;
  std::int64_t saved_ = -1, measured_ = -1, first_step_ = 0;
  std::pair<std::int64_t, double> score_ = {-1, 0};  // of the last samples, and their step
  std::chrono::steady_clock::time_point started_;
};

}  // namespace

std::unique_ptr<BatchSource> TrainJob::test_data(const std::string& path, const Report&) {
  throw UsageError(str("--test ", path, ": this training measures what it holds out itself: leave --test out"));
}

bool has_network(const Parameters& parameters, std::string_view network) {
  return std::any_of(parameters.begin(), parameters.end(),
                     [&](const auto& entry) { return entry.first.starts_with(str(network, '/')); });
}

void add_missing_networks(Parameters& given, std::span<const std::string_view> networks,
                          std::span<const std::string_view> frozen, const ModelConfig& model, std::uint64_t seed,
                          bool untrained) {
  for (const std::string_view network : networks) {
    if (has_network(given, network)) continue;
    const bool trained = std::find(frozen.begin(), frozen.end(), network) == frozen.end();
    check<UsageError>(trained || untrained, "network '", network,
                      "' is not trained here, so its parameters have to be given: --start FILE, or --untrained to go "
                      "on with random ones",
                      network == "lpips" ? ", or {\"weights\": {\"lpips\": 0}} in the configuration" : "");
    const Parameters fresh = new_parameters(std::span(&network, 1), model, Fill::random, seed);
    for (const auto& [name, tensor] : fresh) given.set(name, tensor);
  }
}

void add_train_options(CLI::App& command, const std::function<std::unique_ptr<TrainJob>()>& make, int& code) {
  const auto o = std::make_shared<TrainOptions>();
  command.add_option("--config", o->config, "training configuration (JSON, see docs/training.md and configs/)");
  command.add_option("--data", o->data, "folder of images, or a file with a path in each line");
  command.add_option("--test", o->test,
                     "folder or list of images that are not trained on: they are measured at every checkpoint");
  command.add_option("-o,--output", o->output, "folder of the run: checkpoints, samples, TensorBoard events, log");
  command.add_option("--start", o->start, "parameters to begin with (.safetensors); later files win");
  command.add_option("--steps", o->steps, "stop after this step, in place of the configuration's \"steps\"")
      ->check(CLI::PositiveNumber);
  CLI::Option* seed = command.add_option("--seed", o->seed, "in place of the configuration's \"seed\"")
                          ->check(CLI::Range(std::uint64_t{0}, seed_limit - 1));
  command.add_flag("--resume", o->resume, "go on where the run in the output folder stopped");
  command.add_flag("--untrained", o->untrained, "allow random parameters for networks that are not trained");
  add_common_options(command, o->common);
  command.callback([o, seed, make, &command, &code] {
    if (!command.get_subcommands().empty()) return;
    o->has_seed = seed->count() > 0;
    const std::unique_ptr<TrainJob> job = make();
    const std::shared_ptr<Communicator> ranks = launched_ranks();
    try {
      code = Run(*o, *job, ranks).train();
    } catch (const std::exception& error) {
      if (!ranks) throw;
      report_error(str("rank ", ranks->rank(), ": ", message_of(error)));
      code = exit_code_of(error);
      ranks->abort(code);  // the others wait for this one
    }
  });
}

std::unique_ptr<BatchSource> image_batches(const std::string& path, DatasetOptions options, const RunSettings& run,
                                           std::int64_t batch, const TrainJob::Report& report) {
  options.threads = run.data_threads;
  options.ahead = std::max<std::int64_t>(2 * batch, 16);
  options.cache_bytes = run.cache_mb << 20;
  options.report = report;
  return std::make_unique<ImageBatches>(Dataset(path, std::move(options)));
}

}  // namespace g2face::cli
