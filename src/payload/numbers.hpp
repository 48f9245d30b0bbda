#pragma once
// Numbers that are the same on every machine: what the format's fixed tables are drawn with. Nothing secret.

#include <cstddef>
#include <cstdint>

namespace g2face::payload {

/// SplitMix64 (Steele, Lea and Flood, 2014) from 0.
class FixedNumbers {
 public:
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 .. n - 1; n below 2^32.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(((next() >> 32) * n) >> 32); }

 private:
  std::uint64_t state_ = 0;
};

}  // namespace g2face::payload
