#include "backend.hpp"

#include <sys/mman.h>

#include <chrono>
#include <cstring>
#include <new>

#include "g2face/error.hpp"

namespace g2face {
namespace {

constexpr std::size_t large = std::size_t{1} << 20;
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t alignment = 64;

/// Large blocks come from the system and go back to it at once, on huge pages where it offers them; a heap would keep
/// what parameters leave behind when they are packed.
class HostBackend final : public Backend {
 public:
  void enter() override {}
  std::byte* allocate(std::size_t bytes) override {
    std::byte* memory = nullptr;
    if (bytes < large) {
      const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
      memory = static_cast<std::byte*>(::operator new (rounded, std::align_val_t{alignment}, std::nothrow));
    } else {
      void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (p != MAP_FAILED) {
        memory = static_cast<std::byte*>(p);
        if (bytes >= 8 * huge_page) ::madvise(p, bytes, MADV_HUGEPAGE);  // advice: a refusal costs speed alone
      }
    }
    check<DeviceError>(memory != nullptr, "out of memory: ", bytes, " bytes were needed");
    return memory;
  }

  void release(std::byte* memory, std::size_t bytes) noexcept override {
    if (bytes < large) {
      ::operator delete (memory, std::align_val_t{alignment});
    } else {
      ::munmap(memory, bytes);
    }
  }

  void forget(std::byte* memory, std::size_t bytes) override {
    if (bytes >= large) ::madvise(memory, bytes, MADV_DONTNEED);  // advice: a refusal costs memory alone
  }

  bool on_host() const override { return true; }
  Stream open_stream() override { return {Device::cpu()}; }
  void close_stream(Stream&) noexcept override {}
  // An empty value has no memory, and memcpy takes no null pointer even for nothing.
  void copy_in(void* to, const void* host, std::size_t bytes, Stream&) override {
    if (bytes > 0) std::memcpy(to, host, bytes);
  }
  void copy_out(void* host, const void* from, std::size_t bytes, Stream&) override {
    if (bytes > 0) std::memcpy(host, from, bytes);
  }
  void fill(void* at, int byte, std::size_t bytes, Stream&) override {
    if (bytes > 0) std::memset(at, byte, bytes);
  }
  void finish(Stream&) override {}
  bool records() const override { return false; }
  std::shared_ptr<void> record(Stream&, std::span<const std::function<void()>>,
                               std::span<const std::vector<int>>) override {
    return nullptr;
  }
  void replay(void*, Stream&) override {}

  std::vector<double> time(Stream&, std::span<const std::function<void()>> work) override {
    std::vector<double> seconds;
    for (const auto& piece : work) {
      const auto start = std::chrono::steady_clock::now();
      piece();
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return seconds;
  }
  std::size_t cache_bytes() override { return 0; }
};

}  // namespace

Backend& backend_of(const Device& device) {
#ifdef G2FACE_WITH_CUDA
  if (device.kind == Device::Kind::cuda) return cuda_backend(device.index);
#endif
  check<DeviceError>(device.kind != Device::Kind::cuda, "device ", device,
                     ": this build has no CUDA support; build with -DG2FACE_CUDA=ON and the CUDA toolkit");
  static HostBackend host;
  return host;
}

#ifndef G2FACE_WITH_CUDA
CudaReport cuda_report() { return {}; }
std::vector<std::pair<std::string, std::string>> cuda_libraries() { return {}; }
#endif

}  // namespace g2face
