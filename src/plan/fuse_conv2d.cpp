// Convolutions whose result only one elementwise node reads become one node with it.

#include <algorithm>
#include <map>
#include <set>

#include "g2face/ops/conv2d_pointwise.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

/// How often each value is read, by nodes and by the caller.
std::map<std::pair<int, int>, int> count_readers(const Lowered& lowered) {
  std::map<std::pair<int, int>, int> readers;
  for (int n = 0; n < lowered.graph->size(); ++n) {
    for (const Value& v : lowered.graph->node(n).in) ++readers[{v.node, v.output}];
  }
  for (const Value& v : lowered.outputs) ++readers[{v.node, v.output}];
  return readers;
}

/// The elementwise node with its input number `at`, a convolution, taken in: that comes first among its inputs.
Node joined(const Node& pointwise, std::size_t at, const Node& conv) {
  Conv2dPointwiseAttrs attrs{conv.attrs.as<Conv2dAttrs>(), pointwise.attrs.as<PointwiseAttrs>()};
  const auto moved = [at](int r) {
    const auto i = static_cast<std::size_t>(r);
    return i == at ? 0 : i < at ? r + 1 : r;
  };
  for (PointwiseInstruction& i : attrs.pointwise.program) {
    std::transform(i.source.begin(), i.source.end(), i.source.begin(), moved);
  }
  std::transform(attrs.pointwise.results.begin(), attrs.pointwise.results.end(), attrs.pointwise.results.begin(),
                 moved);
  Node node{&conv2d_pointwise_op, attrs, conv.in, pointwise.types, pointwise.name};
  for (std::size_t i = 0; i < pointwise.in.size(); ++i) {
    if (i != at) node.in.push_back(pointwise.in[i]);
  }
  return node;
}

}  // namespace

Lowered fuse_conv2d(const Lowered& lowered, const PlanOptions& options) {
  const Graph& graph = *lowered.graph;
  const auto readers = count_readers(lowered);
  std::map<int, Node> replaced;  // elementwise nodes
  std::set<int> taken;           // convolutions
  for (int n = 0; n < graph.size(); ++n) {
    const Node& node = graph.node(n);
    if (node.op != &pointwise_op || lowered.known[static_cast<std::size_t>(n)]) continue;
    // Of several the last, which is likely to be the end of the longest way.
    for (std::size_t i = node.in.size(); i-- > 0 && !replaced.contains(n);) {
      const Value v = node.in[i];
      const Node& conv = graph.node(v.node);
      if (conv.op != &conv2d_op || lowered.known[static_cast<std::size_t>(v.node)]) continue;
      if (readers.at({v.node, v.output}) != 1) continue;
      Node both = joined(node, i, conv);
      if (!has_kernel(both, lowered.known, options)) continue;
      replaced.emplace(n, std::move(both));
      taken.insert(v.node);
    }
  }

  Lowered out;
  out.graph = std::make_unique<Graph>();
  std::map<std::pair<int, int>, Value> now;
  for (int n = 0; n < graph.size(); ++n) {
    if (taken.contains(n)) continue;
    const auto it = replaced.find(n);
    const Node& node = it == replaced.end() ? graph.node(n) : it->second;
    std::vector<Value> in;
    for (const Value& v : node.in) in.push_back(now.at({v.node, v.output}));
    const Value copied = copy_node(*out.graph, node, in);
    for (std::size_t o = 0; o < node.types.size(); ++o) {
      now[{n, static_cast<int>(o)}] = {out.graph.get(), copied.node, static_cast<int>(o)};
    }
    if (const auto i = lowered.input_nodes.find(n); i != lowered.input_nodes.end()) {
      out.input_nodes[copied.node] = i->second;
    }
  }
  for (const Value& v : lowered.outputs) out.outputs.push_back(now.at({v.node, v.output}));
  out.known = known_nodes(*out.graph, options);
  return out;
}

}  // namespace g2face
