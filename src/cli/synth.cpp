// g2face synth: pictures of people who do not exist, with labels.

#include "g2face/face/synth.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <iomanip>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

#include "cli/common.hpp"
#include "g2face/face/builtin_head.hpp"
#include "g2face/image.hpp"
#include "io/atomic_file.hpp"
#include "io/label_journal.hpp"
#include "io/synthetic_label.hpp"

namespace g2face::cli {

namespace {

namespace fs = std::filesystem;

struct Options {
  std::string output, sheet, model;
  std::uint64_t count = 0, seed = 0, people = 0, each = 1, first = 0;
  std::int64_t size = 256;
  int threads = 0;
  bool overwrite = false, resume = false;
};

constexpr std::uint64_t most_pictures = 1'000'000;
constexpr std::uint64_t most_on_sheet = 1024;
constexpr int most_threads = 16;

std::string name_of(std::uint64_t picture) {
  std::ostringstream name;
  name << std::setw(7) << std::setfill('0') << picture << ".png";
  return name.str();
}

void check_options(Options& o) {
  check<UsageError>(!o.output.empty() || !o.sheet.empty(), "nothing to write: give -o FOLDER, --sheet FILE or both");
  if (o.people > 0) {
    check<UsageError>(o.people <= most_pictures && o.each <= most_pictures / o.people, "--identities ", o.people,
                      " with --per-identity ", o.each, ": at most ", most_pictures, " pictures at once");
    check<UsageError>(o.count == 0 || o.count == o.people * o.each, "-n ", o.count, " disagrees with --identities ",
                      o.people, " and --per-identity ", o.each, ", which make ", o.people * o.each,
                      " pictures: leave -n out");
    o.count = o.people * o.each;
  }
  check<UsageError>(!o.resume || !o.output.empty(), "--resume: nothing to go on with: give -o FOLDER");
  check<UsageError>(o.count > 0, "no pictures asked for: give -n N, or --identities K");
  check<UsageError>(o.sheet.empty() || o.count <= most_on_sheet, "--sheet shows at most ", most_on_sheet,
                    " pictures, not ", o.count);
}

/// Where a set lies. Labels are in the journal until all pictures are there.
struct Folder {
  fs::path dir, labels = dir / "labels.jsonl", journal = dir / "labels.partial.jsonl",
                model = dir / "face_model.safetensors";
};

/// Refuses to replace what an earlier run wrote.
void require_new_set(const Options& o, const Folder& folder) {
  std::vector<fs::path> files = {folder.labels, folder.journal, folder.model};
  for (std::uint64_t i = 0; i < o.count; ++i) files.push_back(folder.dir / name_of(o.first + i));
  for (const fs::path& file : files) {
    std::error_code ignored;
    check<UsageError>(!fs::exists(file, ignored), file.string(),
                      ": exists: give another -o, --resume to go on, or --overwrite");
  }
}

bool same(const Parameters& a, const Parameters& b) {
  return a.metadata() == b.metadata() &&
         std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
           return x.first == y.first && x.second.type() == y.second.type() &&
                  std::memcmp(x.second.data(), y.second.data(), x.second.bytes()) == 0;
         });
}

/// Makes the folder ready for pictures. With --resume the journal begins with the labels that are there, which have to
/// be ones that this run would write.
io::LabelJournal open_set(const Options& o, const Folder& folder, const Parameters& model) {
  make_folder_of(folder.labels);
  std::map<std::uint64_t, std::string_view> lines;
  std::vector<io::MappedFile> files;
  std::error_code ignored;
  if (o.resume && fs::exists(folder.model, ignored)) {
    check<UsageError>(same(model, Parameters::load(folder.model.string())), folder.model.string(),
                      ": is another face model than this run's: give the --face-model that the set was begun with");
    for (const fs::path& path : {folder.labels, folder.journal}) {
      files.push_back(io::read_labels(path, [&](const io::LabelLine& line) {
        const auto expect = [&](const char* field, const auto& is, const auto& expected) {
          check<UsageError>(is == expected, path.string(), ": ", line.file, ": ", field, " is ", is, ", this run's is ",
                            expected, ": give the options that the set was begun with");
        };
        check<UsageError>(line.picture >= o.first && line.picture - o.first < o.count, path.string(), ": has picture ",
                          line.picture, ", this run draws ", o.first, "..", o.first + o.count - 1,
                          ": give the options that the set was begun with");
        expect("file", line.file, name_of(line.picture));
        expect("seed", line.seed, o.seed);
        expect("size", line.size, o.size);
        expect("person", line.person, line.picture / o.each);
        lines[line.picture] = line.text;
      }));
    }
  } else {
    if (!o.overwrite) require_new_set(o, folder);
    try {
      model.save(folder.model.string());
    } catch (const CheckpointError& error) {  // nothing is wrong with the model
      throw io::FileError(error.what());
    }
  }
  io::LabelJournal journal(folder.journal, lines);
  fs::remove(folder.labels, ignored);  // they say that everything is there
  return journal;
}

/// The picture in a file that an earlier run wrote, if it is all there.
std::optional<Tensor> complete_picture(const fs::path& file, std::int64_t size) {
  try {
    Tensor image = load_image(file.string());
    if (image.shape() == Shape{1, 3, size, size}) return image;
  } catch (const ImageError&) {  // missing or damaged: it is drawn again
  }
  return std::nullopt;
}

