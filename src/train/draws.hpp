#pragma once
// Random choices for each sample of a batch, as functions of its seed.

#include <string_view>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// A number in 0..1 for each seed, [N,1]: what the first two normal numbers of a stream were made of.
Value uniform(Value seeds, std::string_view stream);

/// For a share of the samples what became of them, for the others what they were.   changed, before [N,...]
Value some(double share, Value seeds, std::string_view stream, Value changed, Value before);

}  // namespace g2face
