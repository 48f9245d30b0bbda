#include "g2face/train/dataset.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <iomanip>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "g2face/fill.hpp"
#include "g2face/image.hpp"
#include "g2face/train/sampler.hpp"
#include "io/image_files.hpp"
#include "io/pixel_values.hpp"

namespace g2face {
namespace {

/// Levels [3,size,size].
using Pixels = std::shared_ptr<const std::vector<std::uint8_t>>;
struct Read {
  Pixels pixels;
  std::int64_t number = 0;  // of the image
};

ImageNames names_of(const std::string& path) {
  io::ImageList list = io::list_images(path);
  return {path, list.root.string(), std::move(list.names)};
}

/// Images by number, from their files or from memory. Threads may share it.
class Files {
 public:
  Files(ImageNames images, const DatasetOptions& options)
      : options_(options), list_(std::move(images)), entries_(list_.names.size()) {}

  std::int64_t count() const { return static_cast<std::int64_t>(entries_.size()); }

  std::int64_t unreadable() const {
    const std::lock_guard lock(mutex_);
    return unreadable_;
  }

  std::string fingerprint() const {
    std::string all;
    for (const std::string& name : list_.names) all += str(name, '\n');
    return str(count(), "-", std::hex, std::setfill('0'), std::setw(16), fnv1a(all));
  }

  /// The image of that number, or the next one that can be read.
  Read image(std::int64_t wanted) {
    for (std::int64_t i = 0; i < count(); ++i) {
      const std::int64_t number = (wanted + i) % count();
      const auto index = static_cast<std::size_t>(number);
      {
        const std::lock_guard lock(mutex_);
        if (entries_[index].unreadable) continue;
        if (entries_[index].kept) return {entries_[index].kept, number};
      }
      try {
        Pixels pixels = read(index);
        keep(index, pixels);
        return {pixels, number};
      } catch (const ImageError& error) {
        give_up(index, error.what());
      }
    }
    throw ImageError(str(list_.source, ": none of its ", count(), " images can be read"));
  }

 private:
  struct Entry {
    bool unreadable = false;
    Pixels kept;
  };

  Pixels read(std::size_t index) const {
    const Tensor image = load_image((std::filesystem::path(list_.root) / list_.names[index]).string());
    const std::int64_t height = image.shape()[2], width = image.shape()[3];
    const Tensor resized = crop_resize(image, {0, 0, width, height}, options_.size, options_.size);
    const std::span<const float> values = resized.as<float>();
    std::vector<std::uint8_t> levels(values.size());
    std::transform(values.begin(), values.end(), levels.begin(), io::to_level);
    return std::make_shared<const std::vector<std::uint8_t>>(std::move(levels));
  }

  void keep(std::size_t index, const Pixels& pixels) {
    const std::lock_guard lock(mutex_);
    const auto bytes = static_cast<std::int64_t>(pixels->size());
    if (entries_[index].kept || kept_bytes_ + bytes > options_.cache_bytes) return;
    entries_[index].kept = pixels;
    kept_bytes_ += bytes;
  }

  void give_up(std::size_t index, const std::string& why) {
    std::int64_t found = 0;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(entries_[index].unreadable, true)) return;  // another thread has said so
      found = ++unreadable_;
    }
    if (options_.report) {
      const std::lock_guard lock(report_mutex_);
      options_.report(str(why, ": is passed over"));
    }
    constexpr std::int64_t always_allowed = 3;
    check<ImageError>(found <= always_allowed || found * 100 <= count(), list_.source, ": ", found, " of its ", count(),
                      " images cannot be read, more than 1 %, the last one because of ", why,
                      ": repair or remove them");
  }

  const DatasetOptions& options_;
  const ImageNames list_;
  mutable std::mutex mutex_;  // of what follows
  std::vector<Entry> entries_;
  std::int64_t kept_bytes_ = 0, unreadable_ = 0;
  std::mutex report_mutex_;
};

/// Which positions a rank looks at, one after the other.
struct Course {
  std::int64_t start = 0, global_batch = 1, local_batch = 1, rank = 0;
  std::int64_t position(std::int64_t n) const {
    return start + n / local_batch * global_batch + rank * local_batch + n % local_batch;
  }
  bool operator==(const Course&) const = default;
};

struct Item {
  Read image;
  bool mirrored = false;
  std::exception_ptr error;
};

}  // namespace

