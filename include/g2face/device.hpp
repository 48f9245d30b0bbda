#pragma once
// Where a plan runs, and how exactly.

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace g2face {

/// `reference`: obvious loops in double, for checking. `cpu`: the fast path of the host. `cuda`: one NVIDIA GPU.
struct Device {
  enum class Kind : std::uint8_t { reference, cpu, cuda };
  Kind kind = Kind::cpu;
  int index = 0;

  static Device reference() { return {Kind::reference, 0}; }
  static Device cpu() { return {Kind::cpu, 0}; }
  static Device cuda(int index = 0) { return {Kind::cuda, index}; }
  /// The fastest device that this build can use on this machine.
  static Device best();
  /// The CUDA devices that this build can use on this machine; 0 in a build without CUDA.
  static int cuda_count();
  /// "auto", "reference", "cpu", "cuda" or "cuda:N". Throws DeviceError for anything else or for a device that this
  /// build or machine lacks, saying which.
  static Device parse(const std::string& text);

  bool operator==(const Device&) const = default;
  std::string str() const;
};

std::ostream& operator<<(std::ostream& out, const Device& device);

/// An ordered queue of work on a device. On the host work is done when a call returns.
struct Stream {
  Device device;
  void* handle = nullptr;
};

/// `run_to_run`: the same input on the same machine with the same thread count gives the same bits.
enum class Determinism : std::uint8_t { run_to_run, none };

/// `strict`: plain f32 algorithms. `fast`: f32 storage, algorithms that round a little more (Winograd) are allowed.
/// `tf32` (CUDA): f32 storage, convolutions and matrix products round their inputs to 11 bits.
/// `bf16`: convolutions and matrix products may round their inputs to bfloat16; on CUDA features are stored so as well.
/// `f16` (CUDA): the same with float16. Sums are f32 in all of them.
enum class Precision : std::uint8_t { strict, fast, bf16, tf32, f16 };
/// "strict", "fast", "bf16", "tf32" or "f16".
std::string_view name_of(Precision precision);
/// The precision of that name. Throws Error for any other text.
Precision parse_precision(std::string_view name);
/// Whether plans for the device can be made in that precision: tf32 and f16 are CUDA's alone.
bool offers(const Device& device, Precision precision);

}  // namespace g2face
