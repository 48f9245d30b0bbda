#pragma once
// Where a plan runs, and how exactly.

#include <cstdint>
#include <iosfwd>
#include <string>

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
/// `bf16`: convolutions and matrix products may round their inputs to bfloat16; sums stay f32.
enum class Precision : std::uint8_t { strict, fast, bf16 };

}  // namespace g2face
