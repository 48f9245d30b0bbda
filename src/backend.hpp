#pragma once
// What an executor needs of a device: memory, copies, a queue, and the recording of what was queued.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "g2face/device.hpp"

namespace g2face {

class Communicator;

class Backend {
 public:
  virtual ~Backend() = default;

  /// What this thread plans and queues from now on is for this device.
  virtual void enter() = 0;
  /// Memory, aligned for every kernel. Throws DeviceError when there is not enough.
  virtual std::byte* allocate(std::size_t bytes) = 0;
  virtual void release(std::byte* memory, std::size_t bytes) noexcept = 0;
  /// The contents are not needed any more; the address stays.
  virtual void forget(std::byte* memory, std::size_t bytes) = 0;
  /// Whether the host may read and write the memory.
  virtual bool on_host() const = 0;

  virtual Stream open_stream() = 0;
  virtual void close_stream(Stream& stream) noexcept = 0;
  /// Copies between the device and host memory, in the order of the stream; the host memory is free when they return.
  virtual void copy_in(void* to, const void* host, std::size_t bytes, Stream& stream) = 0;
  virtual void copy_out(void* host, const void* from, std::size_t bytes, Stream& stream) = 0;
  virtual void fill(void* at, int byte, std::size_t bytes, Stream& stream) = 0;
  /// Waits for all that was queued, and throws DeviceError if any of it failed.
  virtual void finish(Stream& stream) = 0;

  /// Whether the device records work, to be queued again as a whole; otherwise it is queued piece by piece.
  virtual bool records() const = 0;
  /// Records pieces of work, each of which may begin when those in `after` (by index, all smaller) have ended.
  virtual std::shared_ptr<void> record(Stream& stream, std::span<const std::function<void()>> work,
                                       std::span<const std::vector<int>> after) = 0;
  virtual void replay(void* recording, Stream& stream) = 0;
  /// The seconds that each piece of work took, queued one after the other.
  virtual std::vector<double> time(Stream& stream, std::span<const std::function<void()>> work) = 0;
  /// What a run may still find in the cache that all of the device shares; 0: not known.
  virtual std::size_t cache_bytes() = 0;
  /// Lets ranks send each other what lies in memory of this device, and of others, past the host, if they can
  /// (Communicator::on_device). All of them call it at the same time.
  virtual void connect(Communicator&) {}
};

/// Throws DeviceError for a device that this build or machine lacks, saying which and why.
Backend& backend_of(const Device& device);

/// What there is of CUDA, for people.
struct CudaReport {
  bool in_build = false;
  std::string architectures;    // that kernels were compiled for
  std::string runtime, driver;  // versions: "12.4"; no driver: "none"
  struct Gpu {
    std::string name, architecture;  // "NVIDIA H100 80GB HBM3", "sm_90"
    double gib = 0;                  // of memory
  };
  std::vector<Gpu> gpus;
};
CudaReport cuda_report();
/// Name and version of each library beside CUDA's own that this build can use: {"cuDNN", "9.1.0"}, "none" where it is
/// not installed. Asking loads them.
std::vector<std::pair<std::string, std::string>> cuda_libraries();

#ifdef G2FACE_WITH_CUDA
Backend& cuda_backend(int index);
/// 0 when there is no driver.
int cuda_device_count();
#endif

}  // namespace g2face
