#pragma once
// A graph is a list of nodes in the order of their creation, which is a valid order of execution. Builders add nodes;
// nothing is ever removed or changed (a plan prunes what its outputs do not need).

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

#include "g2face/tensor.hpp"

namespace g2face {

class Communicator;
class Graph;
struct Node;
struct OpDef;

/// An output of a node: a small handle, copied freely. Valid while its graph lives.
struct Value {
  Graph* graph = nullptr;
  int node = -1;
  int output = 0;

  explicit operator bool() const { return graph != nullptr; }
  bool operator==(const Value&) const = default;
  const Type& type() const;
  const Shape& shape() const;
  DType dtype() const;
};

/// The settings of a node: any struct with `bool operator==` and `std::string str() const`. str() must tell apart any
/// two settings that differ, since nodes are compared by it.
class Attrs {
 public:
  Attrs() = default;
  template <class T>
  Attrs(T value)  // NOLINT(google-explicit-constructor): settings are written in place of Attrs
      : type_(typeid(T)),
        held_(std::make_shared<T>(std::move(value))),
        str_([](const void* p) { return static_cast<const T*>(p)->str(); }) {}

  template <class T>
  const T& as() const {
    check<GraphError>(type_ == typeid(T), "an op was given the settings of another op");
    return *static_cast<const T*>(held_.get());
  }
  std::string str() const { return held_ ? str_(held_.get()) : std::string(); }

 private:
  std::type_index type_ = typeid(void);
  std::shared_ptr<const void> held_;
  std::string (*str_)(const void*) = nullptr;
};

/// Settings of an op that has none.
struct NoAttrs {
  bool operator==(const NoAttrs&) const = default;
  std::string str() const { return {}; }
};

/// A new value for the parameter of that name, which it takes after a run: running statistics, steps of an optimizer.
struct Update {
  std::string name;
  Value value;
};

struct Node {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<Value> in;
  std::vector<Type> types;  // one for each output
  std::string name;         // where in the model: "generator/convs.3.conv"; may be empty, need not be unique
};

class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;  // values point at their graph
  Graph& operator=(const Graph&) = delete;

  /// A value that the caller sets before each run. Names are unique among inputs.
  Value input(Type type, std::string name);
  /// A value bound by name to a tensor of Parameters. Asking again for a name gives the same value.
  Value parameter(Type type, std::string name);
  /// A value known now.
  Value constant(Tensor tensor);

  /// Adds a node. Throws ShapeError, naming op and node, if the op refuses the input types.
  Value add(const OpDef& op, std::span<const Value> in, Attrs attrs);
  Value add(const OpDef& op, std::initializer_list<Value> in, Attrs attrs) {
    return add(op, std::span(in.begin(), in.size()), std::move(attrs));
  }

  const Node& node(int i) const { return nodes_.at(static_cast<std::size_t>(i)); }
  const Node& node(Value v) const { return node(v.node); }
  int size() const { return static_cast<int>(nodes_.size()); }

  /// Where in the model nodes are being added: the name of nodes to come. Scope sets it.
  std::string path;

  /// Says that several ranks run this graph, each on its part of one batch: what layers and losses compute of a batch
  /// (its statistics, its pairs of images) they then compute of the whole one. Null: this graph has the whole.
  void share_batch(std::shared_ptr<Communicator> ranks) { ranks_ = std::move(ranks); }
  const std::shared_ptr<Communicator>& ranks() const { return ranks_; }

  /// Values by the path of the module that returns them, in call order ("generator/convs.3"). A second call of the
  /// same module is recorded as "path#2".
  void mark(std::string_view module_path, Value value);
  const std::vector<std::pair<std::string, Value>>& marks() const { return marks_; }
  /// Throws GraphError if nothing has that mark.
  Value marked(std::string_view module_path) const;

 private:
  std::deque<Node> nodes_;
  std::map<std::string, Value, std::less<>> inputs_, parameters_;
  std::vector<std::pair<std::string, Value>> marks_;
  std::shared_ptr<Communicator> ranks_;
};

/// Settings of the two kinds of leaf, `input` and `parameter`.
struct LeafAttrs {
  Type type;
  std::string name;
  bool operator==(const LeafAttrs&) const = default;
  std::string str() const { return name + " " + type.str(); }
};
/// Settings of the leaf `constant`.
struct ConstantAttrs {
  Tensor tensor;
  bool operator==(const ConstantAttrs& o) const { return tensor.data() == o.tensor.data(); }
  std::string str() const;
};
extern const OpDef input_op, parameter_op, constant_op;

inline bool is_leaf(const Node& n) { return n.op == &input_op || n.op == &parameter_op || n.op == &constant_op; }

}  // namespace g2face
