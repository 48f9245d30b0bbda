// Elementwise ops become `pointwise` nodes; chains of them become one.
//
// Groups of nodes are joined where one uses the other, both have the same shape, and no way leads from one group to the
// other through a third: contracting each group to a point leaves the graph without cycles. What a training step
// computes for its backward half is not joined with the forward half: it would wait in memory.

#include <algorithm>
#include <map>
#include <set>

#include "g2face/ops/binary.hpp"
#include "g2face/ops/pointwise.hpp"
#include "g2face/ops/select.hpp"
#include "g2face/ops/unary.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

constexpr std::size_t max_instructions = 24;  // registers of a tile must stay in the first-level cache
constexpr std::size_t max_inputs = 12;

bool elementwise(const Node& n) {
  return (n.op == &unary_op || n.op == &binary_op || n.op == &select_op) && n.types[0].dtype == DType::f32;
}

/// Sets of nodes that become one, in an order in which each group reads only from groups before it.
class Groups {
 public:
  /// Nodes further apart than `reach` are not joined.
  Groups(const Graph& graph, const std::vector<bool>& known, int reach) : graph_(graph), known_(known), reach_(reach) {
    members_.resize(static_cast<std::size_t>(graph.size()));
    for (int n = 0; n < graph.size(); ++n) {
      of_.push_back(n);
      rank_.push_back(n);
      order_.push_back(n);
      members_[static_cast<std::size_t>(n)] = {n};
    }
  }

  int of(int node) const { return of_[static_cast<std::size_t>(node)]; }
  /// Ascending; empty for a group that was joined with another.
  const std::vector<int>& members(int group) const { return members_[static_cast<std::size_t>(group)]; }
  const std::vector<int>& order() const { return order_; }

  /// Joins the groups of two elementwise nodes if that is allowed.
  void try_join(int a, int b) {
    int ga = of(a), gb = of(b);
    if (ga == gb || b - a > reach_ || known_[static_cast<std::size_t>(a)] != known_[static_cast<std::size_t>(b)])
      return;
    if (graph_.node(a).types[0].shape != graph_.node(b).types[0].shape) return;
    if (members(ga).size() + members(gb).size() > max_instructions) return;
    if (inputs(ga, gb) > max_inputs) return;
    if (rank(ga) > rank(gb)) std::swap(ga, gb);
    std::set<int> between;
    if (!read_between(gb, ga, between)) return;
    auto& into = members_[static_cast<std::size_t>(ga)];
    auto& from = members_[static_cast<std::size_t>(gb)];
    for (const int n : from) of_[static_cast<std::size_t>(n)] = ga;
    into.insert(into.end(), from.begin(), from.end());
    std::sort(into.begin(), into.end());
    from.clear();
    // What the later group reads comes first, then the joined group, then the rest of what stood between the two.
    const auto first = order_.begin() + rank(ga), last = order_.begin() + rank(gb) + 1;
    std::stable_partition(first, last, [&](int g) { return between.contains(g); });
    for (auto g = first; g != last; ++g) rank_[static_cast<std::size_t>(*g)] = static_cast<int>(g - order_.begin());
  }

 private:
  int rank(int group) const { return rank_[static_cast<std::size_t>(group)]; }

  std::size_t inputs(int ga, int gb) const {
    std::set<std::pair<int, int>> outside;
    for (const int g : {ga, gb}) {
      for (const int n : members(g)) {
        for (const Value& v : graph_.node(n).in) {
          if (of(v.node) != ga && of(v.node) != gb) outside.insert({v.node, v.output});
        }
      }
    }
    return outside.size();
  }

  /// Collects the groups after `early` that `late` reads, directly or not. False if one of them reads `early`.
  bool read_between(int late, int early, std::set<int>& between) const {
    std::vector<int> open = {late};
    while (!open.empty()) {
      const int group = open.back();
      open.pop_back();
      for (const int n : members(group)) {
        for (const Value& v : graph_.node(n).in) {
          const int g = of(v.node);
          if (g == early && group != late) return false;
          if (g != group && rank(g) > rank(early) && between.insert(g).second) open.push_back(g);
        }
      }
    }
    return true;
  }

