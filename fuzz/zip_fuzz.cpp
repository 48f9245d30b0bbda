// PyTorch's zip archives. Checksums are what a fuzzer cannot guess, so most of what it finds is in the archive's own
// structure; pickle_fuzz looks behind it.

#include <cstddef>
#include <cstdint>

#include "weights.hpp"
#include "weights_converter/formats.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  g2face::fuzz::open_and_read([&] { return g2face::weights::open_torch_zip({nullptr, {data, size}}, "fuzz"); });
  return 0;
}
