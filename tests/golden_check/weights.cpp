#include "weights.hpp"

#include <fstream>
#include <set>

#include "json_file.hpp"
#include "g2face/models/reference_fill.hpp"
#include "op_file.hpp"
#include "sha256.hpp"

namespace g2face::golden {
namespace {

using nlohmann::json;

const json& field(const json& entry, const char* key, const std::string& where) {
  const auto it = entry.find(key);
  check<FormatError>(it != entry.end(), where, ": '", key, "' is missing");
  return *it;
}

template <class T>
T field_as(const json& entry, const char* key, const std::string& where) {
  try {
    return field(entry, key, where).get<T>();
  } catch (const json::exception&) {
    throw FormatError(str(where, ": '", key, "' is ", entry.at(key).dump(), ", which is of another kind"));
  }
}

ManifestEntry read_entry(const json& j, const std::string& file) {
  check<FormatError>(j.is_object(), file, ": holds ", j.dump(), ", which is no object");
  ManifestEntry e;
  e.name = field_as<std::string>(j, "name", file);
  const std::string where = file + ": " + e.name;
  const auto dtype = field_as<std::string>(j, "dtype", where);
  check<FormatError>(dtype == "float32" || dtype == "int64", where, ": dtype '", dtype, "' is neither float32 nor int64");
  e.type.dtype = dtype == "int64" ? DType::i64 : DType::f32;
  e.type.shape = Shape(field_as<std::vector<std::int64_t>>(j, "shape", where));
  if (j.contains("alias_of")) e.alias_of = field_as<std::string>(j, "alias_of", where);
  const auto fill = field_as<std::string>(j, "fill", where);
  if (fill == "uniform") {
    e.fill_name = field_as<std::string>(j, "fill_name", where);
    e.scale = field_as<double>(j, "fill_scale", where);
    e.offset = field_as<double>(j, "fill_offset", where);
  } else {
    check<FormatError>(fill == "constant", where, ": fill '", fill, "' is neither uniform nor constant");
    e.values = field_as<std::vector<double>>(j, "values", where);
    check<FormatError>(static_cast<std::int64_t>(e.values.size()) == e.type.shape.numel(), where, ": has ",
                       e.values.size(), " values, but shape ", e.type.shape);
  }
  return e;
}

Tensor make(const ManifestEntry& e) {
  if (!e.fill_name.empty()) return fill(e.fill_name, e.type.shape, e.scale, e.offset);
  Tensor t(e.type);
  convert(e.values.data(), DType::f64, t.mutable_data(), e.type.dtype, t.numel());
  return t;
}

}  // namespace

std::vector<ManifestEntry> load_manifest(const std::filesystem::path& file) {
  const json j = load_json(file);
  check<FormatError>(j.is_array() && !j.empty(), file.string(), ": is no list of entries");
  std::vector<ManifestEntry> manifest;
  for (const json& e : j) manifest.push_back(read_entry(e, file.string()));
  return manifest;
}

Parameters make_weights(const std::vector<ManifestEntry>& manifest, const std::string& network) {
  Parameters weights;
  for (const ManifestEntry& e : manifest) weights.set(network + "/" + e.name, make(e));
  return weights;
}

std::optional<Checksums> checksums(const std::filesystem::path& manifests, const std::string& network,
                                   const std::vector<ManifestEntry>& manifest, const Parameters& weights) {
  const std::filesystem::path file = manifests / "checksums.json";
  if (!std::filesystem::exists(file)) return std::nullopt;
  const json all = load_json(file);
  const auto networks = all.find("networks");
  if (networks == all.end() || !networks->contains(network)) return std::nullopt;
  const std::string where = str(file.string(), ": ", network);
  Sha256 hash;
  for (const ManifestEntry& e : manifest) {
    const Tensor& t = weights.at(network + "/" + e.name);
    hash.add({static_cast<const std::byte*>(t.data()), t.bytes()});
  }
  return Checksums{hash.hex(), field_as<std::string>(networks->at(network), "sha256_of_all_entries_in_order", where)};
}

std::string disagreements(const std::vector<ManifestEntry>& manifest, const std::string& network,
                          std::span<const Declared> declared) {
  std::set<std::string> known;
  std::string text;
  for (const Declared& d : declared) {
    known.insert(d.name);
    const ManifestEntry* entry = nullptr;
    for (const ManifestEntry& e : manifest)
      if (network + "/" + e.name == d.name) entry = &e;
    if (!entry)
      text += str("; the manifest lacks ", d.name);
    else if (entry->type != d.type)
      text += str("; ", d.name, " is ", d.type.str(), " but ", entry->type.str(), " in the manifest");
  }
  for (const ManifestEntry& e : manifest)
    if (e.alias_of.empty() && !known.contains(network + "/" + e.name)) text += str("; the network lacks ", e.name);
  return text.empty() ? text : text.substr(2);
}

}  // namespace g2face::golden
