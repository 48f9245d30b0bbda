#include "g2face/version.hpp"

#include "revision.hpp"

namespace g2face {

std::string_view version() { return G2FACE_VERSION; }
std::string_view revision() { return G2FACE_REVISION; }
std::string_view compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#else
  return "GCC " __VERSION__;
#endif
}

}  // namespace g2face
