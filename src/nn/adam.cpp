#include "g2face/nn/adam.hpp"

namespace g2face {

std::vector<Update> adam_updates(const Scope& s, Value step, std::span<const AdamGroup> groups,
                                 const AdamAttrs& attrs) {
  std::vector<Update> updates;
  for (const AdamGroup& group : groups) {
    check<GraphError>(group.parameters.size() == group.gradients.size(), "adam '", s.path(),
                      "': ", group.parameters.size(), " parameters have ", group.gradients.size(), " gradients");
    if (group.parameters.empty()) continue;
    std::vector<AdamTensors> tensors;
    const auto kept = [&](const char* moment, Value p) {
      return s.param(str(moment, '/', s.graph().node(p).name), p.shape(), init::as_buffer(init::zeros()));
    };
    for (std::size_t i = 0; i < group.parameters.size(); ++i) {
      const Value p = group.parameters[i];
      check<GraphError>(s.graph().node(p).op == &parameter_op, "adam '", s.path(), "': value ", i,
                        " of a group is no parameter");
      tensors.push_back({p, group.gradients[i], kept("second", p), attrs.beta1 == 0 ? Value{} : kept("first", p)});
    }
    const std::vector<AdamResult> results = adam(step, group.rate, tensors, attrs);
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto add = [&](Value old, Value value) { updates.push_back({s.graph().node(old).name, value}); };
      add(tensors[i].parameter, results[i].parameter);
      add(tensors[i].second, results[i].second);
      if (attrs.beta1 != 0) add(tensors[i].first, results[i].first);
    }
  }
  return updates;
}

}  // namespace g2face
