#include "g2face/nn/ema.hpp"

#include <map>

namespace g2face {

bool is_averaged(std::string_view name, const EmaOptions& options) {
  return options.skip.empty() || name.find(options.skip) == std::string_view::npos;
}

std::vector<Update> ema_updates(const Scope& s, std::span<const Value> parameters, std::span<const Update> updates,
                                const EmaOptions& options) {
  std::map<std::string_view, Value> becomes;
  for (const Update& u : updates) becomes.emplace(u.name, u.value);
  std::vector<Value> averages, values;
  for (const Value& p : parameters) {
    const std::string& name = s.graph().node(p).name;
    check<GraphError>(s.graph().node(p).op == &parameter_op, "ema '", s.path(), "': value '", name,
                      "' is no parameter");
    if (!is_averaged(name, options)) continue;
    averages.push_back(s.param(name, p.shape(), init::as_buffer(init::zeros())));
    const auto it = becomes.find(name);
    values.push_back(it != becomes.end() ? it->second : p);
  }
  if (averages.empty()) return {};
  const std::vector<Value> results = ema(averages, values, {.decay = options.decay});
  std::vector<Update> own;
  for (std::size_t i = 0; i < results.size(); ++i) own.push_back({s.graph().node(averages[i]).name, results[i]});
  return own;
}

void begin_averages(Parameters& parameters, std::span<const Declared> averages, std::string_view scope_name) {
  for (const Declared& d : averages) {
    check<GraphError>(d.name.starts_with(str(scope_name, '/')), "average '", d.name, "' does not belong to '",
                      scope_name, "'");
    if (!parameters.contains(d.name)) {
      parameters.set(d.name, parameters.at(std::string_view(d.name).substr(scope_name.size() + 1)).clone());
    }
  }
}

}  // namespace g2face
