#include "case_builder.hpp"

#include <cmath>

namespace g2face::golden {
namespace {

bool trains(const OpCase& c) {
  if (const auto it = c.attr().find("train"); it != c.attr().end()) return it->is_boolean() && it->get<bool>();
  const auto it = c.attr().find("mode");
  return it != c.attr().end() && it->is_string() && it->get<std::string>() == "train";
}

}  // namespace

CaseBuilder::CaseBuilder(const OpCase& golden, Graph& graph)
    : case_(golden), graph_(graph), scope_(Scope(graph, "").in_training(trains(golden))) {}

bool CaseBuilder::has_input(const std::string& name) const { return case_.has("input." + name); }

Value CaseBuilder::input(const std::string& name) {
  if (const auto it = inputs_.find(name); it != inputs_.end()) return it->second.first;
  const Tensor recorded = case_.get("input." + name);
  const Tensor tensor = recorded.dtype() == DType::f32 ? recorded : recorded.to(DType::f32);
  const Value value = graph_.input(tensor.type(), name);
  inputs_.emplace(name, std::pair(value, tensor));
  return value;
}

Value CaseBuilder::only_input() {
  const std::vector<std::string> names = case_.names("input");
  check<FormatError>(names.size() == 1, "op '", case_.op(), "' takes one input, but the case has ", names.size());
  return input(names[0]);
}

std::int64_t CaseBuilder::param_extent(const std::string& key, int axis) const {
  const Shape shape = case_.shape("param." + key);
  check<FormatError>(axis < shape.rank(), "param.", key, " has shape ", shape, ", which has no axis ", axis);
  return shape[axis];
}

Tensor CaseBuilder::lent(const std::string& key) const {
  const auto it = lent_.find(key);
  return it != lent_.end() ? it->second : Tensor{};
}

const nlohmann::json& CaseBuilder::attribute(const char* key) const {
  const auto it = case_.attr().find(key);
  check<FormatError>(it != case_.attr().end(), "attribute '", key, "' is missing");
  return *it;
}

std::int64_t CaseBuilder::integer(const char* key) const {
  const nlohmann::json& j = attribute(key);
  check<FormatError>(j.is_number_integer(), "attribute '", key, "' is ", j.dump(), ", which is no integer");
  return j.get<std::int64_t>();
}

double CaseBuilder::number(const char* key) const {
  const nlohmann::json& j = attribute(key);
  check<FormatError>(j.is_number(), "attribute '", key, "' is ", j.dump(), ", which is no number");
  return j.get<double>();
}

bool CaseBuilder::flag(const char* key, bool otherwise) const {
  if (!case_.attr().contains(key)) return otherwise;
  const nlohmann::json& j = attribute(key);
  check<FormatError>(j.is_boolean(), "attribute '", key, "' is ", j.dump(), ", which is neither true nor false");
  return j.get<bool>();
}

std::string CaseBuilder::text(const char* key) const {
  const nlohmann::json& j = attribute(key);
  if (j.is_null()) return {};
  check<FormatError>(j.is_string(), "attribute '", key, "' is ", j.dump(), ", which is no string");
  return j.get<std::string>();
}

std::vector<std::int64_t> CaseBuilder::integers(const char* key, std::size_t count) const {
  const nlohmann::json& j = attribute(key);
  std::vector<std::int64_t> v;
  if (j.is_number_integer()) v.assign(count, j.get<std::int64_t>());
  if (j.is_array())
    for (const nlohmann::json& e : j)
      if (e.is_number_integer()) v.push_back(e.get<std::int64_t>());
  check<FormatError>(v.size() == count, "attribute '", key, "' is ", j.dump(), ", expected ", count, " integers");
  return v;
}

std::vector<double> CaseBuilder::numbers(const char* key) const {
  const nlohmann::json& j = attribute(key);
  std::vector<double> v;
  if (j.is_array())
    for (const nlohmann::json& e : j)
      if (e.is_number()) v.push_back(e.get<double>());
  check<FormatError>(!v.empty() && v.size() == j.size(), "attribute '", key, "' is ", j.dump(), ", expected numbers");
  return v;
}

void CaseBuilder::require(const char* key, double value) const {
  if (!case_.attr().contains(key)) return;
  check<FormatError>(std::abs(number(key) - value) <= 1e-12 * std::abs(value), "attribute '", key, "' is ", number(key),
                     ", but the library knows only ", value);
}

}  // namespace g2face::golden
