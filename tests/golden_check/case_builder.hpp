#pragma once
// What an adapter sees of a case: inputs as graph inputs, parameters through a Scope, attributes.

#include <map>
#include <string>
#include <vector>

#include "g2face/nn/scope.hpp"
#include "op_file.hpp"

namespace g2face::golden {

/// A result of an adapter: a value of the graph, or numbers that need no graph. `expected` replaces the recorded
/// tensor where that depends on the platform it was made on.
struct Output {
  Output() = default;
  Output(Value v) : value(v) {}  // NOLINT(google-explicit-constructor): adapters return lists of values

  Value value;
  Tensor tensor, expected;
};
/// Results by the name of the recorded output. The name "" stands for the only output that is recorded.
using Outputs = std::map<std::string, Output>;

inline Outputs only(Value value) { return {{"", value}}; }

class CaseBuilder {
 public:
  CaseBuilder(const OpCase& golden, Graph& graph);

  /// The graph input of that name, f32 also where the recorded one holds bits. Throws FormatError if there is none.
  Value input(const std::string& name);
  bool has_input(const std::string& name) const;
  /// The only input of the case, whatever its name.
  Value only_input();

  /// The module under test. In training mode if the attribute `train` or `mode` says so.
  const Scope& scope() const { return scope_; }
  /// Extent of an axis of a recorded parameter.
  std::int64_t param_extent(const std::string& key, int axis) const;
  bool has_param(const std::string& key) const { return case_.has("param." + key); }

  /// Makes a tensor the value of the parameter of that name, which the case does not record.
  void lend(const std::string& key, const Tensor& tensor) { lent_.insert_or_assign(key, tensor); }
  /// What was lent; an empty tensor if nothing was.
  Tensor lent(const std::string& key) const;

  std::int64_t integer(const char* key) const;
  double number(const char* key) const;
  bool flag(const char* key, bool otherwise) const;
  std::string text(const char* key) const;  // empty for null
  std::vector<std::int64_t> integers(const char* key, std::size_t count) const;
  std::vector<double> numbers(const char* key) const;
  /// Throws FormatError unless the attribute is absent or has this value, the only one that exists in the library.
  void require(const char* key, double value) const;

  const OpCase& golden() const { return case_; }
  Graph& graph() const { return graph_; }
  /// The inputs asked for, and their tensors.
  const std::map<std::string, std::pair<Value, Tensor>>& inputs() const { return inputs_; }

 private:
  const nlohmann::json& attribute(const char* key) const;

  const OpCase& case_;
  Graph& graph_;
  Scope scope_;
  std::map<std::string, std::pair<Value, Tensor>> inputs_;
  std::map<std::string, Tensor> lent_;
};

}  // namespace g2face::golden
