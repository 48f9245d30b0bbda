#include "io/library_versions.hpp"

#include <cstddef>
#include <cstdio>
// libjpeg's header needs the two above.
#include <jpeglib.h>
#include <png.h>
#include <sodium.h>

#include <nlohmann/json.hpp>

#include "g2face/error.hpp"
#include "g2face/version.hpp"

namespace g2face::io {

std::vector<std::pair<std::string, std::string>> library_versions() {
  std::string jpeg = str(JPEG_LIB_VERSION / 10, ".", JPEG_LIB_VERSION % 10);
#if defined(LIBJPEG_TURBO_VERSION_NUMBER)
  constexpr int turbo = LIBJPEG_TURBO_VERSION_NUMBER;
  jpeg = str("turbo ", turbo / 1000000, ".", turbo / 1000 % 1000, ".", turbo % 1000);
#endif
  return {{"oneDNN", std::string(onednn_version())},
          {"libpng", png_get_libpng_ver(nullptr)},
          {"libjpeg", jpeg},
          {"libsodium", sodium_version_string()},
          {"nlohmann/json",
           str(NLOHMANN_JSON_VERSION_MAJOR, ".", NLOHMANN_JSON_VERSION_MINOR, ".", NLOHMANN_JSON_VERSION_PATCH)}};
}

}  // namespace g2face::io
