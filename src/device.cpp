#include "g2face/device.hpp"

#include <algorithm>
#include <ostream>

#include "g2face/error.hpp"

namespace g2face {

Device Device::best() { return cpu(); }

Device Device::parse(const std::string& text) {
  if (text == "auto") return best();
  if (text == "cpu") return cpu();
  if (text == "reference") return reference();
  const bool numbered = text.size() > 5 && text.size() <= 8 && text.starts_with("cuda:") &&
                        std::all_of(text.begin() + 5, text.end(), [](char c) { return c >= '0' && c <= '9'; });
  check<DeviceError>(text == "cuda" || numbered, "device '", text,
                     "': expected auto, reference, cpu, cuda or cuda:N (N a number)");
  throw DeviceError(g2face::str("device '", text,
                                "': this build has no CUDA support; build with -DG2FACE_CUDA=ON and the CUDA toolkit"));
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

}  // namespace g2face
