#include "g2face/models/check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "g2face/models/face_model.hpp"
#include "g2face/models/networks.hpp"

namespace g2face {
namespace {

bool has_network(const Parameters& parameters, std::string_view network) {
  const std::string prefix = str(network, "/");
  return std::any_of(parameters.begin(), parameters.end(), [&](const auto& p) { return p.first.starts_with(prefix); });
}

/// What is wrong with the values of one tensor, if anything.
std::string problem_of(const std::string& name, const Tensor& tensor) {
  if (!is_float(tensor.dtype()) || tensor.numel() == 0) return "";
  const Tensor values = tensor.dtype() == DType::f32 ? tensor : tensor.to(DType::f32);
  float largest = 0;
  bool finite = true, negative = false;
  for (const float v : values.as<float>()) {
    finite = finite && std::abs(v) <= std::numeric_limits<float>::max();
    negative = negative || v < 0;
    largest = std::max(largest, std::abs(v));
  }
  if (!finite) return "holds values that are not finite";
  if (name.ends_with("running_var") && negative) return "holds a negative variance";
  if (largest > 1e6F) return str("holds a value of magnitude ", largest, ", which no training gives");
  if (largest == 0 && name.ends_with("conv.weight")) return "is all zero";
  return "";
}

}  // namespace

ModelCheck check_model(const Parameters& parameters, const ModelConfig& config,
                       const std::vector<std::string>& partial) {
  ModelCheck result;
  std::vector<std::string_view> whole;
  for (const std::string_view network : network_names()) {
    if (!has_network(parameters, network)) continue;
    result.networks.emplace_back(network);
    if (std::find(partial.begin(), partial.end(), network) == partial.end()) whole.push_back(network);
  }
  for (const std::string_view network : inference_networks()) {
    if (!has_network(parameters, network)) result.absent.emplace_back(network);
  }
  const std::string mismatch = mismatch_of(parameters, whole, config);
  if (!mismatch.empty()) result.problems.push_back(str("parameters do not fit model '", config.name, "': ", mismatch));
  for (const auto& [name, tensor] : parameters) {
    const std::string problem = problem_of(name, tensor);
    if (!problem.empty()) result.problems.push_back(str(name, ": ", problem));
    parameters.release_pages(tensor);
  }
  if (has_network(parameters, "face_model")) {
    try {
      FaceModel::of(parameters);
    } catch (const CheckpointError& error) {
      result.problems.emplace_back(error.what());
    }
  }
  return result;
}

}  // namespace g2face
