#pragma once
// Checks recorded training: one whole iteration, a small case of two steps, and the schedule of rates.

#include <filesystem>

#include "network_check.hpp"

namespace g2face::golden {

/// One iteration: the anonymizing stage, a step of Adam, the recovering stage, another step, the discriminator's stage
/// with R1, a step. Parameters are updated by plans, as in training. The recovering stage is checked twice, with the
/// weights before and after the first step.
void check_train_step(const std::filesystem::path& tensors, const NetworkFolders& folders,
                      const NetworkOptions& options, CaseResult& result);

/// Two steps of Map2ID and the style network.
void check_train_small(const std::filesystem::path& tensors, const NetworkFolders& folders,
                       const NetworkOptions& options, CaseResult& result);

/// Learning rates by epoch.
void check_schedule(const std::filesystem::path& json, CaseResult& result);

}  // namespace g2face::golden
