#include "g2face/distributed/communicator.hpp"

#include <omp.h>
#include <unistd.h>

#include <algorithm>

#include "g2face/error.hpp"

namespace g2face {
namespace {

constexpr std::size_t whole = std::size_t{1} << 12;  // bytes up to which every rank gets all and adds all
constexpr std::size_t piece = std::size_t{1} << 26;  // bytes that are sent at a time

/// The sums of `count` values over parts that lie one after the other.
template <class T>
void add_parts(const T* parts, int ranks, std::size_t count, T* sums) {
  for (std::size_t i = 0; i < count; ++i) {
    double sum = parts[i];
    for (int r = 1; r < ranks; ++r) sum += parts[static_cast<std::size_t>(r) * count + i];
    sums[i] = static_cast<T>(sum);
  }
}

}  // namespace

Communicator::Communicator(std::unique_ptr<Transport> transport)
    : transport_(std::move(transport)), thread_([this] { serve(); }) {}

Communicator::~Communicator() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Communicator::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const auto [ticket, work] = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    done_[ticket] = failure;
    changed_.notify_all();
  }
}

Communicator::Ticket Communicator::start(std::function<void()> work) {
  const std::scoped_lock lock(mutex_);
  queue_.emplace_back(++last_, std::move(work));
  changed_.notify_all();
  return last_;
}

void Communicator::wait(Ticket ticket) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_.contains(ticket); });
  const std::exception_ptr failure = done_.extract(ticket).mapped();
  if (failure) std::rethrow_exception(failure);
}

template <class T>
void Communicator::sum(std::span<T> values) {
  const auto count = static_cast<std::size_t>(ranks());
  const auto room = [](std::vector<std::byte>& buffer, std::size_t elements) {
    if (buffer.size() < elements * sizeof(T)) buffer.resize(elements * sizeof(T));
    return reinterpret_cast<T*>(buffer.data());
  };
  const auto bytes_of = [](const T* p) { return reinterpret_cast<const std::byte*>(p); };
  if (values.size_bytes() <= whole) {
    T* all = room(received_, values.size() * count);
    transport_->gather(bytes_of(values.data()), received_.data(), values.size_bytes());
    return add_parts(all, ranks(), values.size(), values.data());
  }
  for (std::size_t at = 0; at < values.size(); at += piece / sizeof(T)) {
    const std::span<T> some = values.subspan(at, std::min(values.size() - at, piece / sizeof(T)));
    const std::size_t part = (some.size() + count - 1) / count;  // each rank adds one
    T* sent = room(sent_, part * count);
    T* received = room(received_, part * count);
    std::fill(std::copy(some.begin(), some.end(), sent), sent + part * count, T{0});
    transport_->exchange(sent_.data(), received_.data(), part * sizeof(T));
    add_parts(received, ranks(), part, sent);
    transport_->gather(sent_.data(), received_.data(), part * sizeof(T));
    std::copy_n(received, some.size(), some.begin());
  }
}

Communicator::Ticket Communicator::start_all_reduce(std::shared_ptr<float> values, std::size_t count) {
  return start([this, held = std::move(values), count] { sum(std::span(held.get(), count)); });
}
void Communicator::all_reduce(std::span<float> values) {
  wait(start([this, values] { sum(values); }));
}
void Communicator::all_reduce(std::span<double> values) {
  wait(start([this, values] { sum(values); }));
}

std::vector<std::uint64_t> Communicator::gather(std::uint64_t value) {
  std::vector<std::uint64_t> all(static_cast<std::size_t>(ranks()));
  wait(start([&] {
    transport_->gather(reinterpret_cast<const std::byte*>(&value), reinterpret_cast<std::byte*>(all.data()),
                       sizeof value);
  }));
  return all;
}

bool Communicator::agree(std::string_view text) {
  const std::vector<std::uint64_t> all = gather(std::hash<std::string_view>()(text));
  return std::ranges::count(all, all.front()) == ranks();
}

void Communicator::barrier() { agree({}); }

int threads_of_rank(const Communicator& ranks) {
  const auto processors = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  return std::max(1, std::min(omp_get_max_threads(), processors / ranks.local_ranks()));
}

Share share_of(std::int64_t batch, const std::shared_ptr<Communicator>& ranks) {
  const std::int64_t count = ranks_of(ranks);
  check<Error>(batch % count == 0, "training: a batch of ", batch, " images cannot be shared equally by ", count,
               " ranks: make \"batch\" a multiple of ", count);
  return {ranks ? ranks->rank() * (batch / count) : 0, batch / count};
}

}  // namespace g2face