  const Graph& graph_;
  const std::vector<bool>& known_;
  int reach_;
  std::vector<int> of_;
  std::vector<int> order_, rank_;  // groups as they stand, and where each one stands
  std::vector<std::vector<int>> members_;
};

PointwiseInstruction instruction(const Node& node) {
  PointwiseInstruction i;
  if (node.op == &unary_op) {
    i.kind = PointwiseInstruction::Kind::unary;
    i.unary = node.attrs.as<UnaryAttrs>();
  } else if (node.op == &binary_op) {
    i.kind = PointwiseInstruction::Kind::binary;
    i.binary = node.attrs.as<BinaryAttrs>().kind;
  } else {
    i.kind = PointwiseInstruction::Kind::select;
  }
  return i;
}

}  // namespace

Lowered fuse(const Lowered& lowered, const PlanOptions& options) {
  const Graph& graph = *lowered.graph;
  Groups groups(graph, lowered.known, options.fold ? graph.size() : far_apart);
  if (options.fuse) {
    // From the end: a node that could go with what it reads or with what reads it goes with the latter, since a result
    // that only crosses to a later pass costs memory and a trip there and back.
    for (int n = graph.size() - 1; n >= 0; --n) {
      if (!elementwise(graph.node(n))) continue;
      for (const Value& v : graph.node(n).in) {
        if (elementwise(graph.node(v.node))) groups.try_join(v.node, n);
      }
    }
  }

  // Which values of a group others (or the caller) read.
  std::set<std::pair<int, int>> read;
  for (int n = 0; n < graph.size(); ++n) {
    for (const Value& v : graph.node(n).in) {
      if (groups.of(v.node) != groups.of(n)) read.insert({v.node, v.output});
    }
  }
  for (const Value& v : lowered.outputs) read.insert({v.node, v.output});

  Lowered out;
  out.graph = std::make_unique<Graph>();
  std::map<std::pair<int, int>, Value> now;
  for (const int group : groups.order()) {
    const std::vector<int>& members = groups.members(group);
    if (members.empty()) continue;
    const Node& first = graph.node(members.front());
    if (!elementwise(first)) {
      std::vector<Value> in;
      for (const Value& v : first.in) in.push_back(now.at({v.node, v.output}));
      const Value copied = copy_node(*out.graph, first, in);
      for (std::size_t o = 0; o < first.types.size(); ++o) {
        now[{members.front(), static_cast<int>(o)}] = {out.graph.get(), copied.node, static_cast<int>(o)};
      }
      if (const auto i = lowered.input_nodes.find(members.front()); i != lowered.input_nodes.end()) {
        out.input_nodes[copied.node] = i->second;
      }
      continue;
    }
    std::vector<Value> in;
    std::map<std::pair<int, int>, int> slot;  // of inputs
    for (const int n : members) {
      for (const Value& v : graph.node(n).in) {
        if (groups.of(v.node) == group || slot.contains({v.node, v.output})) continue;
        slot[{v.node, v.output}] = static_cast<int>(in.size());
        in.push_back(now.at({v.node, v.output}));
      }
    }
    PointwiseAttrs attrs;
    attrs.shape = first.types[0].shape;
    std::map<int, int> slot_of_member;
    std::vector<int> result_nodes;
    for (const int n : members) {
      PointwiseInstruction i = instruction(graph.node(n));
      for (const Value& v : graph.node(n).in) {
        i.source.push_back(groups.of(v.node) == group ? slot_of_member.at(v.node) : slot.at({v.node, v.output}));
      }
      const int target = static_cast<int>(in.size() + attrs.program.size());
      slot_of_member[n] = target;
      attrs.program.push_back(std::move(i));
      if (read.contains({n, 0})) {
        attrs.results.push_back(target);
        result_nodes.push_back(n);
      }
    }
    out.graph->path = graph.node(members.back()).name;
    const std::vector<Value> results = pointwise(in, attrs);
    for (std::size_t r = 0; r < results.size(); ++r) now[{result_nodes[r], 0}] = results[r];
  }

  for (const Value& v : lowered.outputs) out.outputs.push_back(now.at({v.node, v.output}));
  out.known = known_nodes(*out.graph, options);
  return out;
}

}  // namespace g2face
