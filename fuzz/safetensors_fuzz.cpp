// Whatever the bytes are, reading them gives tensors that can be read to their ends, or a CheckpointError of one line.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "g2face/parameters.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const g2face::Parameters parameters = g2face::parse_safetensors({data, size}, "fuzz");
    std::size_t bytes = 0;
    unsigned sum = 0;
    for (const auto& [name, tensor] : parameters) {
      const auto* begin = static_cast<const std::uint8_t*>(tensor.data());
      for (std::size_t i = 0; i < tensor.bytes(); ++i) sum += begin[i];
      bytes += tensor.bytes();
    }
    volatile unsigned used = sum;
    static_cast<void>(used);
    if (bytes > size) std::abort();  // ranges neither overlap nor leave the file
  } catch (const g2face::CheckpointError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
