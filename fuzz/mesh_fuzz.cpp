// Whatever the bytes are, reading them as OBJ gives triangles of vertices that exist, or a MeshError of one line.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "g2face/mesh.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const g2face::MeshData mesh = g2face::parse_obj({data, size}, "fuzz");
    for (const std::int32_t v : mesh.triangles.as<std::int32_t>()) {
      if (v < 0 || v >= mesh.positions.shape()[0]) std::abort();
    }
  } catch (const g2face::MeshError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
