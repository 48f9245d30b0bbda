#pragma once
// Where we are in a model while building it: names, parameters, training or not.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/graph/graph.hpp"
#include "g2face/parameters.hpp"

namespace g2face {

/// How a parameter starts its life, and whether it is one: buffers are never trained.
struct Init {
  enum class Kind : std::uint8_t { constant, normal, uniform, values };
  Kind kind = Kind::constant;
  double a = 0;  // constant: the value; normal: standard deviation; uniform: half width about zero
  bool buffer = false;
  Tensor values = {};  // kind values
  DType dtype = DType::f32;
};
namespace init {
inline Init zeros() { return {}; }
inline Init ones() { return {.kind = Init::Kind::constant, .a = 1}; }
inline Init constant(double v) { return {.kind = Init::Kind::constant, .a = v}; }
inline Init normal(double stddev = 1) { return {.kind = Init::Kind::normal, .a = stddev}; }
inline Init uniform(double half_width) { return {.kind = Init::Kind::uniform, .a = half_width}; }
/// A buffer that keeps these values (a blur kernel, a counter).
inline Init buffer(Tensor values) {
  const DType dtype = values.dtype();
  return {.kind = Init::Kind::values, .a = 0, .buffer = true, .values = std::move(values), .dtype = dtype};
}
inline Init as_buffer(Init i) {
  i.buffer = true;
  return i;
}
}  // namespace init

/// A parameter that a model declares.
struct Declared {
  std::string name;
  Type type;
  Init init;
  Value value;
  bool trainable = true;
};
class Scope {
 public:
  /// The root of a network: "generator" makes names "generator/convs.3.conv.weight". An empty name makes
  /// "convs.3.conv.weight".
  Scope(Graph& graph, std::string_view network);

  /// One level down: generator / "convs" / 3  ->  "generator/convs.3".
  Scope operator/(std::string_view child) const;
  Scope operator/(int child) const;

  /// Declares a parameter where it is used; its name is its path. Declaring it again with the same type gives the
  /// same value; with another type throws GraphError.
  Value param(std::string_view name, const Shape& shape, Init init) const;
  /// Declares that after a run the parameter takes this value.
  void update(Value param, Value new_value) const;
  /// Marks the value as what the module at this path returns, and returns it.
  Value result(Value value) const;

  /// The same place, with parameters that are not trained.
  Scope frozen() const;
  /// The same place, in training mode (batch statistics).
  Scope in_training(bool training = true) const;
  bool training() const { return training_; }

  Graph& graph() const;
  const std::string& path() const { return path_; }

  /// All that has been declared under the same root so far, in order of declaration.
  const std::vector<Declared>& declared() const;
  const std::vector<Update>& updates() const;
  /// The values of declared trainable parameters whose names begin with `prefix`.
  std::vector<Value> trainable(std::string_view prefix = {}) const;

 private:
  struct Root;
  std::shared_ptr<Root> root_;
  std::string path_;
  bool training_ = false;
  bool frozen_ = false;
};

/// Fresh tensors for everything declared; random ones are Philox numbers of (seed, name), the same everywhere.
Parameters initial_parameters(std::span<const Declared> declared, std::uint64_t seed);

}  // namespace g2face
