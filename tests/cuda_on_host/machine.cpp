#include "machine.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <string>

#include "memory.hpp"

namespace cuda_on_host {
namespace {

bool same_text(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }
bool same_place(const Place& a, const Place& b) {
  return a.line == b.line && same_text(a.what, b.what) && same_text(a.file, b.file);
}
std::string text_of(const Place& place) {
  std::ostringstream text;
  text << place.what << " (" << place.file << ':' << place.line << ')';
  return text.str();
}

}  // namespace

void Machine::seed(std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  shuffled_ = value != 0;
  random_.seed(value);
}

std::vector<unsigned> Machine::order(unsigned n) {
  std::vector<unsigned> result(n);
  std::iota(result.begin(), result.end(), 0u);
  if (shuffled_) {
    for (unsigned i = n; i > 1; --i) std::swap(result[i - 1], result[random_.below(i)]);
  }
  return result;
}

void Machine::run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& kernel) {
  const std::lock_guard lock(mutex_);
  if (running_) fail("launch: from inside a kernel");
  running_ = true;
  struct Finally {
    bool& flag;
    ~Finally() { flag = false; }
  } finally{running_};
  const OpenDeviceMemory open;
  gridDim = grid;
  blockDim = block;
  kernel_ = &kernel;
  count_ = block.x * block.y * block.z;
  warps_ = (count_ + warp_size - 1) / warp_size;
  // Of the exact size, so that the sanitizer sees the first byte beyond.
  shared_.reset(new std::byte[shared_bytes]);
  shared_bytes_ = shared_bytes;
  const std::vector<unsigned> threads = order(count_);
  for (const unsigned b : order(grid.x * grid.y * grid.z)) {
    blockIdx = {b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y};
    std::memset(shared_.get(), 0xff, shared_bytes);
    run_block(threads);
  }
}

void Machine::wait(const Wait& wait) {
  if (!in_fiber_) {
    fail("thread ", index_, " of a block waits at ", text_of(wait.place), ", but thread 0 returned without waiting");
  }
  if (wait.lanes != whole_block && (wait.lanes >> lane() & 1) == 0) {
    fail("lane ", lane(), " waits at ", text_of(wait.place), ", but is not among its lanes");
  }
  Thread& self = threads_[index_];
  self.wait = wait;
  self.fiber.stop();
}

Machine::Copies& Machine::copies() {
  if (copies_.empty()) copies_.resize(most_threads);
  return copies_[index_];
}

Machine::Products& Machine::products() {
  if (products_.empty()) products_.resize(most_threads);
  return products_[index_];
}

void Machine::enter(unsigned index) {
  index_ = index;
  if (blockDim.y == 1 && blockDim.z == 1) {
    threadIdx = {index, 0, 0};
  } else {
    threadIdx = {index % blockDim.x, index / blockDim.x % blockDim.y, index / blockDim.x / blockDim.y};
  }
}

void Machine::resume(unsigned index) {
  enter(index);
  in_fiber_ = true;
  threads_[index].done = threads_[index].fiber.resume();
  in_fiber_ = false;
}

void Machine::run_block(std::span<const unsigned> order) {
  copies_.clear();
  products_.clear();
  unfenced = 0;
  in_fiber_ = false;
  if (threads_.empty()) threads_.emplace_back();
  threads_[0].fiber.start(*kernel_);
  resume(0);
  if (threads_[0].done) {
    run_alone(order);
    return;
  }
  while (threads_.size() < count_) threads_.emplace_back();
  ready_ = meeting_ = {};
  ready_warps_ = waiting_for_block_ = warp_ = 0;
  for (unsigned i = 1; i < count_; ++i) {
    threads_[i].fiber.start(*kernel_);
    threads_[i].done = false;
    go_on(i);
  }
  stopped(0);
  for (unsigned i = 0; next(i);) {
    resume(i);
    if (!threads_[i].done) stopped(i);
  }
  check_all_returned();
}

void Machine::run_alone(std::span<const unsigned> order) {
  for (const unsigned i : order) {
    if (i == 0) continue;
    enter(i);
    (*kernel_)();
  }
}

// In ascending order, or: mostly some lane of the warp that ran last, as on a GPU, where a warp may be far ahead of
// another one; now and then of any warp.
bool Machine::next(unsigned& index) {
  if (ready_warps_ == 0) return false;
  if (!shuffled_) warp_ = 0;
  if (shuffled_ && random_.below(16) == 0) warp_ = random_.below(warps_);
  const std::uint32_t from_warp = ready_warps_ >> warp_ << warp_;  // that one or a later one, else the first
  warp_ = static_cast<unsigned>(std::countr_zero(from_warp != 0 ? from_warp : ready_warps_));
  std::uint32_t& lanes = ready_[warp_];
  const unsigned first = shuffled_ ? random_.below(warp_size) : 0;
  const std::uint32_t from_lane = lanes >> first << first;
  const auto lane = static_cast<unsigned>(std::countr_zero(from_lane != 0 ? from_lane : lanes));
  lanes &= ~(1u << lane);
  if (lanes == 0) ready_warps_ &= ~(1u << warp_);
  index = warp_ * warp_size + lane;
  return true;
}

