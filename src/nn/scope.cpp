#include "g2face/nn/scope.hpp"

#include <algorithm>
#include <map>

#include "g2face/ops/random.hpp"

namespace g2face {
namespace {

Tensor filled_by(const Type& type, double scale, std::uint64_t seed, std::uint64_t stream,
                 std::array<double, 4> (*block)(std::uint64_t, std::uint64_t, std::uint64_t), double offset) {
  Tensor result({DType::f64, type.shape});
  const std::span<double> out = result.mutable_as<double>();
  for (std::size_t i = 0; i < out.size(); i += 4) {
    const std::array<double, 4> numbers = block(seed, stream, i / 4);
    for (std::size_t j = i; j < std::min(i + 4, out.size()); ++j) out[j] = scale * numbers[j - i] + offset;
  }
  return result.to(type.dtype);
}

Tensor fresh(const Declared& d, std::uint64_t seed) {
  const std::uint64_t stream = random_stream(d.name);
  switch (d.init.kind) {
    case Init::Kind::constant:
      return Tensor::full(d.type, d.init.a);
    case Init::Kind::normal:
      return filled_by(d.type, d.init.a, seed, stream, random_normal_block, 0);
    case Init::Kind::uniform:
      return filled_by(d.type, 2 * d.init.a, seed, stream, random_uniform_block, -d.init.a);
    case Init::Kind::values:
      return d.init.values.clone();
  }
  throw GraphError(str("parameter '", d.name, "': unknown kind of initial value"));
}

}  // namespace

struct Scope::Root {
  Graph* graph;
  std::string network;
  std::vector<Declared> declared;
  std::map<std::string, std::size_t, std::less<>> index;  // into declared, by name
  std::vector<Update> updates;

  std::string join(const std::string& path, std::string_view child) const {
    check<GraphError>(!child.empty(), "scope '", path, "': the name of a child must not be empty");
    const std::string_view separator = path != network ? "." : network.empty() ? "" : "/";
    return str(path, separator, child);
  }
};

Scope::Scope(Graph& graph, std::string_view network)
    : root_(std::make_shared<Root>(Root{&graph, std::string(network), {}, {}, {}})), path_(network) {}

Scope Scope::operator/(std::string_view child) const {
  Scope s = *this;
  s.path_ = root_->join(path_, child);
  return s;
}

Scope Scope::operator/(int child) const { return *this / std::to_string(child); }

Value Scope::param(std::string_view name, const Shape& shape, Init init) const {
  root_->graph->path = path_;
  const std::string full = root_->join(path_, name);
  const Type type{init.dtype, shape};
  check<GraphError>(init.kind != Init::Kind::values || (init.values && init.values.type() == type), "parameter '", full,
                    "' is ", type.str(), ", but its initial values are ",
                    init.values ? init.values.type().str() : std::string("missing"));
  if (const auto found = root_->index.find(full); found != root_->index.end()) {
    Declared& earlier = root_->declared[found->second];
    check<GraphError>(earlier.type == type, "parameter '", full, "' is declared as ", earlier.type.str(),
                      " and again as ", type.str());
    earlier.trainable = earlier.trainable || (!frozen_ && !init.buffer);
    return earlier.value;
  }
  const Value value = root_->graph->parameter(type, full);
  root_->index.emplace(full, root_->declared.size());
  const bool trainable = !frozen_ && !init.buffer;
  root_->declared.push_back({full, type, std::move(init), value, trainable});
  return value;
}

void Scope::update(Value param, Value new_value) const {
  const auto declared =
      std::find_if(root_->declared.begin(), root_->declared.end(), [&](const Declared& d) { return d.value == param; });
  check<GraphError>(declared != root_->declared.end(), "scope '", path_,
                    "': an update needs a parameter that was declared under this root");
  check<GraphError>(new_value.type() == declared->type, "update of parameter '", declared->name, "' ",
                    declared->type.str(), " by a value of type ", new_value.type().str());
  const auto earlier = std::find_if(root_->updates.begin(), root_->updates.end(),
                                    [&](const Update& u) { return u.name == declared->name; });
  if (earlier != root_->updates.end()) {
    earlier->value = new_value;
  } else {
    root_->updates.push_back({declared->name, new_value});
  }
}

Value Scope::result(Value value) const {
  root_->graph->mark(path_, value);
  return value;
}

Scope Scope::frozen() const {
  Scope s = *this;
  s.frozen_ = true;
  return s;
}

Scope Scope::in_training(bool training) const {
  Scope s = *this;
  s.training_ = training;
  return s;
}

Graph& Scope::graph() const { return *root_->graph; }
const std::vector<Declared>& Scope::declared() const { return root_->declared; }
const std::vector<Update>& Scope::updates() const { return root_->updates; }

std::vector<Value> Scope::trainable(std::string_view prefix) const {
  std::vector<Value> values;
  for (const Declared& d : root_->declared)
    if (d.trainable && d.name.starts_with(prefix)) values.push_back(d.value);
  return values;
}

Parameters initial_parameters(std::span<const Declared> declared, std::uint64_t seed) {
  Parameters parameters;
  for (const Declared& d : declared) parameters.set(d.name, fresh(d, seed));
  return parameters;
}

}  // namespace g2face
