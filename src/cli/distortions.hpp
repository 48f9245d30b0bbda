#pragma once
// What happens to pictures on their way: what `g2face attack` does to anonymized ones before it reads them.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "g2face/tensor.hpp"

namespace g2face::cli {

/// Takes and gives an image [1,3,H,W] in -1..1 of 8-bit values. `seed` decides what is random.
struct Distortion {
  std::string name;
  std::function<Tensor(const Tensor& image, std::uint64_t seed)> apply;
};

/// JPEG 95, 90, 75; twice and half the size and back; a border cut off and the rest enlarged; blur; noise.
std::vector<Distortion> distortions();

}  // namespace g2face::cli
