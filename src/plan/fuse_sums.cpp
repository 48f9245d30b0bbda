// Sums over the pixels of what an elementwise node computes become part of it: what is only summed, as gradients of
// biases and scales are, is then never stored.

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "g2face/ops/pointwise_sums.hpp"
#include "g2face/ops/reduce.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

constexpr std::int64_t least_elements = 1 << 13;  // below, a pass over memory costs nothing
constexpr std::int64_t least_pixels = 64;         // kernels of convolutions have less: they are not laid out as images

/// The elementwise node with these sums of its results, and no longer with results that nobody else reads.
Node joined(const Graph& graph, const Node& node, const std::vector<int>& sums, const std::vector<bool>& kept) {
  PointwiseSumsAttrs attrs{node.attrs.as<PointwiseAttrs>(), {}};
  Node both{&pointwise_sums_op, {}, node.in, {}, node.name};
  const std::vector<int> results = std::exchange(attrs.pointwise.results, {});
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!kept[i]) continue;
    attrs.pointwise.results.push_back(results[i]);
    both.types.push_back(node.types[i]);
  }
  for (const int n : sums) {
    const Node& sum = graph.node(n);
    attrs.sums.push_back({results[static_cast<std::size_t>(sum.in[0].output)], sum.attrs.as<ReduceAttrs>()});
    both.types.push_back(sum.types[0]);
  }
  both.attrs = attrs;
  return both;
}

}  // namespace

Lowered fuse_sums(const Lowered& lowered, const PlanOptions& options) {
  const Graph& graph = *lowered.graph;
  std::map<int, std::vector<int>> sums;            // of elementwise nodes
  std::map<int, std::vector<bool>> read_by_other;  // for each result of those
  for (int n = 0; n < graph.size(); ++n) {
    const Node& node = graph.node(n);
    if (node.op != &reduce_op || lowered.known[static_cast<std::size_t>(n)]) continue;
    const Node& from = graph.node(node.in[0].node);
    const Shape& shape = node.in[0].shape();
    // Counted in one image: its bits are the same alone and in a batch.
    if (from.op != &pointwise_op || shape.rank() != 4 || shape.numel() == 0 ||
        shape.numel() / shape[0] < least_elements || shape[2] * shape[3] < least_pixels)
      continue;
    std::vector<int>& all = sums[node.in[0].node];
    all.push_back(n);
    const std::vector<bool> none(from.types.size(), false);
    if (!has_kernel(joined(graph, from, all, none), lowered.known, options)) all.pop_back();
  }
  std::erase_if(sums, [](const auto& s) { return s.second.empty(); });
  std::set<int> taken;  // sums
  for (const auto& [node, all] : sums) {
    read_by_other[node].resize(graph.node(node).types.size());
    taken.insert(all.begin(), all.end());
  }
  const auto note = [&](const Value& v) {
    const auto it = read_by_other.find(v.node);
    if (it != read_by_other.end()) it->second[static_cast<std::size_t>(v.output)] = true;
  };
  for (int n = 0; n < graph.size(); ++n) {
    if (taken.contains(n)) continue;
    for (const Value& v : graph.node(n).in) note(v);
  }
  for (const Value& v : lowered.outputs) note(v);

  Lowered out;
  out.graph = std::make_unique<Graph>();
  std::map<std::pair<int, int>, Value> now;
  for (int n = 0; n < graph.size(); ++n) {
    if (taken.contains(n)) continue;
    const Node& old = graph.node(n);
    const auto found = sums.find(n);
    const Node node = found == sums.end() ? old : joined(graph, old, found->second, read_by_other.at(n));
    std::vector<Value> in;
    for (const Value& v : node.in) in.push_back(now.at({v.node, v.output}));
    const Value copied = copy_node(*out.graph, node, in);
    int next = 0;  // output of the new node
    for (std::size_t o = 0; o < old.types.size(); ++o) {
      if (found != sums.end() && !read_by_other.at(n)[o]) continue;
      now[{n, static_cast<int>(o)}] = {out.graph.get(), copied.node, next++};
    }
    if (found != sums.end())
      for (const int sum : found->second) now[{sum, 0}] = {out.graph.get(), copied.node, next++};
    if (const auto i = lowered.input_nodes.find(n); i != lowered.input_nodes.end()) {
      out.input_nodes[copied.node] = i->second;
    }
  }
  for (const Value& v : lowered.outputs) out.outputs.push_back(now.at({v.node, v.output}));
  out.known = known_nodes(*out.graph, options);
  return out;
}

}  // namespace g2face
