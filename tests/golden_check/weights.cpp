#include "weights.hpp"

#include <map>
#include <set>

#include "g2face/manifest.hpp"
#include "io/sha256.hpp"
#include "json_file.hpp"
#include "op_file.hpp"

namespace g2face::golden {

Weights Weights::make(const std::filesystem::path& manifests, const std::string& network) {
  const std::filesystem::path file = manifests / (network + ".json");
  return {network, manifest_names(file), load_manifest(file, network + "/")};
}

Weights Weights::of_model(const std::filesystem::path& manifests, const std::string& network, const Parameters& model,
                          std::string_view in_model) {
  Weights weights = make(manifests, network);
  std::map<const void*, Tensor> taken;  // by the recorded tensor, which may have a second name
  for (const std::string& name : weights.names) {
    const std::string key = str(network, "/", name), wanted = str(in_model, "/", name);
    const Tensor recorded = weights.tensors.at(key);
    if (model.contains(wanted)) {
      const Tensor& t = model.at(wanted);
      taken[recorded.data()] = is_float(t.dtype()) ? t.to(DType::f32) : t;
    }
    const auto found = taken.find(recorded.data());
    check<CheckpointError>(found != taken.end(), "the model lacks ", wanted);
    weights.tensors.set(key, found->second);
  }
  return weights;
}

std::optional<Checksums> checksums(const std::filesystem::path& manifests, const Weights& weights) {
  const std::filesystem::path file = manifests / "checksums.json";
  if (!std::filesystem::exists(file)) return std::nullopt;
  const nlohmann::json all = load_json(file);
  const nlohmann::json::json_pointer entry("/networks/" + weights.network + "/sha256_of_all_entries_in_order");
  if (!all.contains(entry)) return std::nullopt;
  check<FormatError>(all.at(entry).is_string(), file.string(), ": the checksum of ", weights.network, " is no text");
  io::Sha256 hash;
  for (const std::string& name : weights.names) {
    const Tensor& t = weights.tensors.at(weights.network + "/" + name);
    hash.add({static_cast<const std::uint8_t*>(t.data()), t.bytes()});
  }
  return Checksums{hash.finish(), all.at(entry).get<std::string>()};
}

std::string disagreements(const Weights& weights, std::span<const Declared> declared) {
  std::set<std::string> known;
  std::set<const void*> in_use;
  std::string text;
  for (const Declared& d : declared) {
    known.insert(d.name);
    if (!weights.tensors.contains(d.name)) {
      text += str("; the manifest lacks ", d.name);
      continue;
    }
    const Tensor& t = weights.tensors.at(d.name);
    in_use.insert(t.data());
    if (t.type() != d.type)
      text += str("; ", d.name, " is ", d.type.str(), " but ", t.type().str(), " in the manifest");
  }
  for (const auto& [name, tensor] : weights.tensors)
    if (!known.contains(name) && !in_use.contains(tensor.data())) text += str("; the network lacks ", name);
  return text.empty() ? text : text.substr(2);
}

}  // namespace g2face::golden
