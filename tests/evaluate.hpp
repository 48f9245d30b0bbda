#pragma once
// Runs small graphs on the reference device.

#include <cstdint>
#include <utility>
#include <vector>

#include "g2face/plan/executor.hpp"

namespace g2face::testing {

using Feeds = std::vector<std::pair<Value, Tensor>>;

inline std::vector<Tensor> evaluate(const std::vector<Value>& outputs, const Feeds& feeds) {
  Executor executor(plan(*outputs.front().graph, outputs, {.device = Device::reference()}));
  for (const auto& [input, tensor] : feeds) executor.set(input, tensor);
  executor.run();
  std::vector<Tensor> results;
  for (const Value& v : outputs) results.push_back(executor.get(v));
  return results;
}
inline Tensor evaluate(Value output, const Feeds& feeds) { return evaluate(std::vector{output}, feeds)[0]; }

/// f64 numbers in [low, high), the same in every run (splitmix64).
inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, double low = -1, double high = 1) {
  Tensor t({DType::f64, shape});
  std::uint64_t state = seed * 0x9E3779B97F4A7C15u;
  for (double& v : t.mutable_as<double>()) {
    std::uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    v = low + (high - low) * static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  return t;
}

/// A graph that owns the numbers of its inputs.
struct Bench {
  Graph graph;
  Feeds feeds;

  Value feed(const Tensor& tensor) {
    const Value v = graph.input(tensor.type(), str("input", feeds.size()));
    feeds.emplace_back(v, tensor);
    return v;
  }
  /// A new input of random numbers.
  Value random(const Shape& shape, double low = -1, double high = 1) {
    return feed(random_tensor(shape, feeds.size() + 1, low, high));
  }
  Tensor run(Value v) const { return evaluate(v, feeds); }
  /// Of a value with one element.
  double number(Value v) const { return run(v).item(); }
};

}  // namespace g2face::testing
