// Chooses layouts, node by node in order: of the ways a kernel can have its operands, the one that moves the fewest
// bytes from where they are.

#include <limits>
#include <map>
#include <tuple>

#include "g2face/ops/reorder.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

/// Whether two layouts of this type are the same order of elements.
bool same_order(const Type& type, Layout a, Layout b) {
  if (a == b) return true;
  if (is_narrow(a) || is_narrow(b)) return false;
  if (type.shape.rank() != 4 || type.shape[2] * type.shape[3] == 1) return true;
  return type.shape[1] == 1 && (a == Layout::nhwc || b == Layout::nhwc);
}

bool possible(const Type& type, Layout layout) {
  if (layout == Layout::nchw) return true;
  if (type.shape.rank() != 4) return false;
  if (layout == Layout::nchw16c) return type.shape[1] % 16 == 0;
  if (layout == Layout::nchw8c) return type.shape[1] % 8 == 0;
  return !is_narrow(layout) || type.dtype == DType::f32;
}

class Assigner {
 public:
  Assigner(const Lowered& from, const PlanOptions& options) : from_(from), options_(options) {}

  LaidOut run() {
    result_.lowered.graph = std::make_unique<Graph>();
    const Graph& graph = *from_.graph;
    for (int n = 0; n < graph.size(); ++n) copy(n);
    for (const Value& v : from_.outputs) result_.lowered.outputs.push_back(in_layout(v, Layout::nchw));
    result_.lowered.known = known_nodes(*result_.lowered.graph, options_);
    return std::move(result_);
  }

 private:
  Layout layout_of(Value v) const {  // of the new graph
    return result_.chosen[static_cast<std::size_t>(v.node)].out[static_cast<std::size_t>(v.output)];
  }

  /// The value of the old graph, in the new graph and in this layout.
  Value in_layout(Value old, Layout wanted) {
    const Value v = now_.at({old.node, old.output});
    if (same_order(v.type(), layout_of(v), wanted)) return v;
    const auto key = std::make_tuple(v.node, v.output, wanted);
    if (const auto it = reordered_.find(key); it != reordered_.end()) return it->second;
    result_.lowered.graph->path = from_.graph->node(old).name;
    const Value r = reorder(v);
    result_.chosen.push_back({{layout_of(v)}, {wanted}, 0});
    reordered_.emplace(key, r);
    return r;
  }

  std::vector<LayoutChoice> choices(const Node& node) const {
    std::vector<Type> in;
    for (const Value& v : node.in) in.push_back(v.type());
    std::vector<LayoutChoice> all = layouts_of(node, in, options_);
    for (const LayoutChoice& c : all) {
      bool ok = c.in.size() == in.size() && c.out.size() == node.types.size();
      for (std::size_t i = 0; ok && i < in.size(); ++i) ok = possible(in[i], c.in[i]);
      for (std::size_t o = 0; ok && o < node.types.size(); ++o) ok = possible(node.types[o], c.out[o]);
      check<PlanError>(ok, node.op->name, " '", node.name, "': its kernel offers layouts that its operands lack");
    }
    if (all.empty()) {
      all.push_back(
          {std::vector<Layout>(node.in.size(), Layout::nchw), std::vector<Layout>(node.types.size(), Layout::nchw), 0});
    }
    return all;
  }

  double cost(const Node& node, const LayoutChoice& choice) const {
    double bytes = choice.penalty;
    for (std::size_t i = 0; i < node.in.size(); ++i) {
      const Value old = node.in[i];
      const Value v = now_.at({old.node, old.output});
      if (same_order(v.type(), layout_of(v), choice.in[i])) continue;
      if (reordered_.contains(std::make_tuple(v.node, v.output, choice.in[i]))) continue;
      const bool at_load = from_.known[static_cast<std::size_t>(old.node)];
      if (at_load) continue;
      bytes +=
          static_cast<double>(TensorDesc{v.type(), layout_of(v)}.bytes() + TensorDesc{v.type(), choice.in[i]}.bytes());
    }
    return bytes;
  }

  void copy(int n) {
    const Node& node = from_.graph->node(n);
    const std::vector<LayoutChoice> all = choices(node);
    const LayoutChoice* best = nullptr;
    double best_cost = std::numeric_limits<double>::infinity();
    for (const LayoutChoice& c : all) {
      if (const double k = cost(node, c); k < best_cost) {
        best = &c;
        best_cost = k;
      }
    }
    std::vector<Value> in;
    for (std::size_t i = 0; i < node.in.size(); ++i) in.push_back(in_layout(node.in[i], best->in[i]));
    const Value copied = copy_node(*result_.lowered.graph, node, in);
    result_.chosen.push_back(*best);
    for (std::size_t o = 0; o < node.types.size(); ++o) {
      now_[{n, static_cast<int>(o)}] = {result_.lowered.graph.get(), copied.node, static_cast<int>(o)};
    }
    if (const auto i = from_.input_nodes.find(n); i != from_.input_nodes.end()) {
      result_.lowered.input_nodes[copied.node] = i->second;
    }
  }

  const Lowered& from_;
  const PlanOptions& options_;
  LaidOut result_;
  std::map<std::pair<int, int>, Value> now_;
  std::map<std::tuple<int, int, Layout>, Value> reordered_;
};

}  // namespace

std::vector<LayoutChoice> layouts_of(const Node& node, std::span<const Type> in, const PlanOptions& options) {
  const auto kind = options.device.kind;
  if (kind == Device::Kind::cpu && node.op->cpu_layouts != nullptr) {
    return node.op->cpu_layouts(node.attrs, in, node.types);
  }
  if (kind == Device::Kind::cuda && node.op->cuda_layouts != nullptr) {
    return node.op->cuda_layouts(node.attrs, in, node.types, options.precision);
  }
  return {};
}

LaidOut assign_layouts(const Lowered& lowered, const PlanOptions& options) { return Assigner(lowered, options).run(); }

}  // namespace g2face
