#pragma once

#include "g2face/graph/graph.hpp"

namespace g2face {

/// Changes the physical layout and nothing else. Plans insert it where neighbours disagree; in a graph it is the
/// identity. Its signature's layouts say from what to what. Any dtype.  R1: x has rank 4. Gradient: identity.
Value reorder(Value x);

extern const OpDef reorder_op;

}  // namespace g2face
