#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct CastAttrs {
  DType dtype = DType::f32;
  bool operator==(const CastAttrs&) const = default;
  std::string str() const;
};

/// Converts the dtype: 16-bit floats round to nearest even, floats to integers truncate. Nothing else ever converts.
/// Gradient: cast back (between floating dtypes; otherwise zero). The reference device rounds to the dtype's values
/// for f16 and bf16 and keeps doubles for f32.
Value cast(Value x, DType dtype);

extern const OpDef cast_op;

}  // namespace g2face
