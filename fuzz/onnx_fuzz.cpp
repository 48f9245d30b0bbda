// ONNX models. The folder of the model does not exist, so no other file is opened.

#include <cstddef>
#include <cstdint>

#include "weights.hpp"
#include "weights_converter/formats.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  g2face::fuzz::open_and_read([&] { return g2face::weights::open_onnx({nullptr, {data, size}}, "no folder/fuzz"); });
  return 0;
}
