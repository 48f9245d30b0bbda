#include "g2face/device.hpp"

#include <algorithm>
#include <array>
#include <ostream>

#include "backend.hpp"
#include "g2face/error.hpp"

namespace g2face {

// What runs on the host under emulation is for tests, and never the best.
Device Device::best() {
#ifndef G2FACE_CUDA_EMULATED
  if (cuda_count() > 0) return cuda();
#endif
  return cpu();
}

int Device::cuda_count() {
#ifdef G2FACE_WITH_CUDA
  return cuda_device_count();
#else
  return 0;
#endif
}

Device Device::parse(const std::string& text) {
  if (text == "auto") return best();
  if (text == "cpu") return cpu();
  if (text == "reference") return reference();
  const bool numbered = text.size() > 5 && text.size() <= 8 && text.starts_with("cuda:") &&
                        std::all_of(text.begin() + 5, text.end(), [](char c) { return c >= '0' && c <= '9'; });
  check<DeviceError>(text == "cuda" || numbered, "device '", text,
                     "': expected auto, reference, cpu, cuda or cuda:N (N a number)");
  const Device device = cuda(numbered ? std::stoi(text.substr(5)) : 0);
  backend_of(device);  // says what is missing
  return device;
}

std::string Device::str() const {
  switch (kind) {
    case Kind::reference:
      return "reference";
    case Kind::cpu:
      return "cpu";
    case Kind::cuda:
      break;
  }
  return g2face::str("cuda:", index);
}

std::ostream& operator<<(std::ostream& out, const Device& device) { return out << device.str(); }

namespace {
constexpr std::array<std::string_view, 5> precision_names{"strict", "fast", "bf16", "tf32", "f16"};
}

std::string_view name_of(Precision precision) { return precision_names.at(static_cast<std::size_t>(precision)); }

Precision parse_precision(std::string_view name) {
  const auto* const found = std::find(precision_names.begin(), precision_names.end(), name);
  check<Error>(found != precision_names.end(), "precision '", name, "': expected strict, fast, bf16, tf32 or f16");
  return static_cast<Precision>(found - precision_names.begin());
}

bool offers(const Device& device, Precision precision) {
  return device.kind == Device::Kind::cuda || (precision != Precision::tf32 && precision != Precision::f16);
}

}  // namespace g2face
