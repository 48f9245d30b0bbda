#pragma once
// What the normalisations and layers share.

#include <vector>

#include "g2face/ops/reshape.hpp"

namespace g2face {

/// v [C] in a shape that broadcasts over x [N,C,...]: [C,1,...].
inline Value per_channel(Value v, const Shape& x) {
  std::vector<std::int64_t> dims(static_cast<std::size_t>(x.rank() - 1), 1);
  dims[0] = x[1];
  return reshape(v, Shape(dims));
}

}  // namespace g2face
