#pragma once
// Which builder of the library is a recorded network.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "expression.hpp"
#include "g2face/models/config.hpp"
#include "g2face/nn/scope.hpp"
#include "tolerance.hpp"

namespace g2face::golden {

/// A graph that holds one network, with its inputs.
struct NetworkGraph {
  explicit NetworkGraph(std::string network) : name(std::move(network)), scope(graph, name) {}

  std::string name;
  Graph graph;
  Scope scope;
  ModelConfig config;
  std::map<std::string, Value> inputs;
  Value out;

  Value input(const std::string& input_name, const Shape& shape) {
    return inputs[input_name] = graph.input({DType::f32, shape}, input_name);
  }
};

/// Gives the tensor of an input by its name in the files ("image"); `surroundings` completes the expression.
using InputSource = std::function<Tensor(const std::string& input, Surroundings surroundings)>;
/// Tensors by the names of graph inputs.
using InputTensors = std::map<std::string, Tensor>;

struct NetworkAdapter {
  std::string_view name;  // "generator256" is "generator" and a number
  /// Adds the network to the graph and fetches its inputs.
  void (*build)(NetworkGraph& n, std::int64_t number, const InputSource& source, InputTensors& tensors);
  std::string_view in_model;  // what the network is called in a model
  bool logits = false;        // whose largest absolute error counts too
};

struct FoundNetwork {
  const NetworkAdapter* adapter = nullptr;
  std::int64_t number = 0;  // at the end of the name; 0 if there is none
};
/// A null adapter if the library has no such network.
FoundNetwork find_network(std::string_view name);

}  // namespace g2face::golden
