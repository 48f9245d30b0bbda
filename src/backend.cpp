#include "backend.hpp"

#include <chrono>
#include <cstring>

#include "g2face/error.hpp"
#include "host_memory.hpp"

namespace g2face {
namespace {

class HostBackend final : public Backend {
 public:
  void enter() override {}
  std::byte* allocate(std::size_t bytes) override {
    std::byte* memory = allocate_host(bytes);
    check<DeviceError>(memory != nullptr, "out of memory: ", bytes, " bytes were needed");
    return memory;
  }
  void release(std::byte* memory, std::size_t bytes) noexcept override { release_host(memory, bytes); }
  void forget(std::byte* memory, std::size_t bytes) override { forget_host(memory, bytes); }
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
