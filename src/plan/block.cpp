#include "plan/block.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

#include "g2face/error.hpp"

namespace g2face {

namespace {
constexpr std::size_t large = std::size_t{1} << 20;
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t alignment = 64;
}  // namespace

Block::Block(std::size_t bytes) {
  if (bytes == 0) return;
  if (bytes < large) {
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    data_ = static_cast<std::byte*>(::operator new (rounded, std::align_val_t{alignment}, std::nothrow));
  } else {
    void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED) {
      data_ = static_cast<std::byte*>(p);
      mapped_ = bytes;
      if (bytes >= 8 * huge_page) ::madvise(p, bytes, MADV_HUGEPAGE);  // advice: a refusal costs speed alone
    }
  }
  check<DeviceError>(data_ != nullptr, "out of memory: ", bytes, " bytes were needed");
}

Block::Block(Block&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), mapped_(std::exchange(other.mapped_, 0)) {}

Block& Block::operator=(Block&& other) noexcept {
  if (this != &other) {
    free();
    data_ = std::exchange(other.data_, nullptr);
    mapped_ = std::exchange(other.mapped_, 0);
  }
  return *this;
}

void Block::release_pages() {
  if (mapped_ > 0) ::madvise(data_, mapped_, MADV_DONTNEED);  // advice: a refusal costs memory alone
}

void Block::free() {
  if (mapped_ > 0) {
    ::munmap(data_, mapped_);
  } else if (data_ != nullptr) {
    ::operator delete (data_, std::align_val_t{alignment});
  }
}

}  // namespace g2face
