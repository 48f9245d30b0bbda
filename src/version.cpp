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
std::string_view onednn_version() { return G2FACE_ONEDNN_VERSION; }
std::string_view instruction_sets() {
#if defined(__x86_64__)
  return "x86-64, AVX2, AVX-512";
#else
  return "this processor's base instructions";
#endif
}

}  // namespace g2face
