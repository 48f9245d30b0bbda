// One launch for all tensors of an optimizer's step is right where launches cost; where steps run one after the other,
// it would keep every gradient until the last one is there.

#include "g2face/ops/adam.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

Lowered part(const Lowered& lowered, const PlanOptions& options) {
  const Graph& graph = *lowered.graph;
  Lowered to;
  to.graph = std::make_unique<Graph>();
  std::vector<std::vector<Value>> now;
  for (int n = 0; n < graph.size(); ++n) {
    const Node& node = graph.node(n);
    std::vector<Value> in;
    for (const Value& v : node.in) {
      in.push_back(now[static_cast<std::size_t>(v.node)][static_cast<std::size_t>(v.output)]);
    }
    std::vector<Value>& values = now.emplace_back();
    if (node.op == &adam_op) {
      const auto& attrs = node.attrs.as<AdamAttrs>();
      to.graph->path = node.name;
      for (std::size_t i = 2; i < in.size();) {
        AdamTensors tensors{in[i], in[i + 1], in[i + 2], {}};
        i += 3;
        if (attrs.beta1 != 0) tensors.first = in[i++];
        const AdamResult result = adam(in[0], in[1], {{tensors}}, attrs).front();
        values.insert(values.end(), {result.parameter, result.second});
        if (attrs.beta1 != 0) values.push_back(result.first);
      }
      continue;
    }
    const Value copied = copy_node(*to.graph, node, in);
    for (std::size_t o = 0; o < node.types.size(); ++o) {
      values.push_back({to.graph.get(), copied.node, static_cast<int>(o)});
    }
    if (const auto i = lowered.input_nodes.find(n); i != lowered.input_nodes.end())
      to.input_nodes[copied.node] = i->second;
  }
  for (const Value& v : lowered.outputs) {
    to.outputs.push_back(now[static_cast<std::size_t>(v.node)][static_cast<std::size_t>(v.output)]);
  }
  to.known = known_nodes(*to.graph, options);
  return to;
}

}  // namespace g2face
