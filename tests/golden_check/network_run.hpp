#pragma once
// Runs recorded networks: weights from manifests, pictures from files.

#include <filesystem>
#include <memory>
#include <string>

#include "g2face/plan/executor.hpp"
#include "network_adapters.hpp"
#include "network_check.hpp"
#include "weights.hpp"

namespace g2face::golden {

/// What golden files call "the real image": the picture that the flow beside them names, or the only one of 256x256.
/// Throws FormatError or ImageError.
Tensor real_image(const NetworkFolders& folders, const std::filesystem::path& beside);

/// Plans and runs. Values given twice are computed once.
Executor prepare(const Graph& graph, const std::vector<Value>& outputs, const Weights& weights,
                 const Arithmetic& arithmetic);
void set_inputs(Executor& executor, const NetworkGraph& n, const InputTensors& tensors);

}  // namespace g2face::golden
