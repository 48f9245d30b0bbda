// Ranks that are threads of one process.

#include <cstring>

#include "g2face/distributed/communicator.hpp"
#include "g2face/error.hpp"

namespace g2face {
namespace {

/// Where they meet.
class Room {
 public:
  explicit Room(int ranks) : parts(static_cast<std::size_t>(ranks)) {}

  void meet() {
    std::unique_lock lock(mutex_);
    const std::uint64_t meeting = meetings_;
    if (++here_ == parts.size()) {
      here_ = 0;
      ++meetings_;
      all_here_.notify_all();
    }
    all_here_.wait(lock, [&] { return meetings_ != meeting || gone_; });
    check<Error>(meetings_ != meeting, "another rank has gone");
  }
  void leave() {
    const std::scoped_lock lock(mutex_);
    gone_ = true;
    all_here_.notify_all();
  }

  std::vector<const std::byte*> parts;  // what each rank gives

 private:
  std::mutex mutex_;
  std::condition_variable all_here_;
  std::size_t here_ = 0;
  std::uint64_t meetings_ = 0;
  bool gone_ = false;
};

class ThreadTransport final : public Transport {
 public:
  ThreadTransport(std::shared_ptr<Room> room, int rank) : room_(std::move(room)), rank_(rank) {}

  int rank() const override { return rank_; }
  int ranks() const override { return static_cast<int>(room_->parts.size()); }
  int local_rank() const override { return rank_; }
  int local_ranks() const override { return ranks(); }
  void exchange(const std::byte* from, std::byte* to, std::size_t bytes) override {
    collect(from, static_cast<std::size_t>(rank_) * bytes, to, bytes);
  }
  void gather(const std::byte* part, std::byte* all, std::size_t bytes) override { collect(part, 0, all, bytes); }
  void abort(int) noexcept override { room_->leave(); }

 private:
  /// Copies what every rank has at an offset of what it gives.
  void collect(const std::byte* given, std::size_t offset, std::byte* to, std::size_t bytes) {
    room_->parts[static_cast<std::size_t>(rank_)] = given;
    room_->meet();
    for (const std::byte* part : room_->parts) {
      if (bytes > 0) std::memcpy(to, part + offset, bytes);
      to += bytes;
    }
    room_->meet();
  }

  std::shared_ptr<Room> room_;
  int rank_;
};

}  // namespace

std::vector<std::shared_ptr<Communicator>> thread_ranks(int ranks) {
  const auto room = std::make_shared<Room>(ranks);
  std::vector<std::shared_ptr<Communicator>> all;
  all.reserve(static_cast<std::size_t>(ranks));
  for (int r = 0; r < ranks; ++r) {
    all.push_back(std::make_shared<Communicator>(std::make_unique<ThreadTransport>(room, r)));
  }
  return all;
}

}  // namespace g2face
