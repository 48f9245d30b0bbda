#pragma once
// Processes that train one model together: each is a rank, and works on its part of the batch.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace g2face {

/// How ranks send each other bytes. Every rank makes the same calls in the same order, from one thread at a time.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  virtual int rank() const = 0;  // 0 .. ranks() - 1
  virtual int ranks() const = 0;
  virtual int local_rank() const = 0;  // among those on this machine
  virtual int local_ranks() const = 0;
  /// Part i of `from` goes to rank i; part i of `to` comes from there. Parts have `bytes` each.
  virtual void exchange(const std::byte* from, std::byte* to, std::size_t bytes) = 0;
  /// Part i of `all` becomes what rank i gave.
  virtual void gather(const std::byte* part, std::byte* all, std::size_t bytes) = 0;
  /// Ends all ranks, this one too if they are processes.
  virtual void abort(int exit_code) noexcept = 0;
};

struct Stream;  // g2face/device.hpp

/// How ranks send each other what lies in memory of their devices, in the order of a stream and past the host. Parts
/// have `count` values; else as in Transport. A backend makes it.
class DeviceTransport {
 public:
  DeviceTransport() = default;
  DeviceTransport(const DeviceTransport&) = delete;
  DeviceTransport& operator=(const DeviceTransport&) = delete;
  virtual ~DeviceTransport() = default;
  virtual void exchange(const float* from, float* to, std::size_t count, Stream& stream) = 0;
  virtual void gather(const float* part, float* all, std::size_t count, Stream& stream) = 0;
};

/// What ranks do together. All of them call the same functions in the same order with the same sizes; the work is done
/// in that order by a thread of the communicator, so that calculating may go on. Where a communicator may be missing
/// (null), that means: alone.
class Communicator {
 public:
  explicit Communicator(std::unique_ptr<Transport> transport);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return transport_->rank(); }
  int ranks() const { return transport_->ranks(); }
  int local_rank() const { return transport_->local_rank(); }
  int local_ranks() const { return transport_->local_ranks(); }

  /// Replaces each value by its sum over ranks, added in double in the order of the ranks and rounded once: the same
  /// bits on every rank and in every run. Throws Error if another rank has gone.
  void all_reduce(std::span<float> values);
  void all_reduce(std::span<double> values);

  /// The same in the background: the values may not be touched before the ticket was waited for, once. They are kept
  /// until then, even if nobody waits.
  using Ticket = std::uint64_t;
  Ticket start_all_reduce(std::shared_ptr<float> values, std::size_t count);
  void wait(Ticket ticket);

  /// What each rank gives, on all of them.
  std::vector<std::uint64_t> gather(std::uint64_t value);
  /// Whether the text is the same on all ranks; all get the same answer.
  bool agree(std::string_view text);
  /// Returns when all ranks have called it.
  void barrier();
  void abort(int exit_code) noexcept { transport_->abort(exit_code); }

  /// Null: what lies in memory of devices goes through that of the host.
  const std::shared_ptr<DeviceTransport>& on_device() const { return on_device_; }
  void connect(std::shared_ptr<DeviceTransport> devices) { on_device_ = std::move(devices); }

 private:
  Ticket start(std::function<void()> work);
  template <class T>
  void sum(std::span<T> values);
  void serve();

  std::unique_ptr<Transport> transport_;
  std::vector<std::byte> sent_, received_;  // of the thread
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<Ticket, std::function<void()>>> queue_;
  std::map<Ticket, std::exception_ptr> done_;  // null: well
  Ticket last_ = 0;
  bool stopping_ = false;
  std::shared_ptr<DeviceTransport> on_device_;
  std::thread thread_;
};

/// 1 where there is none.
inline int ranks_of(const std::shared_ptr<Communicator>& ranks) { return ranks ? ranks->ranks() : 1; }

/// Communicators for threads of this process, one for each rank: for tests. After abort() the others throw Error.
std::vector<std::shared_ptr<Communicator>> thread_ranks(int ranks);

/// Of the processes that mpirun, srun or the like started together with this one; null if it was started alone. To be
/// called once, by the thread that also lets go of it last. Throws DeviceError where several were started but this
/// build has no MPI.
std::shared_ptr<Communicator> launched_ranks();

/// Threads for one of the ranks that share a machine, when nobody says how many: its part of the processors, or what it
/// is bound to where that is less.
int threads_of_rank(const Communicator& ranks);

/// The part of a batch that a rank works on: images first .. first + count - 1 of it.
struct Share {
  std::int64_t first = 0, count = 0;
  bool operator==(const Share&) const = default;
};
/// Throws Error if the ranks cannot share it equally.
Share share_of(std::int64_t batch, const std::shared_ptr<Communicator>& ranks);

}  // namespace g2face