struct Dataset::State {
  State(ImageNames images, DatasetOptions given)
      : options(std::move(given)),
        files(std::move(images), options),
        sampler(files.count(), options.seed, options.flip),
        ring(static_cast<std::size_t>(options.ahead)) {
    try {
      for (int i = 0; i < options.threads; ++i) threads.emplace_back([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { stop(); }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    wanted.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  std::optional<Item>& slot(std::int64_t n) { return ring[static_cast<std::size_t>(n) % ring.size()]; }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      wanted.wait(lock, [this] { return stopping || (course && claimed < taken + options.ahead); });
      if (stopping) return;
      const std::int64_t n = claimed++, began = courses;
      Item item;
      try {
        const Sampler::Pick pick = sampler.at(course->position(n));
        item.mirrored = pick.mirrored;
        lock.unlock();
        item.image = files.image(pick.index);
      } catch (...) {
        item.error = std::current_exception();
      }
      if (!lock.owns_lock()) lock.lock();
      if (began != courses) continue;  // somebody wants other images by now
      slot(n) = std::move(item);
      ready.notify_one();
    }
  }

  /// Begins a course, unless `next` goes on with the one that there is.
  void follow(const Course& next) {
    const std::lock_guard lock(mutex);
    if (course) {
      Course rest = *course;
      rest.start += taken / rest.local_batch * rest.global_batch;
      if (rest == next) return;
    }
    course = next;
    claimed = taken = 0;
    ++courses;
    std::fill(ring.begin(), ring.end(), std::nullopt);
    wanted.notify_all();
  }

  Item take() {
    std::unique_lock lock(mutex);
    ready.wait(lock, [this] { return slot(taken).has_value(); });
    Item item = std::move(*slot(taken));
    slot(taken++).reset();
    if (item.error) course.reset();
    lock.unlock();
    wanted.notify_one();
    if (item.error) std::rethrow_exception(item.error);
    return item;
  }

  const DatasetOptions options;
  Files files;
  std::mutex mutex;  // of what follows, but for the threads
  std::condition_variable wanted, ready;
  Sampler sampler;
  std::optional<Course> course;
  std::int64_t courses = 0;               // begun so far: tells what belongs to an earlier one
  std::int64_t claimed = 0;               // images of the course that threads have begun
  std::int64_t taken = 0;                 // and that went out
  std::vector<std::int64_t> picked;       // numbers of those of the last batch
  std::vector<std::optional<Item>> ring;  // image n of the course is in slot n modulo its size
  bool stopping = false;
  std::vector<std::thread> threads;
};

namespace {
void check_options(const DatasetOptions& options) {
  check(options.size > 0 && options.size <= 16384, "dataset: size is ", options.size, ", expected 1 to 16384");
  check(options.threads > 0 && options.threads <= 1024, "dataset: threads are ", options.threads,
        ", expected 1 to 1024");
  check(options.ahead > 0, "dataset: ahead is ", options.ahead, ", expected 1 at least");
}
}  // namespace

Dataset::Dataset(const std::string& path, DatasetOptions options) {
  check_options(options);
  state_ = std::make_unique<State>(names_of(path), std::move(options));
}
Dataset::Dataset(ImageNames images, DatasetOptions options) {
  check_options(options);
  check<ImageError>(!images.names.empty(), images.source, ": no images are left to look at: add some");
  state_ = std::make_unique<State>(std::move(images), std::move(options));
}
Dataset::~Dataset() = default;
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;

Tensor Dataset::batch(std::int64_t position, std::int64_t global_batch, int rank, int ranks) {
  check(position >= 0, "dataset: position ", position, " is before the first, which is 0");
  check(ranks > 0 && rank >= 0 && rank < ranks, "dataset: rank ", rank, " of ", ranks, ", expected 0 to ranks - 1");
  check(global_batch > 0 && global_batch % ranks == 0, "dataset: a batch of ", global_batch,
        " images, expected a multiple of the ", ranks, " ranks");
  const std::int64_t local = global_batch / ranks, size = state_->options.size;
  state_->follow({position, global_batch, local, rank});
  std::array<float, 256> values{};
  for (std::size_t level = 0; level < values.size(); ++level) {
    values[level] = io::from_level(static_cast<std::uint8_t>(level));
  }
  Tensor images({DType::f32, {local, 3, size, size}});
  float* out = images.mutable_as<float>().data();
  state_->picked.clear();
  for (std::int64_t i = 0; i < local; ++i) {
    const Item item = state_->take();
    const std::vector<std::uint8_t>& pixels = *item.image.pixels;
    state_->picked.push_back(item.image.number);
    for (auto row = pixels.begin(); row != pixels.end(); row += size, out += size) {
      std::transform(row, row + size, out, [&](std::uint8_t level) { return values[level]; });
      if (item.mirrored) std::reverse(out, out + size);
    }
  }
  return images;
}

const std::vector<std::int64_t>& Dataset::picked() const { return state_->picked; }
std::int64_t Dataset::size() const { return state_->files.count(); }
std::int64_t Dataset::unreadable() const { return state_->files.unreadable(); }
std::string Dataset::fingerprint() const { return state_->files.fingerprint(); }

}  // namespace g2face
