#pragma once
// The smallest model that has every part of the real one, and a shorthand to run it.

#include <string>
#include <utility>
#include <vector>

#include "g2face/models/config.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/models/reference_fill.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face::tests {

inline ModelConfig tiny_config() {
  ModelConfig c = ModelConfig::preset("g2face-slim-64");
  c.name = "tiny";
  c.resolution = 16;
  c.channels = {{4, 8}, {8, 8}, {16, 4}};
  c.style_dim = 8;
  c.identity_dim = 6;
  c.style_bands = {2, 2, 2};
  c.extractor_width = 4;
  c.extractor_blocks = 2;
  c.arcface_width = 2;
  c.arcface_size = 32;
  c.recon_width = 2;
  c.lpips_width = 2;
  c.validate();
  return c;
}

/// A graph under construction with the tensors of its inputs.
struct Experiment {
  Graph graph;
  std::vector<std::pair<Value, Tensor>> inputs;

  Value input(const std::string& name, const Shape& shape) {
    inputs.emplace_back(graph.input({DType::f32, shape}, name), fill("tests/" + name, shape));
    return inputs.back().first;
  }
  Value input(const std::string& name, Tensor tensor) {
    inputs.emplace_back(graph.input(tensor.type(), name), std::move(tensor));
    return inputs.back().first;
  }

  std::vector<Tensor> run(const Parameters& parameters, const std::vector<Value>& outputs,
                          Device device = Device::reference()) const {
    Executor executor(plan(graph, outputs, {.device = device, .precision = Precision::strict}), &parameters);
    for (const auto& [value, tensor] : inputs) executor.set(value, tensor);
    executor.run();
    std::vector<Tensor> results;
    for (const Value& v : outputs) results.push_back(executor.get(v).to(DType::f64));
    return results;
  }
};

}  // namespace g2face::tests
