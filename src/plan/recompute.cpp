// What is cheap to compute again is not kept from the forward to the backward half of a training step.

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "g2face/ops/binary.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/conv2d.hpp"
#include "g2face/ops/select.hpp"
#include "g2face/ops/transpose.hpp"
#include "g2face/ops/unary.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

/// A convolution of colours or of hidden bits: its sums are so short, and its operand is so small, that writing the
/// result is most of its work.
bool widens(const Node& n) {
  constexpr std::int64_t most_products = 32, least_growth = 4;
  if (n.op != &conv2d_op) return false;
  const Shape &x = n.in[0].type().shape, &w = n.in[1].type().shape, &y = n.types[0].shape;
  return w.numel() <= most_products * y[1] && least_growth * x.numel() <= y.numel();
}

/// Ops that cost one pass over memory, or little more.
bool cheap(const Node& n) {
  const bool one_pass =
      n.op == &unary_op || n.op == &binary_op || n.op == &select_op || n.op == &concat_op || n.op == &transpose_op;
  return (one_pass || widens(n)) && n.types[0].dtype == DType::f32;
}

/// Which values are computed again for readers that stand far away. A value is kept as far as its last reader; what
/// recomputing costs are the inputs that have to be kept longer for it.
class Recomputation {
 public:
  explicit Recomputation(const Lowered& from) : graph_(*from.graph), known_(from.known) {
    const auto count = static_cast<std::size_t>(graph_.size());
    readers_.resize(count);
    last_.resize(count);
    again_.resize(count, false);
    bytes_.resize(count);
    std::size_t largest = 0;
    for (int n = 0; n < graph_.size(); ++n) {
      last_[at(n)] = n;
      for (const Value& v : graph_.node(n).in) add_reader(v.node, n);
      for (const Type& t : graph_.node(n).types) bytes_[at(n)] += TensorDesc{t}.bytes();
      if (!free(n)) largest = std::max(largest, bytes_[at(n)]);
    }
    for (const Value& v : from.outputs) add_reader(v.node, graph_.size());
    small_ = largest / 256;
    for (int n = graph_.size() - 1; n >= 0; --n) decide(n);
    read_.resize(count + 1, true);  // by a caller, as the last entry says
    for (int n = graph_.size() - 1; n >= 0; --n) {
      read_[at(n)] = std::any_of(readers_[at(n)].begin(), readers_[at(n)].end(),
                                 [&](int r) { return read_[at(r)] && !again(n, r); });
    }
  }

  /// Whether anybody still reads what the node computes where it stands.
  bool read(int node) const { return read_[at(node)]; }
  bool again(int node, int reader) const { return again_[at(node)] && reader - node > far_apart; }

 private:
  static std::size_t at(int n) { return static_cast<std::size_t>(n); }
  bool free(int n) const { return is_leaf(graph_.node(n)) || known_[at(n)]; }
  void add_reader(int n, int reader) {
    readers_[at(n)].push_back(reader);
    last_[at(n)] = std::max(last_[at(n)], reader);
  }

  /// Bytes of what has to be kept as far as `reader` so that node n can be computed there.
  std::size_t cost(int n, int reader, int depth) const {
    constexpr int deepest = 12;
    std::size_t sum = 0;
    for (const Value& v : graph_.node(n).in) {
      if (free(v.node) || last_[at(v.node)] + far_apart >= reader) continue;
      const std::size_t kept = bytes_[at(v.node)];
      const bool deeper = kept > small_ && depth < deepest && cheap(graph_.node(v.node));
      sum += deeper ? std::min(kept, cost(v.node, reader, depth + 1)) : kept;
    }
    return sum;
  }

  void decide(int n) {
    const int last = last_[at(n)];
    if (free(n) || !cheap(graph_.node(n)) || bytes_[at(n)] <= small_) return;
    if (last == graph_.size() || last - n <= far_apart || cost(n, last, 0) >= bytes_[at(n)]) return;
    again_[at(n)] = true;
    for (const int r : readers_[at(n)]) {
      if (r - n <= far_apart) continue;
      for (const Value& v : graph_.node(n).in) add_reader(v.node, r);
    }
  }

  const Graph& graph_;
  const std::vector<bool>& known_;
  std::vector<std::vector<int>> readers_;
  std::vector<int> last_;  // reader
  std::vector<bool> again_, read_;
  std::vector<std::size_t> bytes_;
  std::size_t small_ = 0;  // values that nobody would miss
};

}  // namespace

Lowered recompute(const Lowered& lowered, const PlanOptions& options) {
  const Graph& graph = *lowered.graph;
  const Recomputation choice(lowered);
  Lowered to;
  to.graph = std::make_unique<Graph>();
  std::vector<int> now(static_cast<std::size_t>(graph.size()), -1);
  std::map<int, std::pair<int, int>> copies;  // by node: the last copy, and the reader for which it was made

  const std::function<Value(Value, int)> value_for = [&](Value v, int reader) -> Value {
    if (!choice.again(v.node, reader)) return {to.graph.get(), now[static_cast<std::size_t>(v.node)], v.output};
    const auto it = copies.find(v.node);
    if (it != copies.end() && reader - it->second.second <= far_apart) return {to.graph.get(), it->second.first, 0};
    const Node& node = graph.node(v.node);
    std::vector<Value> in;
    for (const Value& i : node.in) in.push_back(value_for(i, reader));
    const Value copied = copy_node(*to.graph, node, in);
    copies[v.node] = {copied.node, reader};
    return copied;
  };
  for (int n = 0; n < graph.size(); ++n) {
    if (!choice.read(n)) continue;
    const Node& node = graph.node(n);
    std::vector<Value> in;
    for (const Value& v : node.in) in.push_back(value_for(v, n));
    const int copied = copy_node(*to.graph, node, in).node;
    now[static_cast<std::size_t>(n)] = copied;
    if (const auto i = lowered.input_nodes.find(n); i != lowered.input_nodes.end()) to.input_nodes[copied] = i->second;
  }
  for (const Value& v : lowered.outputs)
    to.outputs.push_back({to.graph.get(), now[static_cast<std::size_t>(v.node)], v.output});
  to.known = known_nodes(*to.graph, options);
  return to;
}

}  // namespace g2face
