#pragma once
// Lists of parameters with a rule for each value, beside the recorded results of the reference.

#include <string>
#include <vector>

#include "g2face/parameters.hpp"

namespace g2face {

/// The names of a manifest, in its order.
std::vector<std::string> manifest_names(const std::string& path);

/// Makes the tensors of a manifest; each is named `prefix` + its name. A manifest is a JSON list of objects with
/// "name", "shape", "dtype" (float32, int64), "kind" (param, buffer) and
///   "fill": "uniform", "fill_name", "fill_scale", "fill_offset": see fill()
///   "fill": "constant", "values": all elements
///   "alias_of": the tensor of an earlier entry, which is shared.
/// Throws CheckpointError naming the file, the entry and what is wrong.
Parameters load_manifest(const std::string& path, const std::string& prefix = "");

}  // namespace g2face
