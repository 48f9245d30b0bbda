#include "host_memory.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "under_asan.hpp"

namespace g2face {
namespace {

#ifdef G2FACE_UNDER_ASAN
constexpr std::size_t large = SIZE_MAX;  // the sanitizer sees accesses beyond its own blocks alone
#else
constexpr std::size_t large = std::size_t{1} << 20;
#endif
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::align_val_t alignment{64};

}  // namespace

std::byte* allocate_host(std::size_t bytes) noexcept {
  if (bytes < large) return static_cast<std::byte*>(::operator new(bytes, alignment, std::nothrow));
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  if (bytes >= 8 * huge_page) ::madvise(p, bytes, MADV_HUGEPAGE);  // advice: a refusal costs speed alone
  return static_cast<std::byte*>(p);
}

void release_host(std::byte* memory, std::size_t bytes) noexcept {
  if (bytes < large) {
    ::operator delete(memory, alignment);
  } else {
    ::munmap(memory, bytes);
  }
}

void forget_host(std::byte* memory, std::size_t bytes) noexcept {
  if (bytes >= large) ::madvise(memory, bytes, MADV_DONTNEED);  // advice: a refusal costs memory alone
}

}  // namespace g2face
