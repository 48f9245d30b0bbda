#pragma once
// The tensors of a pickle, named by the keys that lead to them.

#include "weights_converter/pickle.hpp"

namespace g2face::weights {

/// In the order of the pickle. Dicts, lists and tuples are looked into. Throws WeightFileError, beginning with `where`,
/// if they are nested too deep (or in themselves), or keys cannot be told apart.
std::vector<StoredTensor> named_tensors(const pickle::Pickle& pickle, const std::string& where);

}  // namespace g2face::weights
