#pragma once

#include "g2face/graph/graph.hpp"

namespace g2face {

/// Chooses elements by a condition.
///   y = c != 0 ? a : b        c, a, b broadcast by NumPy's rule
/// R1: c, a, b have the same floating dtype.  R2: their shapes broadcast.
/// Gradient: to a and b, closed; none to c. Bitwise reproducible. A value that is not chosen has no influence, even
/// when it is not finite.
Value select(Value c, Value a, Value b);

extern const OpDef select_op;

}  // namespace g2face
