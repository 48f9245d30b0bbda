#pragma once
// What `g2face-convert inspect` shows of a file.

#include <iosfwd>

#include "weights_converter/weight_file.hpp"

namespace g2face::weights {

/// {"file", "format", "tensors": [{"name", "dtype", "shape", "strides", "storage_offset", "parameter", "sha256",
/// "first8"}]} on one line. The hash is of the values as WeightFile::read gives them; what JSON has no number for is
/// "inf", "-inf" or "nan".
void inspect_json(const WeightFile& file, std::ostream& out);
/// The same for people: a line for each tensor, and one that adds up.
void inspect_table(const WeightFile& file, std::ostream& out);

}  // namespace g2face::weights