void Machine::go_on(unsigned index) {
  ready_[index / warp_size] |= 1u << index % warp_size;
  ready_warps_ |= 1u << index / warp_size;
}

// A thread has begun to wait: lets go on all who wait with it if it was the last.
void Machine::stopped(unsigned index) {
  const Wait& wait = threads_[index].wait;
  if (wait.lanes == whole_block) {
    if (++waiting_for_block_ == count_) release_block();
    return;
  }
  const unsigned warp = index / warp_size;
  meeting_[warp] |= 1u << index % warp_size;
  const unsigned in_warp = std::min(warp_size, count_ - warp * warp_size);
  const std::uint32_t expected = wait.lanes & (whole_warp >> (warp_size - in_warp));
  if ((expected & ~meeting_[warp]) == 0) release_lanes(warp, wait);
}

void Machine::release_block() {
  const Wait& first = threads_[0].wait;
  for (unsigned i = 1; i < count_; ++i) {
    const Wait& other = threads_[i].wait;
    if (!same_place(first.place, other.place)) {
      fail("thread 0 waits at ", text_of(first.place), " and thread ", i, " at ", text_of(other.place),
           ": a barrier in a branch that not all threads take");
    }
  }
  if (first.together != nullptr) {
    std::array<void*, most_threads> brought;
    for (unsigned i = 0; i < count_; ++i) brought[i] = threads_[i].wait.brought;
    first.together({brought.data(), count_});
  }
  waiting_for_block_ = 0;
  for (unsigned i = 0; i < count_; ++i) go_on(i);
}

void Machine::release_lanes(unsigned warp, const Wait& wait) {
  const unsigned first = warp * warp_size;
  std::array<void*, warp_size> brought{};
  std::uint32_t group = 0;
  for (unsigned l = 0; l < warp_size && first + l < count_; ++l) {
    if ((wait.lanes >> l & 1) == 0) continue;
    const Wait& other = threads_[first + l].wait;
    if (other.lanes != wait.lanes || !same_text(other.place.what, wait.place.what)) return;
    brought[l] = other.brought;
    group |= 1u << l;
  }
  if (wait.together != nullptr) wait.together({brought.data(), warp_size});
  meeting_[warp] &= ~group;
  for (std::uint32_t rest = group; rest != 0; rest &= rest - 1) {
    go_on(first + static_cast<unsigned>(std::countr_zero(rest)));
  }
}

void Machine::check_all_returned() const {
  std::map<std::string, unsigned> waiting;
  unsigned returned = 0;
  for (unsigned i = 0; i < count_; ++i) {
    if (threads_[i].done) {
      ++returned;
    } else {
      ++waiting[text_of(threads_[i].wait.place)];
    }
  }
  if (waiting.empty()) return;
  std::ostringstream text;
  text << "a barrier that not all threads reach: of " << count_ << " threads of a block, ";
  for (const auto& [place, number] : waiting) text << number << " wait at " << place << ", ";
  text << returned << " have returned";
  throw std::logic_error(text.str());
}

Machine& machine() {
  static auto* const only = new Machine;  // outlives static executors
  return *only;
}

void* shared_memory() { return machine().shared_memory(); }
int lane() { return machine().lane(); }
void seed(std::uint64_t value) { machine().seed(value); }

void meet(const Place& place, std::uint32_t lanes, void* brought, void (*together)(Brought)) {
  machine().wait({place, lanes, brought, together});
}

void reads_absent_lane(const Place& place, int source) {
  fail("lane ", lane(), " reads lane ", source, " at ", text_of(place), ", which is not among its lanes");
}

std::uint32_t votes(const Place& place, std::uint32_t lanes, bool vote) {
  struct Brings {
    bool vote, of_warp;
    std::uint32_t result;
  } mine{vote, lanes != whole_block, 0};
  meet(place, lanes, &mine, [](Brought all) {
    std::uint32_t result = 0;
    for (unsigned i = 0; i < all.count; ++i) {
      const auto* const voter = all.as<Brings>(i);
      if (voter != nullptr && voter->vote) result += voter->of_warp ? 1u << i : 1u;
    }
    for (unsigned i = 0; i < all.count; ++i) {
      if (all.as<Brings>(i) != nullptr) all.as<Brings>(i)->result = result;
    }
  });
  return mine.result;
}

}  // namespace cuda_on_host
