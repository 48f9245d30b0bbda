#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "asan.hpp"
#include "fiber.hpp"

namespace cuda_on_host {
namespace {

constexpr unsigned warp_size = 32;

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::logic_error(text.str());
}

// Device memory, out of reach for everyone but kernels and copies.
class Memory {
 public:
  void* allocate(std::size_t bytes) {
    void* p = std::malloc(std::max<std::size_t>(bytes, 1));
    if (p != nullptr) {
      blocks_[p] = bytes;
      ASAN_POISON_MEMORY_REGION(p, bytes);
    }
    return p;
  }
  bool release(void* p) {
    const auto found = blocks_.find(p);
    if (found == blocks_.end()) return false;
    ASAN_UNPOISON_MEMORY_REGION(p, found->second);
    blocks_.erase(found);
    std::free(p);
    return true;
  }

  class Access {
   public:
    explicit Access(const Memory& memory) : memory_(memory) {
      for (const auto& [p, bytes] : memory_.blocks_) ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    }
    ~Access() {
      for (const auto& [p, bytes] : memory_.blocks_) ASAN_POISON_MEMORY_REGION(p, bytes);
    }
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;

   private:
    const Memory& memory_;
  };

 private:
  std::map<void*, std::size_t> blocks_;
};

Memory& memory() {
  static Memory all;
  return all;
}

struct Wait {
  const char* what = nullptr;  // null: not waiting
  std::uint32_t lanes = 0;     // 0: the whole block
  const char* file = nullptr;
  int line = 0;

  bool same_place(const Wait& other) const {
    return std::strcmp(what, other.what) == 0 && lanes == other.lanes && line == other.line &&
           std::strcmp(file, other.file) == 0;
  }
  std::string str() const {
    std::ostringstream text;
    text << what << " (" << file << ':' << line << ')';
    return text.str();
  }
};

struct Thread {
  Fiber fiber;
  Wait wait;
  bool done = false;
  std::uint64_t brought = 0, received = 0;
  int source = 0;
};

// Runs one block after the other; fibers and their stacks are kept for the next.
class Machine {
 public:
  void seed(std::uint64_t value) {
    shuffled_ = value != 0;
    random_.seed(value);
  }

  std::size_t draw(std::size_t n) { return shuffled_ ? random_() % n : 0; }

  void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& kernel) {
    count_ = block.x * block.y * block.z;
    if (count_ == 0 || count_ > 1024 || grid.x == 0 || grid.y == 0 || grid.y > 65535 || grid.z == 0 || grid.z > 65535) {
      fail("launch: a grid of ", grid.x, 'x', grid.y, 'x', grid.z, " blocks of ", block.x, 'x', block.y, 'x', block.z,
           " threads; a block has 1 to 1024 threads, and a grid has at least one block");
    }
    if (running_) fail("launch: from inside a kernel");
    running_ = true;
    struct Finally {
      bool& flag;
      ~Finally() { flag = false; }
    } finally{running_};
    const Memory::Access access(memory());
    gridDim = grid;
    blockDim = block;
    kernel_ = &kernel;
    for (const unsigned index : order(grid.x * grid.y * grid.z)) {
      blockIdx = {index % grid.x, index / grid.x % grid.y, index / grid.x / grid.y};
      // A fresh block of the exact size, so that the sanitizer sees the first byte beyond.
      shared_.reset(new std::byte[shared_bytes]);
      std::memset(shared_.get(), 0xff, shared_bytes);
      run_block();
    }
  }

  void* shared_memory() { return shared_.get(); }
  int lane() const { return static_cast<int>(index_ % warp_size); }

  void wait(const Wait& wait) {
    if (!in_fiber_) {
      fail("thread ", index_, " of a block waits at ", wait.str(), ", but thread 0 returned without waiting");
    }
    if (wait.lanes != 0 && (wait.lanes >> lane() & 1) == 0) {
      fail("lane ", lane(), " waits at ", wait.str(), ", but is not among its lanes");
    }
    Thread& self = threads_[index_];
    self.wait = wait;
    self.fiber.stop();
  }

  std::uint64_t exchange(const Wait& at, std::uint64_t bits, int source) {
    if ((at.lanes >> source & 1) == 0)
      fail("lane ", lane(), " reads lane ", source, " at ", at.str(), ", which is not among its lanes");
    threads_[index_].brought = bits;
    threads_[index_].source = source;
    wait(at);
    return threads_[index_].received;
  }

 private:
  std::vector<unsigned> order(unsigned n) {
    std::vector<unsigned> result(n);
    for (unsigned i = 0; i < n; ++i) result[i] = i;
    if (shuffled_) std::shuffle(result.begin(), result.end(), random_);
    return result;
  }

  void enter(unsigned index) {
    index_ = index;
    threadIdx = {index % blockDim.x, index / blockDim.x % blockDim.y, index / blockDim.x / blockDim.y};
  }

  void resume(unsigned index) {
    enter(index);
    in_fiber_ = true;
    threads_[index].done = threads_[index].fiber.resume();
    in_fiber_ = false;
  }

