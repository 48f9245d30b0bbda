#pragma once
// Where a plan runs.

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

}  // namespace g2face
