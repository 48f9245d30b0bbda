#pragma once
// Checks the recorded run of the reference's test program: a photo is anonymized and recovered.

#include <filesystem>

#include "network_check.hpp"

namespace g2face::golden {

/// Whether the file holds such a run. Throws if it cannot be read.
bool is_flow(const std::filesystem::path& tensors);

/// Each step goes on from what the library computed in the step before, except that the recorded bits and decoded
/// floats are used (the lowest bits of a float depend on the order of summation). Adds findings to `result`, and in
/// rough arithmetic a note of what they mean: quality of pictures, likeness of identities, wrong bits.
void check_flow(const std::filesystem::path& tensors, const NetworkFolders& folders, const NetworkOptions& options,
                CaseResult& result);

}  // namespace g2face::golden
