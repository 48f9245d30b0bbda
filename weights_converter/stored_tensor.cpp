#include <algorithm>
#include <array>

#include "weights_converter/weight_file.hpp"

namespace g2face::weights {
namespace {

struct TypeRow {
  std::string_view name;
  std::size_t size;
};
constexpr std::array<TypeRow, 13> types{{{"float64", 8},
                                         {"float32", 4},
                                         {"float16", 2},
                                         {"bfloat16", 2},
                                         {"int64", 8},
                                         {"int32", 4},
                                         {"int16", 2},
                                         {"int8", 1},
                                         {"uint64", 8},
                                         {"uint32", 4},
                                         {"uint16", 2},
                                         {"uint8", 1},
                                         {"bool", 1}}};

}  // namespace

std::size_t size_of(ElementType type) { return types[static_cast<std::size_t>(type)].size; }
std::string_view name_of(ElementType type) { return types[static_cast<std::size_t>(type)].name; }

std::size_t StoredTensor::elements() const {
  // A dimension of 0 may stand beside others whose product alone could not be counted.
  if (std::ranges::find(shape, 0) != shape.end()) return 0;
  std::size_t n = 1;
  for (const std::int64_t size : shape) n *= static_cast<std::size_t>(size);
  return n;
}

bool StoredTensor::is_contiguous() const {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

}  // namespace g2face::weights
