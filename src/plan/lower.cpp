// Prune, share, expand.

#include <map>
#include <string>
#include <unordered_map>

#include "plan/plan_data.hpp"

namespace g2face {

namespace {

std::vector<bool> needed_nodes(const Graph& graph, std::span<const Value> outputs) {
  std::vector<bool> needed(static_cast<std::size_t>(graph.size()), false);
  for (const Value& v : outputs) needed[static_cast<std::size_t>(v.node)] = true;
  for (int n = graph.size() - 1; n >= 0; --n) {
    if (!needed[static_cast<std::size_t>(n)]) continue;
    for (const Value& v : graph.node(n).in) needed[static_cast<std::size_t>(v.node)] = true;
  }
  return needed;
}

/// One round: equal nodes become one, and formulas without a kernel are written out (their own formulas are for the
/// next round).
bool copy_once(const Lowered& from, Lowered& to, const PlanOptions& options) {
  const Graph& graph = *from.graph;
  to.graph = std::make_unique<Graph>();
  Graph& out = *to.graph;
  const std::vector<bool> needed = needed_nodes(graph, from.outputs), known = known_nodes(graph, options);
  std::vector<std::vector<Value>> now(static_cast<std::size_t>(graph.size()));
  std::unordered_map<std::string, Value> seen;
  bool expanded = false;

  for (int n = 0; n < graph.size(); ++n) {
    if (!needed[static_cast<std::size_t>(n)]) continue;
    const Node& node = graph.node(n);
    std::vector<Value> in;
    std::string key = str(node.op->name, "(");
    for (const Value& v : node.in) {
      in.push_back(now[static_cast<std::size_t>(v.node)][static_cast<std::size_t>(v.output)]);
      key += str(in.back().node, ".", in.back().output, " ");
    }
    key += str(")", node.attrs.str());
    auto& values = now[static_cast<std::size_t>(n)];
    const auto [it, is_new] = seen.try_emplace(key);
    if (!is_new) {
      for (std::size_t o = 0; o < node.types.size(); ++o) {
        values.push_back({&out, it->second.node, static_cast<int>(o)});
      }
      if (node.op->formula == nullptr || has_kernel(node, known, options)) continue;
      values.clear();  // an expanded formula is shared by its parts, in the next round
    }
    if (node.op->formula != nullptr && !has_kernel(node, known, options)) {
      out.path = node.name;
      values = node.op->formula(out, in, node.attrs);
      expanded = true;
      continue;
    }
    const Value v = copy_node(out, node, in);
    it->second = v;
    for (std::size_t o = 0; o < node.types.size(); ++o) values.push_back({&out, v.node, static_cast<int>(o)});
    if (const auto i = from.input_nodes.find(n); i != from.input_nodes.end()) to.input_nodes[v.node] = i->second;
  }
  for (const Value& v : from.outputs) {
    to.outputs.push_back(now[static_cast<std::size_t>(v.node)][static_cast<std::size_t>(v.output)]);
  }
  return expanded;
}

}  // namespace

bool has_kernel(const Node& node, const std::vector<bool>& known_nodes_, const PlanOptions& options) {
  const auto kernel = kernel_of(*node.op, options.device);
  if (kernel == nullptr) return false;
  std::vector<Type> types;
  for (const Value& v : node.in) types.push_back(v.type());
  LayoutChoice layouts{std::vector(types.size(), Layout::nchw), std::vector(node.types.size(), Layout::nchw), 0};
  if (const auto choices = layouts_of(node, types, options); !choices.empty()) layouts = choices.front();
  std::vector<TensorDesc> in, out;
  const auto known = std::make_unique<bool[]>(types.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    in.push_back({types[i], layouts.in[i]});
    known[i] = known_nodes_[static_cast<std::size_t>(node.in[i].node)];
  }
  for (std::size_t o = 0; o < node.types.size(); ++o) out.push_back({node.types[o], layouts.out[o]});
  const Signature s{in, out, {known.get(), in.size()}, options.precision, options.determinism, options.threads};
  return kernel(node.attrs, s).has_value();
}

Value copy_node(Graph& to, const Node& node, std::span<const Value> in) {
  to.path = node.name;
  return to.add(*node.op, in, node.attrs);
}

std::vector<bool> known_nodes(const Graph& graph, const PlanOptions& options) {
  std::vector<bool> known(static_cast<std::size_t>(graph.size()), false);
  for (int n = 0; n < graph.size(); ++n) {
    const Node& node = graph.node(n);
    bool all = node.op != &input_op && (node.op != &parameter_op || options.fold);
    for (const Value& v : node.in) all = all && known[static_cast<std::size_t>(v.node)];
    known[static_cast<std::size_t>(n)] = all;
  }
  return known;
}

Lowered lower(const Graph& graph, std::span<const Value> outputs, const PlanOptions& options) {
  // The first copy leaves the caller's graph alone; expansion then repeats until no formula is left.
  Lowered current;
  current.graph = std::make_unique<Graph>();
  const std::vector<bool> needed = needed_nodes(graph, outputs);
  std::vector<int> now(static_cast<std::size_t>(graph.size()), -1);
  for (int n = 0; n < graph.size(); ++n) {
    if (!needed[static_cast<std::size_t>(n)]) continue;
    const Node& node = graph.node(n);
    std::vector<Value> in;
    for (const Value& v : node.in) in.push_back({current.graph.get(), now[static_cast<std::size_t>(v.node)], v.output});
    const int copied = copy_node(*current.graph, node, in).node;
    now[static_cast<std::size_t>(n)] = copied;
    if (node.op == &input_op) current.input_nodes[copied] = n;
  }
  for (const Value& v : outputs) {
    current.outputs.push_back({current.graph.get(), now[static_cast<std::size_t>(v.node)], v.output});
  }
  for (bool expanded = true; expanded;) {
    Lowered next;
    expanded = copy_once(current, next, options);
    current = std::move(next);
  }
  // Formulas may have made equal nodes in the last round.
  Lowered shared;
  copy_once(current, shared, options);
  shared.known = known_nodes(*shared.graph, options);
  return shared;
}

}  // namespace g2face
