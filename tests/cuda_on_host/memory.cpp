#include "memory.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include "asan.hpp"

namespace cuda_on_host {
namespace {

constexpr std::size_t alignment = 256;  // also the least distance between two allocations, poisoned
constexpr std::size_t address_space = std::size_t{1} << 36;
constexpr std::size_t page = 4096;
constexpr std::size_t most_released = std::size_t{64} << 20;  // stays out of use, so that late readers are seen

std::size_t rounded_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

// One range of addresses, which the kernel of the host closes and opens as a whole: the cost does not depend on how
// many allocations there are. What lies between them, or was released, is poisoned all the time.
class DeviceMemory {
 public:
  DeviceMemory() {
    void* p = mmap(nullptr, address_space, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) std::abort();
    begin_ = static_cast<std::byte*>(p);
    top_ = begin_ + alignment;
    ASAN_POISON_MEMORY_REGION(begin_, alignment);
  }

  void* allocate(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes > address_space) return nullptr;
    const std::size_t room = rounded_up(bytes, alignment) + alignment;
    std::byte* p = take(room);
    if (p == nullptr) return nullptr;
    live_[p] = bytes;
    open();
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    std::memset(p, 0xff, bytes);
    ASAN_POISON_MEMORY_REGION(p + bytes, room - bytes);
    close();
    return p;
  }

  bool release(void* p) {
    const std::lock_guard lock(mutex_);
    const auto found = live_.find(static_cast<std::byte*>(p));
    if (found == live_.end()) return false;
    const auto [begin, bytes] = *found;
    live_.erase(found);
    const std::size_t room = rounded_up(bytes, alignment) + alignment;
    ASAN_POISON_MEMORY_REGION(begin, room);
    give_back_pages(begin, begin + room);
    released_.emplace_back(begin, room);
    released_bytes_ += room;
    while (released_bytes_ > most_released) {
      const auto [oldest, oldest_room] = released_.front();
      released_.pop_front();
      released_bytes_ -= oldest_room;
      add_free(oldest, oldest_room);
    }
    return true;
  }

  Location location_of(const void* at, std::size_t bytes) {
    const auto* p = static_cast<const std::byte*>(at);
    if (p + bytes <= begin_ || p >= begin_ + address_space) return Location::host;
    const std::lock_guard lock(mutex_);
    auto next = live_.upper_bound(const_cast<std::byte*>(p));
    if (next == live_.begin()) return Location::neither;
    const auto& [begin, size] = *--next;
    return p + bytes <= begin + size ? Location::device : Location::neither;
  }

  void open_for_some_time() {
    const std::lock_guard lock(mutex_);
    open();
  }
  void close_again() {
    const std::lock_guard lock(mutex_);
    close();
  }

 private:
  void open() {
    if (open_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    if (--open_ == 0) protect(PROT_NONE);
  }
  void protect(int protection) {
    const std::size_t bytes = rounded_up(static_cast<std::size_t>(top_ - begin_), page);
    if (mprotect(begin_, bytes, protection) != 0) std::abort();
  }

  std::byte* take(std::size_t room) {
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      const auto [p, size] = *it;
      if (size < room) continue;
      free_.erase(it);
      if (size > room) free_[p + room] = size - room;
      return p;
    }
    if (room > static_cast<std::size_t>(begin_ + address_space - top_)) return nullptr;
    std::byte* p = top_;
    top_ += room;
    if (open_ > 0) protect(PROT_READ | PROT_WRITE);
    return p;
  }

  void add_free(std::byte* p, std::size_t room) {
    auto next = free_.lower_bound(p);
    if (next != free_.end() && p + room == next->first) {
      room += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      auto previous = std::prev(next);
      if (previous->first + previous->second == p) {
        previous->second += room;
        return;
      }
    }
    free_[p] = room;
  }

  void give_back_pages(std::byte* begin, std::byte* end) {
    const auto offset = [&](std::byte* p) { return static_cast<std::size_t>(p - begin_); };
    const std::size_t first = rounded_up(offset(begin), page), last = offset(end) / page * page;
    if (first + 16 * page <= last) madvise(begin_ + first, last - first, MADV_DONTNEED);
  }

  std::mutex mutex_;
  std::byte *begin_ = nullptr, *top_ = nullptr;
  int open_ = 0;
  std::map<std::byte*, std::size_t> live_, free_;  // address -> bytes; with the gap that follows
  std::deque<std::pair<std::byte*, std::size_t>> released_;
  std::size_t released_bytes_ = 0;
};

DeviceMemory& device_memory() {
  static auto* const all = new DeviceMemory;  // outlives static executors
  return *all;
}

}  // namespace

void* allocate_device_memory(std::size_t bytes) { return device_memory().allocate(bytes); }
bool release_device_memory(void* p) { return device_memory().release(p); }
Location location_of(const void* p, std::size_t bytes) { return device_memory().location_of(p, bytes); }
OpenDeviceMemory::OpenDeviceMemory() { device_memory().open_for_some_time(); }
OpenDeviceMemory::~OpenDeviceMemory() { device_memory().close_again(); }

}  // namespace cuda_on_host
