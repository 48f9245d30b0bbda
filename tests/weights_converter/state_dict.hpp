#pragma once
// State dicts as torch.save writes them.

#include <string>
#include <utility>
#include <vector>

#include "g2face/tensor.hpp"
#include "weights_converter/pickle_builder.hpp"

namespace g2face::test {

/// Collects the storages of an archive while its pickle is written.
struct SavedTensors {
  std::vector<std::string> storages;  // keys and bytes in turn, as torch_zip() takes them

  /// A tensor that is the whole of its storage.
  std::string tensor(const Tensor& t) {
    const std::string key = std::to_string(storages.size() / 2);
    std::vector<std::int64_t> shape(t.shape().begin(), t.shape().end()), strides(shape.size());
    std::int64_t stride = 1;
    for (std::size_t axis = shape.size(); axis-- > 0; stride *= shape[axis]) strides[axis] = stride;
    storages.push_back(key);
    storages.emplace_back(static_cast<const char*>(t.data()), t.bytes());
    const char* type = t.dtype() == DType::i64 ? "LongStorage" : "FloatStorage";
    return pickled::tensor(pickled::storage(type, key, t.numel()), 0, shape, strides);
  }
  template <class Entries>
  std::string dict(const Entries& tensors) {
    std::vector<std::string> items;
    for (const auto& [name, t] : tensors) {
      items.push_back(pickled::text(name));
      items.push_back(tensor(t));
    }
    return pickled::dict(items);
  }
};

}  // namespace g2face::test
