#include "g2face/graph/gradients.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/broadcast.hpp"

namespace g2face {

namespace {

Value filled(Graph& graph, const Type& type, double value) {
  return broadcast_to(graph.constant(Tensor::scalar(value, type.dtype)), type.shape);
}

enum class AtWanted : std::uint8_t { pass, stop };

/// Reverse accumulation over the nodes that already exist. With AtWanted::stop, wanted values count as leaves even
/// where one is computed from another: what a formula's inputs are to the formula.
std::vector<Value> accumulate(std::span<const Value> y, std::span<const Value> dy, std::span<const Value> wrt,
                              AtWanted at_wanted);

std::vector<Value> formula_gradients(Graph& graph, const Node& node, std::span<const Value> dy,
                                     const std::vector<bool>& needed) {
  const std::vector<Value> y = node.op->formula(graph, node.in, node.attrs);
  std::vector<Value> ys, dys, wrt;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!dy[i]) continue;
    ys.push_back(y[i]);
    dys.push_back(dy[i]);
  }
  for (std::size_t i = 0; i < node.in.size(); ++i) {
    if (needed[i]) wrt.push_back(node.in[i]);
  }
  // An input that is given twice receives its whole gradient at its first place.
  const std::vector<Value> dx = accumulate(ys, dys, wrt, AtWanted::stop);
  std::vector<Value> result(node.in.size());
  std::size_t k = 0;
  for (std::size_t i = 0; i < node.in.size(); ++i) {
    if (!needed[i]) continue;
    const bool first = std::find(wrt.begin(), wrt.begin() + static_cast<std::ptrdiff_t>(k), wrt[k]) ==
                       wrt.begin() + static_cast<std::ptrdiff_t>(k);
    if (first) result[i] = dx[k];
    ++k;
  }
  return result;
}

std::vector<Value> accumulate(std::span<const Value> y, std::span<const Value> dy, std::span<const Value> wrt,
                              AtWanted at_wanted) {
  Graph& graph = *y.front().graph;
  int last = 0;
  for (const Value& v : y) last = std::max(last, v.node);
  const auto count = static_cast<std::size_t>(last) + 1;

  std::vector<bool> leads(count, false);  // to a wanted value, going backwards
  std::vector<bool> wanted(count, false);
  for (const Value& v : wrt) {
    if (v.node <= last) leads[static_cast<std::size_t>(v.node)] = wanted[static_cast<std::size_t>(v.node)] = true;
  }
  for (std::size_t n = 0; n < count; ++n) {
    for (const Value& v : graph.node(static_cast<int>(n)).in) {
      if (leads[static_cast<std::size_t>(v.node)]) leads[n] = true;
    }
  }

  std::vector<std::vector<Value>> cotangent(count);
  const auto add_to = [&](Value v, Value g) {
    auto& slots = cotangent[static_cast<std::size_t>(v.node)];
    slots.resize(graph.node(v).types.size());
    Value& slot = slots[static_cast<std::size_t>(v.output)];
    slot = slot ? slot + g : g;
  };
  for (std::size_t i = 0; i < y.size(); ++i) {
    check<GraphError>(dy[i].type() == y[i].type(), "gradients: the cotangent ", dy[i].type().str(),
                      " does not match the value ", y[i].type().str());
    add_to(y[i], dy[i]);
  }

  const std::string path = graph.path;
  for (int n = last; n >= 0; --n) {
    const auto at = static_cast<std::size_t>(n);
    if (cotangent[at].empty() || !leads[at]) continue;
    if (at_wanted == AtWanted::stop && wanted[at]) continue;
    const Node& node = graph.node(n);
    std::vector<bool> needed;
    for (const Value& v : node.in) needed.push_back(leads[static_cast<std::size_t>(v.node)]);
    if (std::find(needed.begin(), needed.end(), true) == needed.end()) continue;

    graph.path = node.name;
    std::vector<Value> dx;
    if (node.op->formula != nullptr) {
      dx = formula_gradients(graph, node, cotangent[at], needed);
    } else {
      check<GraphError>(node.op->grad != nullptr, node.op->name, " '", node.name,
                        "': this op has no gradient, and one was asked for through it");
      GradRule rule({&graph, n, 0}, cotangent[at], needed);
      node.op->grad(rule, node.attrs);
      dx = rule.results();
    }
    for (std::size_t i = 0; i < dx.size(); ++i) {
      if (needed[i] && dx[i]) add_to(node.in[i], dx[i]);
    }
  }
  graph.path = path;

  std::vector<Value> result;
  for (const Value& v : wrt) {
    Value g;
    if (v.node <= last && !cotangent[static_cast<std::size_t>(v.node)].empty()) {
      g = cotangent[static_cast<std::size_t>(v.node)][static_cast<std::size_t>(v.output)];
    }
    result.push_back(g ? g : filled(graph, v.type(), 0));
  }
  return result;
}

}  // namespace

GradRule::GradRule(Value node, std::span<const Value> dy, std::vector<bool> needed)
    : node_(node), dy_(dy.begin(), dy.end()), needed_(std::move(needed)), dx_(needed_.size()) {}

Value GradRule::in(int i) const { return graph().node(node_).in.at(static_cast<std::size_t>(i)); }

Value GradRule::dy(int i) const {
  const Value given = dy_.at(static_cast<std::size_t>(i));
  return given ? given : filled(graph(), out(i).type(), 0);
}

void GradRule::dx(int i, Value gradient) {
  const Node& node = graph().node(node_);
  check<GraphError>(gradient.type() == in(i).type(), node.op->name, " '", node.name, "': gradient ",
                    gradient.type().str(), " for input ", i, " of type ", in(i).type().str());
  dx_.at(static_cast<std::size_t>(i)) = gradient;
}

std::vector<Value> gradients(std::span<const Value> y, std::span<const Value> dy, std::span<const Value> wrt) {
  check<GraphError>(!y.empty() && y.size() == dy.size(), "gradients: ", y.size(), " values and ", dy.size(),
                    " cotangents were given");
  for (const Value& v : wrt) {
    check<GraphError>(v.graph == y.front().graph, "gradients: a wanted value belongs to another graph");
  }
  return accumulate(y, dy, wrt, AtWanted::pass);
}

std::vector<Value> gradients(Value y, std::span<const Value> wrt, Value dy) {
  if (!dy) {
    check<GraphError>(y.shape().numel() == 1, "gradients: a value of shape ", y.shape(),
                      " needs a cotangent; only one element may go without");
    dy = filled(*y.graph, y.type(), 1);
  }
  return gradients(std::span(&y, 1), std::span(&dy, 1), wrt);
}

}  // namespace g2face
