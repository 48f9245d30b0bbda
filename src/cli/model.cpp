// g2face model init | info | check | import-face | import-identity: model files.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>

#include "cli/common.hpp"
#include "g2face/models/check.hpp"
#include "g2face/models/face_model.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/models/trained_bits.hpp"
#include "g2face/version.hpp"
#include "io/face_model_import.hpp"
#include "io/json_text.hpp"

namespace g2face::cli {

namespace {

struct InitOptions {
  std::string config = "g2face-256", output, fill = "random";
  std::vector<std::string> networks;
  std::uint64_t seed = 0;
};

/// A preset's name, or a JSON file with the fields of ModelConfig.
ModelConfig load_config(const std::string& text) {
  const auto& presets = ModelConfig::preset_names();
  if (std::find(presets.begin(), presets.end(), text) != presets.end()) return ModelConfig::preset(text);
  std::ifstream file(text);
  check<UsageError>(file.good(), "--config ", text, ": neither a preset (", presets[0], ", ...) nor a readable file");
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  try {
    return ModelConfig::from_json(json);
  } catch (const CheckpointError& e) {
    throw CheckpointError(str(text, ": ", e.what()));
  }
}

int init(const InitOptions& o) {
  const ModelConfig config = load_config(o.config);
  std::vector<std::string_view> networks(o.networks.begin(), o.networks.end());
  if (networks.empty()) networks.assign(network_names().begin(), network_names().end());
  for (const std::string_view n : networks) {
    const auto known = network_names();
    check<UsageError>(std::find(known.begin(), known.end(), n) != known.end(), "--networks ", n, ": no such network");
  }
  Parameters parameters =
      new_parameters(networks, config, o.fill == "reference" ? Fill::reference : Fill::random, o.seed);
  config.store(parameters);
  parameters.save(o.output);
  say(LogLevel::info, str(o.output, ": ", config.name, ", ", parameters.element_count(), " numbers, ",
                          o.fill == "reference" ? "reference fill" : "random", " (not trained)"));
  return exit_code::ok;
}

std::map<std::string, std::int64_t> sizes_by_network(const Parameters& parameters) {
  std::map<std::string, std::int64_t> sizes;
  for (const auto& [name, tensor] : parameters) sizes[name.substr(0, name.find('/'))] += tensor.numel();
  return sizes;
}

ModelConfig config_of(const Parameters& parameters, const std::string& file) {
  try {
    return ModelConfig::of(parameters);
  } catch (const CheckpointError& e) {
    throw CheckpointError(str(file, ": ", e.what()));
  }
}

std::string_view words_for(std::optional<PayloadBits> bits) {
  return bits ? payload_bits_names.at(static_cast<std::size_t>(*bits)) : "unknown";
}

int info(const std::string& file, bool json) {
  const Parameters parameters = Parameters::load(file);
  const ModelConfig config = config_of(parameters, file);
  const auto sizes = sizes_by_network(parameters);
  if (json) {
    io::JsonObject networks;
    for (const auto& [name, n] : sizes) networks.set(name, n);
    std::cout << io::JsonObject()
                     .set("file", file)
                     .set("architecture", config.name)
                     .set("resolution", config.resolution)
                     .set("hidden_bits", config.bit_count())
                     .set("trained_on", words_for(trained_bits(parameters)))
                     .set("tensors", static_cast<std::int64_t>(parameters.size()))
                     .set("elements", networks)
                     .str()
              << "\n";
    return exit_code::ok;
  }
  std::cout << file << "\narchitecture  " << config.name << ", " << config.resolution << " px, " << config.bit_count()
            << " hidden bits, trained on: " << words_for(trained_bits(parameters)) << "\n";
  for (const auto& [name, n] : sizes)
    std::cout << "  " << name << std::string(20 - std::min<std::size_t>(19, name.size()), ' ') << n << "\n";
  std::cout << parameters.size() << " tensors, " << parameters.element_count() << " numbers\n";
  return exit_code::ok;
}

int check_file(const std::string& file, bool json) {
  const Parameters parameters = Parameters::load(file);
  const ModelConfig config = config_of(parameters, file);
  const ModelCheck found = check_model(parameters, config);
  std::vector<std::string> problems;
  problems.reserve(found.absent.size() + found.problems.size());
  for (const std::string& n : found.absent)
    problems.push_back(str("lacks the network ", n, ", which anonymizing needs"));
  problems.insert(problems.end(), found.problems.begin(), found.problems.end());
  if (json) {
    std::cout << io::JsonObject()
                     .set("file", file)
                     .set("architecture", config.name)
                     .set("networks", found.networks)
                     .set("problems", problems)
                     .str()
              << "\n";
  }
  for (const std::string& problem : problems) report_error(str(file, ": ", problem));
  check<CheckpointError>(problems.empty(), file, ": ", problems.size(),
                         " problems: get the file again, or train longer");
  if (!json) std::cout << file << ": complete (" << found.networks.size() << " networks), finite, plausible\n";
  return exit_code::ok;
}

int import_face(const std::vector<std::string>& files, const std::string& output) {
  const Parameters parameters = io::import_face_model(files);
  const FaceModel model = FaceModel::of(parameters);
  parameters.save(output);
  say(LogLevel::info, str(output, ": ", model.facts.name, ", ", model.vertices, " vertices, ",
                          model.triangles.shape()[0], " triangles, ", model.landmarks.size(), " landmarks; ",
                          model.identity, " identity, ", model.expression, " expression and ", model.texture,
                          " texture modes; licence: ", model.facts.licence.empty() ? "unknown" : model.facts.licence));
  return exit_code::ok;
}

/// Takes the identity network's tensors, under the names that its authors gave them, into a model.
int import_identity(const std::string& file, const std::string& into, const std::string& output) {
  constexpr std::string_view network = "arcface";
  Parameters model = Parameters::load(into);
  const ModelConfig config = config_of(model, into);
  const Parameters source = Parameters::load(file);
  Parameters imported;
  for (const auto& [name, tensor] : source) imported.set(str(network, "/", name), tensor);
  for (const Declared& d : declare(network, config)) {  // files leave counters of batches out
    const bool is_counter = d.name.ends_with("num_batches_tracked");
    if (is_counter && !imported.contains(d.name)) imported.set(d.name, d.init.values.clone());
  }
  try {
    adopt_parameters(imported, {&network, 1}, config);
  } catch (const CheckpointError& e) {
    throw CheckpointError(str(file, ": ", e.what()));
  }
  for (const auto& [name, tensor] : imported) model.set(name, tensor);
  const std::string& to = output.empty() ? into : output;
  model.save(to);
  say(LogLevel::info, str(to, ": ", source.size(), " tensors, ", source.element_count(), " numbers from ", file));
  return exit_code::ok;
}

}  // namespace

void add_model(CLI::App& app, int& code) {
  CLI::App* model = app.add_subcommand("model", "Make, describe and check model files");
  model->require_subcommand(1);

  CLI::App* make = model->add_subcommand("init", "Write a model with fresh values");
  const auto o = std::make_shared<InitOptions>();
  make->add_option("--config", o->config,
                   "a preset (g2face-256, g2face-slim-128, g2face-slim-64, g2face-slim-64-mobile) or a JSON file")
      ->capture_default_str();
  make->add_option("-o,--output", o->output, "safetensors file to write")->required();
  make->add_option("--fill", o->fill, "random: as training begins; reference: the values of the recorded tests")
      ->check(CLI::IsMember({"random", "reference"}))
      ->capture_default_str();
  make->add_option("--seed", o->seed, "of --fill random");
  make->add_option("--networks", o->networks, "only these (default: all)")->delimiter(',');
  add_log_options(*make);
  make->callback([o, &code] { code = init(*o); });

  const auto file = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  CLI::App* describe = model->add_subcommand("info", "What a model file holds");
  describe->add_option("file", *file, "safetensors file")->required();
  describe->add_flag("--json", *json, "as JSON");
  add_log_options(*describe);
  describe->callback([file, json, &code] { code = info(*file, *json); });

  CLI::App* verify = model->add_subcommand("check", "Is it complete, finite and plausible?");
  verify->add_option("file", *file, "safetensors file")->required();
  verify->add_flag("--json", *json, "as JSON");
  add_log_options(*verify);
  verify->callback([file, json, &code] { code = check_file(*file, *json); });

  const auto output = std::make_shared<std::string>();
  CLI::App* face = model->add_subcommand("import-face", "Make a 3D face model of BFM_model_front.mat or ICT-FaceKit");
  const auto files = std::make_shared<std::vector<std::string>>();
  face->add_option("files", *files,
                   "MATLAB file of the Basel Face Model, or all the files that it is made of; or safetensors of "
                   "ICT-FaceKit")
      ->required();
  face->add_option("-o,--output", *output, "safetensors file to write")->required();
  add_log_options(*face);
  face->callback([files, output, &code] { code = import_face(*files, *output); });

  const auto into = std::make_shared<std::string>();
  CLI::App* identity = model->add_subcommand("import-identity", "Put a trained identity network into a model");
  identity->add_option("file", *file, "its safetensors, with the names of its authors (MobileFaceNet: conv1.0.weight)")
      ->required();
  identity->add_option("--into", *into, "model whose configuration names that network")->required();
  identity->add_option("-o,--output", *output, "safetensors file to write (default: the model itself)");
  add_log_options(*identity);
  identity->callback([file, into, output, &code] { code = import_identity(*file, *into, *output); });
}

}  // namespace g2face::cli
