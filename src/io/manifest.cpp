#include "g2face/manifest.hpp"

#include <nlohmann/json.hpp>

#include "g2face/fill.hpp"
#include "io/atomic_file.hpp"
#include "io/input_file.hpp"
#include "io/safetensors_header.hpp"

namespace g2face {
namespace {

using nlohmann::json;

constexpr std::uintmax_t max_bytes = 64'000'000;
constexpr int max_depth = 4;

json parse_list(const std::string& file) {
  std::vector<std::uint8_t> bytes;
  try {
    bytes = io::read_file(file, max_bytes);
  } catch (const io::FileError& error) {
    throw CheckpointError(error.what());
  }
  const auto shallow = [&file](int depth, json::parse_event_t, json&) {
    check<CheckpointError>(depth <= max_depth, file, ": the JSON is nested deeper than ", max_depth, " levels");
    return true;
  };
  json list = json::parse(bytes, shallow, /*allow_exceptions=*/false);
  check<CheckpointError>(!list.is_discarded(), file, ": is not valid JSON");
  check<CheckpointError>(list.is_array(), file, ": is ", list.type_name(), ", expected a list of entries");
  return list;
}

// One object of the list, with errors that say which.
class Entry {
 public:
  Entry(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    check<CheckpointError>(object.is_object(), where_, " is ", object.type_name(), ", expected an object");
    where_ = str(where_, " ", io::in_quotes(text("name")));
  }

  const std::string& text(const char* field) const {
    const json& value = at(field);
    check<CheckpointError>(value.is_string(), where_, ": ", field, " is ", value.type_name(), ", expected a string");
    return value.get_ref<const std::string&>();
  }
  double number(const char* field) const {
    const json& value = at(field);
    check<CheckpointError>(value.is_number(), where_, ": ", field, " is ", value.type_name(), ", expected a number");
    return value.get<double>();
  }
  const json& list(const char* field) const {
    const json& value = at(field);
    check<CheckpointError>(value.is_array(), where_, ": ", field, " is ", value.type_name(), ", expected a list");
    return value;
  }
  bool has(const char* field) const { return object_.contains(field); }
  const std::string& where() const { return where_; }

  Type type() const {
    const std::string& dtype = text("dtype");
    check<CheckpointError>(dtype == "float32" || dtype == "int64", where_, ": dtype is ", io::in_quotes(dtype),
                           ", expected float32 or int64");
    std::vector<std::int64_t> dims;
    for (const json& extent : list("shape")) {
      check<CheckpointError>(extent.is_number_integer(), where_, ": shape holds ", extent.type_name(),
                             ", expected whole numbers");
      dims.push_back(extent.get<std::int64_t>());
    }
    try {
      return {dtype == "int64" ? DType::i64 : DType::f32, Shape(dims)};
    } catch (const ShapeError& error) {
      throw CheckpointError(where_ + ": " + error.what());
    }
  }

 private:
  const json& at(const char* field) const {
    const auto found = object_.find(field);
    check<CheckpointError>(found != object_.end(), where_, " lacks ", field);
    return *found;
  }

  const json& object_;
  std::string where_;
};

Tensor constant(const Entry& entry, const Type& type) {
  const json& values = entry.list("values");
  check<CheckpointError>(std::cmp_equal(values.size(), type.shape.numel()), entry.where(), ": ", type.str(), " needs ",
                         type.shape.numel(), " values, got ", values.size());
  Tensor result(type);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const json& value = values[i];
    const bool fits = type.dtype == DType::i64 ? value.is_number_integer() : value.is_number();
    check<CheckpointError>(fits, entry.where(), ": value ", i, " is no ", type.dtype);
    if (type.dtype == DType::i64) {
      result.mutable_as<std::int64_t>()[i] = value.get<std::int64_t>();
    } else {
      result.mutable_as<float>()[i] = static_cast<float>(value.get<double>());
    }
  }
  return result;
}

Tensor make_value(const Entry& entry, const Type& type) {
  const std::string& rule = entry.text("fill");
  if (rule == "constant") return constant(entry, type);
  check<CheckpointError>(rule == "uniform", entry.where(), ": fill is ", io::in_quotes(rule),
                         ", expected uniform or constant");
  check<CheckpointError>(type.dtype == DType::f32, entry.where(), ": a uniform fill is float32, not ", type.dtype);
  const std::string& name = entry.text("fill_name");
  const double scale = entry.number("fill_scale");
  const double offset = entry.number("fill_offset");
  return fill(name, type.shape, scale, offset);
}

std::string position(const std::string& path, std::size_t i) { return str(path, ": entry ", i); }

}  // namespace

std::vector<std::string> manifest_names(const std::string& path) {
  const json list = parse_list(path);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list.size(); ++i) names.push_back(Entry(list[i], position(path, i)).text("name"));
  return names;
}

Parameters load_manifest(const std::string& path, const std::string& prefix) {
  const json list = parse_list(path);
  Parameters result;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Entry entry(list[i], position(path, i));
    const std::string name = prefix + entry.text("name");
    check<CheckpointError>(!result.contains(name), entry.where(), " appears twice");
    const std::string& kind = entry.text("kind");
    check<CheckpointError>(kind == "param" || kind == "buffer", entry.where(), ": kind is ", io::in_quotes(kind),
                           ", expected param or buffer");
    const Type type = entry.type();
    if (!entry.has("alias_of")) {
      result.set(name, make_value(entry, type));
      continue;
    }
    const std::string& other = entry.text("alias_of");
    check<CheckpointError>(result.contains(prefix + other), entry.where(), ": alias_of names ", io::in_quotes(other),
                           ", which no earlier entry has");
    const Tensor shared = result.at(prefix + other);
    check<CheckpointError>(shared.type() == type, entry.where(), " is ", type.str(), ", but its alias ",
                           io::in_quotes(other), " is ", shared.type().str());
    result.set(name, shared);
  }
  return result;
}

}  // namespace g2face
