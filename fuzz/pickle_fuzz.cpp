// PyTorch's old format, which is five pickles and the storages; and each input as one pickle.

#include <cstddef>
#include <cstdint>

#include "weights.hpp"
#include "weights_converter/formats.hpp"
#include "weights_converter/torch_tree.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace g2face;
  fuzz::open_and_read([&] { return weights::open_torch_legacy({nullptr, {data, size}}, "fuzz"); });
  try {
    weights::named_tensors(weights::pickle::read({data, size}, "fuzz"), "fuzz");
  } catch (const weights::WeightFileError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
