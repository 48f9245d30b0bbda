#pragma once
// What the fuzzers of weight files have in common.

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "weights_converter/weight_file.hpp"

namespace g2face::fuzz {

/// Whatever `open` is given: every tensor that a file says it has can be read, or there is a WeightFileError of one
/// line.
template <class Open>
void open_and_read(Open open) {
  try {
    const auto file = open();
    std::vector<std::byte> values;
    for (const weights::StoredTensor& tensor : file->tensors()) {
      values.resize(tensor.bytes());
      file->read(tensor, values);
      const auto shown = file->in_place(tensor);
      if (!shown.empty() && !std::ranges::equal(shown, values)) std::abort();
    }
  } catch (const weights::WeightFileError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
}

}  // namespace g2face::fuzz
