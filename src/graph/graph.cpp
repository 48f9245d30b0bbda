#include "g2face/graph/graph.hpp"

#include <cstdint>

#include "g2face/graph/op.hpp"

namespace g2face {

const Type& Value::type() const {
  check<GraphError>(graph != nullptr, "a value that belongs to no graph was used");
  return graph->node(node).types.at(static_cast<std::size_t>(output));
}
const Shape& Value::shape() const { return type().shape; }
DType Value::dtype() const { return type().dtype; }

std::string ConstantAttrs::str() const {
  return g2face::str(tensor.type().str(), " at ", reinterpret_cast<std::uintptr_t>(tensor.data()));
}

namespace {

Types infer_leaf(const LeafAttrs& a, std::span<const Type>) { return {a.type}; }
Types infer_constant(const ConstantAttrs& a, std::span<const Type>) { return {a.tensor.type()}; }
// Leaves are read from memory, never computed.
template <class A>
void no_grad(GradRule&, const A&) {}
template <class A>
void no_loops(const A&, const ReferenceArgs&) {}

}  // namespace

const OpDef input_op = define_op<LeafAttrs, infer_leaf, no_grad, no_loops>("input");
const OpDef parameter_op = define_op<LeafAttrs, infer_leaf, no_grad, no_loops>("parameter");
const OpDef constant_op = define_op<ConstantAttrs, infer_constant, no_grad, no_loops>("constant");

Value Graph::input(Type type, std::string name) {
  check<GraphError>(!name.empty() && inputs_.find(name) == inputs_.end(), "input '", name,
                    "' already exists or has no name; inputs need names of their own");
  const Value v = add(input_op, std::span<const Value>(), LeafAttrs{std::move(type), name});
  nodes_.back().name = name;
  inputs_.emplace(std::move(name), v);
  return v;
}

Value Graph::parameter(Type type, std::string name) {
  if (const auto it = parameters_.find(name); it != parameters_.end()) {
    check<GraphError>(it->second.type() == type, "parameter '", name, "' is ", it->second.type().str(),
                      " and was asked for as ", type.str());
    return it->second;
  }
  const Value v = add(parameter_op, std::span<const Value>(), LeafAttrs{std::move(type), name});
  nodes_.back().name = name;
  parameters_.emplace(std::move(name), v);
  return v;
}

Value Graph::constant(Tensor tensor) {
  check<GraphError>(static_cast<bool>(tensor), "a constant needs a tensor");
  return add(constant_op, std::span<const Value>(), ConstantAttrs{std::move(tensor)});
}

Value Graph::add(const OpDef& op, std::span<const Value> in, Attrs attrs) {
  std::vector<Type> types;
  types.reserve(in.size());
  for (const Value& v : in) {
    check<GraphError>(v.graph == this, op.name, " '", path, "': an input belongs to another graph");
    types.push_back(v.type());
  }
  Node node;
  try {
    node.types = op.infer(attrs, types);
  } catch (const ShapeError& e) {
    throw ShapeError(str(op.name, " '", path, "': ", e.what()));
  }
  node.op = &op;
  node.attrs = std::move(attrs);
  node.in.assign(in.begin(), in.end());
  node.name = path;
  nodes_.push_back(std::move(node));
  return {this, size() - 1, 0};
}

void Graph::mark(std::string_view module_path, Value value) {
  std::string key(module_path);
  int calls = 0;
  for (const auto& [name, marked_value] : marks_) {
    if (name == key || name.substr(0, name.rfind('#')) == key) ++calls;
  }
  if (calls > 0) key += str("#", calls + 1);
  marks_.emplace_back(std::move(key), value);
}

Value Graph::marked(std::string_view module_path) const {
  for (const auto& [name, value] : marks_) {
    if (name == module_path) return value;
  }
  throw GraphError(str("no module '", module_path, "' returned a value"));
}

}  // namespace g2face
