#include "op_file.hpp"

#include <algorithm>
#include <set>

#include "g2face/fill.hpp"

namespace g2face::golden {
namespace {

using nlohmann::json;

constexpr std::string_view kinds[] = {"input.",    "param.",       "output.", "cotangent.", "grad.",  "cotangent2.",
                                      "gradgrad.", "state_after.", "r1grad.", "digest.",    "sample."};

constexpr std::int64_t max_elements = std::int64_t{1} << 28;

bool has_known_kind(std::string_view tensor) {
  return std::any_of(std::begin(kinds), std::end(kinds), [&](std::string_view k) { return tensor.starts_with(k); });
}

json parse(const std::string& text, const std::string& where) {
  try {
    return json::parse(text);
  } catch (const json::exception& e) {
    throw FormatError(str(where, ": is no JSON: ", e.what()));
  }
}

Shape shape_of(const json& j, const std::string& where) {
  check<FormatError>(j.is_array(), where, ": 'shape' is no list");
  std::vector<std::int64_t> dims;
  for (const json& d : j) {
    check<FormatError>(d.is_number_integer(), where, ": 'shape' holds ", d.dump(), ", which is no integer");
    dims.push_back(d.get<std::int64_t>());
  }
  return Shape(dims);
}

double number_of(const json& entry, const char* key, double otherwise, const std::string& where) {
  const auto it = entry.find(key);
  if (it == entry.end() || it->is_null()) return otherwise;
  check<FormatError>(it->is_number(), where, ": '", key, "' is ", it->dump(), ", which is no number");
  return it->get<double>();
}

}  // namespace

OpCase::OpCase(const OpFile& file, std::string name) : file_(&file), name_(std::move(name)) {
  const auto& metadata = file.tensors().metadata();
  const auto it = metadata.find(name_ + "/attr");
  check<FormatError>(it != metadata.end(), "the metadata have no '", name_, "/attr'");
  attr_ = parse(it->second, name_ + "/attr");
  check<FormatError>(attr_.is_object(), name_, "/attr: is no object");
  const auto op = attr_.find("op");
  check<FormatError>(op != attr_.end() && op->is_string(), name_, "/attr: 'op' is missing or no string");
  op_ = op->get<std::string>();
  if (const auto fill = attr_.find("fill"); fill != attr_.end())
    check<FormatError>(fill->is_object(), name_, "/attr: 'fill' is no object");
  for (const auto& [tensor, unused] : file.tensors())
    if (tensor.starts_with(name_ + "/"))
      check<FormatError>(has_known_kind(std::string_view(tensor).substr(name_.size() + 1)), "tensor '", tensor,
                         "' is of no known kind");
}

const json* OpCase::fill_entry(const std::string& tensor) const {
  const auto fill = attr_.find("fill");
  if (fill == attr_.end()) return nullptr;
  const auto it = fill->find(tensor);
  return it == fill->end() ? nullptr : &*it;
}

std::vector<std::string> OpCase::names(std::string_view kind) const {
  const std::string wanted = str(kind, '.');
  std::set<std::string> found;
  const std::string prefix = name_ + "/" + wanted;
  for (const auto& [tensor, unused] : file_->tensors())
    if (tensor.starts_with(prefix)) found.insert(tensor.substr(prefix.size()));
  if (const auto fill = attr_.find("fill"); fill != attr_.end())
    for (const auto& item : fill->items())
      if (item.key().starts_with(wanted)) found.insert(item.key().substr(wanted.size()));
  return {found.begin(), found.end()};
}

bool OpCase::has(const std::string& tensor) const {
  return file_->tensors().contains(name_ + "/" + tensor) || fill_entry(tensor) != nullptr;
}

Tensor OpCase::get(const std::string& tensor) const {
  const std::string full = name_ + "/" + tensor;
  if (file_->tensors().contains(full)) return file_->tensors().at(full);
  const json* entry = fill_entry(tensor);
  check<FormatError>(entry != nullptr, "there is no tensor '", full, "', and no fill entry for it");
  return make(tensor, *entry);
}

Shape OpCase::shape(const std::string& tensor) const {
  const std::string full = name_ + "/" + tensor;
  if (file_->tensors().contains(full)) return file_->tensors().at(full).shape();
  const json* entry = fill_entry(tensor);
  check<FormatError>(entry != nullptr, "there is no tensor '", full, "', and no fill entry for it");
  return fill_shape(tensor, *entry);
}

std::optional<Tensor> OpCase::made(const std::string& tensor) const {
  const json* entry = fill_entry(tensor);
  if (!entry || !file_->tensors().contains(name_ + "/" + tensor)) return std::nullopt;
  return make(tensor, *entry);
}

Shape OpCase::fill_shape(const std::string& tensor, const json& entry) const {
  const std::string where = str(name_, "/attr: fill entry '", tensor, "'");
  check<FormatError>(entry.is_object() && entry.contains("shape"), where, ": has no 'shape'");
  const Shape shape = shape_of(entry.at("shape"), where);
  check<FormatError>(shape.numel() <= max_elements, where, ": shape ", shape, " is too large");
  return shape;
}

Tensor OpCase::make(const std::string& tensor, const json& entry) const {
  const std::string where = str(name_, "/attr: fill entry '", tensor, "'");
  std::string fill_name = name_ + "/" + tensor;
  if (const auto it = entry.find("name"); it != entry.end()) {
    check<FormatError>(it->is_string(), where, ": 'name' is no string");
    fill_name = it->get<std::string>();
  }
  const Shape shape = fill_shape(tensor, entry);
  return fill(fill_name, shape, number_of(entry, "scale", 1, where), number_of(entry, "offset", 0, where));
}

Tensor OpCase::borrowed(const std::string& tensor) const {
  std::vector<std::string> lenders;
  const std::string text = attr_.dump();
  for (const std::string& other : file_->cases())
    if (other != name_ && text.find(other) != std::string::npos) lenders.push_back(other);
  for (const std::string& other : file_->cases())
    if (other != name_ && OpCase(*file_, other).op() == op_) lenders.push_back(other);
  for (const std::string& other : lenders)
    if (const std::string full = other + "/" + tensor; file_->tensors().contains(full))
      return file_->tensors().at(full);
  return {};
}

std::vector<std::string> OpCase::list(const std::string& key) const {
  std::vector<std::string> strings;
  const auto it = attr_.find(key);
  if (it == attr_.end()) return strings;
  check<FormatError>(it->is_array(), name_, "/attr: '", key, "' is no list");
  for (const json& s : *it) {
    check<FormatError>(s.is_string(), name_, "/attr: '", key, "' holds ", s.dump(), ", which is no string");
    strings.push_back(s.get<std::string>());
  }
  return strings;
}

OpFile::OpFile(const std::filesystem::path& path) : path_(path), tensors_(Parameters::load(path)) {
  const auto& metadata = tensors_.metadata();
  const auto list = metadata.find("cases");
  check<FormatError>(list != metadata.end(), "the metadata have no 'cases'");
  const json cases = parse(list->second, "'cases'");
  check<FormatError>(cases.is_array(), "'cases' is no list");
  std::set<std::string> seen;
  for (const json& c : cases) {
    check<FormatError>(c.is_string(), "'cases' holds ", c.dump(), ", which is no string");
    cases_.push_back(c.get<std::string>());
    check<FormatError>(seen.insert(cases_.back()).second, "'cases' holds '", cases_.back(), "' twice");
  }
  check<FormatError>(!cases_.empty(), "'cases' is empty");
  const auto family = metadata.find("family");
  check<FormatError>(family != metadata.end() && !family->second.empty(), "the metadata have no 'family'");
  family_ = family->second;
}

std::vector<std::string> OpFile::orphans() const {
  std::vector<std::string> names;
  for (const auto& [tensor, unused] : tensors_)
    if (std::none_of(cases_.begin(), cases_.end(),
                     [&, &name = tensor](const std::string& c) { return name.starts_with(c + "/"); }))
      names.push_back(tensor);
  return names;
}

bool is_op_file(const Parameters& tensors) { return tensors.metadata().contains("family"); }

}  // namespace g2face::golden