/// Pictures in rows, in their order.
class Sheet {
 public:
  Sheet(std::uint64_t count, std::uint64_t columns, std::int64_t size) : size_(size) {
    columns_ = static_cast<std::int64_t>(std::min(columns, count));
    const auto rows = (static_cast<std::int64_t>(count) + columns_ - 1) / columns_;
    image_ = Tensor::full({DType::f32, {1, 3, rows * size, columns_ * size}}, 1);
  }
  void put(std::uint64_t index, const Tensor& picture) {
    const auto i = static_cast<std::int64_t>(index), height = image_.shape()[2], width = image_.shape()[3];
    const auto from = picture.as<float>();
    const auto to = image_.mutable_as<float>();
    for (std::int64_t row = 0; row < 3 * size_; ++row) {
      const std::int64_t target =
          (row / size_ * height + i / columns_ * size_ + row % size_) * width + i % columns_ * size_;
      std::copy_n(from.begin() + row * size_, size_, to.begin() + target);
    }
  }
  const Tensor& image() const { return image_; }

 private:
  std::int64_t size_, columns_ = 1;
  Tensor image_;
};

/// Calls work(i) for 0..count-1 from several threads. The first failure ends it and is thrown.
template <class Work>
void for_each_index(std::uint64_t count, int threads, const Work& work) {
  std::atomic<std::uint64_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto run = [&] {
    for (std::uint64_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        next = count;
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(run);
  run();
  for (std::thread& t : others) t.join();
  if (failure) std::rethrow_exception(failure);
}

int run(Options o) {
  check_options(o);
  const Folder folder{o.output};
  if (!o.output.empty() && !o.overwrite && !o.resume) require_new_set(o, folder);
  const Parameters model = o.model.empty() ? builtin_head() : Parameters::load(o.model);
  const Synthesizer synthesizer(model);
  std::optional<io::LabelJournal> journal;
  if (!o.output.empty()) journal.emplace(open_set(o, folder, model));
  std::optional<Sheet> sheet;
  if (!o.sheet.empty()) sheet.emplace(o.count, o.each > 1 ? o.each : 8, o.size);

  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int threads = std::min(o.threads > 0 ? o.threads : cores, most_threads);
  Progress progress(o.count);
  std::mutex mutex;
  for_each_index(o.count, threads, [&](std::uint64_t i) {
    const std::uint64_t picture = o.first + i;
    const std::string name = name_of(picture);
    const fs::path file = folder.dir / name;
    bool labelled = false;
    if (o.resume && journal) {
      const std::lock_guard lock(mutex);
      labelled = journal->has(picture);
    }
    if (const auto image = labelled ? complete_picture(file, o.size) : std::nullopt) {
      const std::lock_guard lock(mutex);
      if (sheet) sheet->put(i, *image);
      progress.passed_over();
      return;
    }
    const SyntheticRequest request{.seed = o.seed, .person = picture / o.each, .picture = picture, .size = o.size};
    const SyntheticFace face = synthesizer.draw(request);
    std::string line;
    if (journal) {
      save_image(file.string(), face.image);
      line = io::to_json(name, request, face) + "\n";
    }
    const std::lock_guard lock(mutex);
    if (journal) journal->append(picture, line);
    if (sheet) sheet->put(i, face.image);
    progress.done(name);
  });

  if (sheet) write_picture(o.sheet, sheet->image());
  if (journal) journal->finish(folder.labels);
  return exit_code::ok;
}

}  // namespace

void add_synth(CLI::App& app, int& code) {
  CLI::App* command =
      app.add_subcommand("synth", "Draw people who do not exist, with coefficients, landmarks and identities");
  const auto o = std::make_shared<Options>();
  command->add_option("-o,--output", o->output, "folder for pictures, labels.jsonl and face_model.safetensors");
  command->add_option("-n,--count", o->count, "how many pictures")->check(CLI::Range(std::uint64_t{1}, most_pictures));
  command->add_option("--seed", o->seed, "the same seed gives the same pictures")
      ->check(CLI::Range(std::uint64_t{0}, seed_limit - 1))
      ->capture_default_str();
  command->add_option("--size", o->size, "height and width, pixels")
      ->check(CLI::Range(32, 1024))
      ->capture_default_str();
  command->add_option("--identities", o->people, "how many people, instead of -n");
  command->add_option("--per-identity", o->each, "pictures of each person, one after the other")
      ->check(CLI::Range(std::uint64_t{1}, most_pictures))
      ->capture_default_str();
  command->add_option("--first", o->first, "number of the first picture: parts of a set can be drawn apart")
      ->check(CLI::Range(std::uint64_t{0}, seed_limit - 1))
      ->capture_default_str();
  command->add_option("--face-model", o->model, "face model in the common format (default: the built-in head)");
  command->add_option("--sheet", o->sheet, "one picture of all, eight in a row or a row for each person");
  command->add_option("--threads", o->threads, "CPU threads; 0 = all")->check(CLI::Range(0, 1024));
  CLI::Option* overwrite = command->add_flag("--overwrite", o->overwrite, "replace what an earlier run wrote");
  command->add_flag("--resume", o->resume, "go on with a set: draw only what is not there")->excludes(overwrite);
  add_log_options(*command);
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