  void run_block() {
    while (threads_.size() < count_) threads_.emplace_back();
    in_fiber_ = false;
    for (unsigned i = 0; i < count_; ++i) {
      threads_[i].wait = {};
      threads_[i].done = false;
    }
    threads_[0].fiber.start(*kernel_);
    resume(0);
    if (threads_[0].done) {
      for (const unsigned i : order(count_)) {
        if (i == 0) continue;
        enter(i);
        (*kernel_)();
      }
      return;
    }
    for (auto& lanes : ready_) lanes.clear();
    waiting_for_block_ = warp_ = 0;
    for (unsigned i = 1; i < count_; ++i) {
      threads_[i].fiber.start(*kernel_);
      ready_[i / warp_size].push_back(i);
    }
    release(0);
    for (std::optional<unsigned> i = next(); i; i = next()) {
      resume(*i);
      if (!threads_[*i].done) release(*i);
    }
    check_all_returned();
  }

  // In ascending order, or: mostly some lane of the warp that ran last, as on a GPU, where a warp may be far ahead of
  // another one; now and then of any warp.
  std::optional<unsigned> next() {
    const auto warps = (count_ + warp_size - 1) / warp_size;
    if (shuffled_ && random_() % 16 == 0) warp_ = static_cast<unsigned>(random_() % warps);
    if (!shuffled_) warp_ = 0;
    for (unsigned tried = 0; tried < warps; ++tried, warp_ = (warp_ + 1) % warps) {
      auto& lanes = ready_[warp_];
      if (lanes.empty()) continue;
      const auto chosen = lanes.begin() + static_cast<std::ptrdiff_t>(shuffled_ ? random_() % lanes.size() : 0);
      const unsigned index = *chosen;
      lanes.erase(chosen);
      return index;
    }
    return std::nullopt;
  }

  void go_on(unsigned index) {
    threads_[index].wait = {};
    ready_[index / warp_size].push_back(index);
  }

  // A thread has begun to wait: lets go on all who wait with it if it was the last.
  void release(unsigned index) {
    if (threads_[index].wait.lanes != 0) {
      release_lanes(index / warp_size * warp_size, threads_[index].wait);
    } else if (++waiting_for_block_ == count_) {
      release_block();
    }
  }

  void release_block() {
    for (unsigned i = 1; i < count_; ++i) {
      if (!threads_[i].wait.same_place(threads_[0].wait)) {
        fail("thread 0 waits at ", threads_[0].wait.str(), " and thread ", i, " at ", threads_[i].wait.str(),
             ": a barrier in a branch that not all threads take");
      }
    }
    waiting_for_block_ = 0;
    for (unsigned i = 0; i < count_; ++i) go_on(i);
  }

  void release_lanes(unsigned first, const Wait wait) {
    std::vector<unsigned> group;
    for (unsigned l = 0; l < warp_size && first + l < count_; ++l) {
      if ((wait.lanes >> l & 1) == 0) continue;
      const Wait& other = threads_[first + l].wait;
      if (other.what == nullptr || std::strcmp(other.what, wait.what) != 0 || other.lanes != wait.lanes) return;
      group.push_back(first + l);
    }
    for (const unsigned i : group) {
      const unsigned source = first + static_cast<unsigned>(threads_[i].source);
      if (source < count_) threads_[i].received = threads_[source].brought;
    }
    for (const unsigned i : group) go_on(i);
  }

  void check_all_returned() const {
    std::map<std::string, unsigned> waiting;
    unsigned returned = 0;
    for (unsigned i = 0; i < count_; ++i) {
      if (threads_[i].done) {
        ++returned;
      } else {
        ++waiting[threads_[i].wait.str()];
      }
    }
    if (waiting.empty()) return;
    std::ostringstream text;
    text << "a barrier that not all threads reach: of " << count_ << " threads of a block, ";
    for (const auto& [place, number] : waiting) text << number << " wait at " << place << ", ";
    text << returned << " have returned";
    throw std::logic_error(text.str());
  }

  bool shuffled_ = false, running_ = false, in_fiber_ = false;
  std::mt19937_64 random_;
  const std::function<void()>* kernel_ = nullptr;
  unsigned count_ = 0, index_ = 0, warp_ = 0, waiting_for_block_ = 0;
  std::array<std::vector<unsigned>, 32> ready_;  // threads that wait for nothing, by warp
  std::deque<Thread> threads_;
  std::unique_ptr<std::byte[]> shared_;
};

Machine& machine() {
  static Machine only;
  return only;
}

}  // namespace

void seed(std::uint64_t value) { machine().seed(value); }
void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& thread) {
  machine().run(grid, block, shared_bytes, thread);
}
void* shared_memory() { return machine().shared_memory(); }
void meet(const char* what, std::uint32_t lanes, const char* file, int line) {
  machine().wait({what, lanes, file, line});
}
std::uint64_t exchange(const char* what, std::uint32_t lanes, std::uint64_t bits, int source, const char* file,
                       int line) {
  return machine().exchange({what, lanes, file, line}, bits, source);
}
int lane() { return machine().lane(); }
std::size_t draw(std::size_t n) { return machine().draw(n); }
void fill(void* at, int byte, std::size_t bytes) {
  const Memory::Access access(memory());
  std::memset(at, byte, bytes);
}

}  // namespace cuda_on_host

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidValue:
      break;
  }
  return "invalid argument";
}

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  *pointer = cuda_on_host::memory().allocate(bytes);
  return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  return pointer == nullptr || cuda_on_host::memory().release(pointer) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  const cuda_on_host::Memory::Access access(cuda_on_host::memory());
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
