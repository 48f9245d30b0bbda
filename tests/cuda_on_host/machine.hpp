#pragma once
// Runs one block of a kernel after the other, and its threads as fibers.

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "cuda_runtime.h"
#include "fiber.hpp"

namespace cuda_on_host {

constexpr unsigned warp_size = 32, most_threads = 1024, most_warps = most_threads / warp_size;

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::logic_error(text.str());
}

/// splitmix64 (Steele et al. 2014).
class Random {
 public:
  void seed(std::uint64_t value) { state_ = value; }
  unsigned below(unsigned n) { return static_cast<unsigned>(((*this)() >> 32) * n >> 32); }
  std::uint64_t operator()() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_ = 0;
};

struct Wait {
  Place place{};
  std::uint32_t lanes = whole_block;
  void* brought = nullptr;
  void (*together)(Brought) = nullptr;
};

class Machine {
 public:
  void seed(std::uint64_t value);
  /// 0 to n - 1, in the order of the seed.
  std::vector<unsigned> order(unsigned n);
  /// The place of the next of n that might come next.
  unsigned choose(unsigned n) { return shuffled_ ? random_.below(n) : 0; }

  void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& kernel);

  // Called by threads of the kernel.
  void wait(const Wait& wait);
  unsigned thread() const { return index_; }
  int lane() const { return static_cast<int>(index_ % warp_size); }
  void* shared_memory() { return shared_.get(); }
  bool in_shared_memory(const void* p, std::size_t bytes) const {
    return p >= shared_.get() && static_cast<const std::byte*>(p) + bytes <= shared_.get() + shared_bytes_;
  }
  /// Copies that the thread has begun and not waited for.
  struct Copy {
    void* to;
    const void* from;
    std::size_t bytes;
    bool valid;
  };
  struct Copies {
    bool unfenced = false;
    std::vector<Copy> copies;
    std::deque<std::size_t> groups;  // the number of copies of each, the oldest first; of a last one not yet made
  };
  Copies& copies();
  /// Products of the thread's warpgroup that it has begun and not waited for.
  struct Product {
    float* d;
    const char *a, *b;  // rows of their blocks
    std::size_t a_bytes, b_bytes, hash;
  };
  struct Products {
    std::vector<Product> products;
    std::deque<std::size_t> groups = {0};  // as of copies
    std::map<float*, std::vector<float>> sums;
    bool fenced = false;
  };
  Products& products();
  /// Of all threads of the block: copies that have arrived, but that products may not see.
  unsigned unfenced = 0;

 private:
  struct Thread {
    Fiber fiber;
    Wait wait;
    bool done = true;
  };

  void enter(unsigned index);
  void resume(unsigned index);
  void run_block(std::span<const unsigned> order);
  void run_alone(std::span<const unsigned> order);
  bool next(unsigned& index);
  void go_on(unsigned index);
  void stopped(unsigned index);
  void release_block();
  void release_lanes(unsigned warp, const Wait& wait);
  void check_all_returned() const;

  std::recursive_mutex mutex_;
  bool shuffled_ = false, running_ = false, in_fiber_ = false;
  Random random_;
  const std::function<void()>* kernel_ = nullptr;
  unsigned count_ = 0, warps_ = 0, index_ = 0, warp_ = 0, waiting_for_block_ = 0;
  std::array<std::uint32_t, most_warps> ready_{};    // the lanes of each warp that wait for nothing
  std::array<std::uint32_t, most_warps> meeting_{};  // and those that wait for others of the warp
  std::uint32_t ready_warps_ = 0;
  std::deque<Thread> threads_;
  std::vector<Copies> copies_;
  std::vector<Products> products_;
  std::unique_ptr<std::byte[]> shared_;
  std::size_t shared_bytes_ = 0;
};

Machine& machine();

}  // namespace cuda_on_host
