// The command line of the conversion, on files of PyTorch.

#include <doctest/doctest.h>

#include <sstream>

#include "io/temporary_folder.hpp"
#include "models/tiny.hpp"
#include "weights_converter/commands.hpp"
#include "weights_converter/state_dict.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

struct Said {
  int code = -1;
  std::string out, errors;
};

Said run(const std::vector<std::string>& arguments) {
  std::ostringstream out, errors;
  const int code = weights::run_program(arguments, out, errors);
  return {code, out.str(), errors.str()};
}

bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

/// {"map_2_id": {...}} as torch.save writes it.
std::string saved(const Parameters& parameters) {
  SavedTensors tensors;
  std::vector<std::pair<std::string, Tensor>> entries;
  for (const auto& [name, t] : parameters) entries.emplace_back(name.substr(name.find('/') + 1), t);
  const std::string network = tensors.dict(entries);
  return torch_zip(pickled::dict({pickled::text("map_2_id"), network}), tensors.storages);
}

struct Place {
  TemporaryFolder folder;
  std::string input = (folder / "m.pth").string(), output = (folder / "model.safetensors").string();
  Parameters parameters;

  Place() {
    const std::string_view network[] = {"map_2_id"};
    parameters = new_parameters(network, tests::tiny_config(), Fill::reference);
    write(parameters);
  }
  void write(const Parameters& p) const {
    const std::string bytes = saved(p);
    write_bytes(input, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
};

}  // namespace

TEST_CASE("g2face-convert: a file of PyTorch becomes a model, and the report says how") {
  const Place p;
  const Said said = run({p.input, "-o", p.output});
  CHECK(said.errors == "");
  CHECK(said.code == 0);
  CHECK(has(said.out, "the authors' G2Face (zip, --map g2face): 9 tensors used, 0 ignored"));
  CHECK(has(said.out, "missing, and needed to anonymize: generator, style_mlp"));
  const Parameters model = Parameters::load(p.output);
  for (const auto& entry : p.parameters) {
    CAPTURE(entry.first);
    CHECK(relative_error(model.at(entry.first), entry.second) == 0);
  }
  CHECK(has(model.metadata().at("g2face"), "\"file\":\"m.pth\""));
  const Said json = run({"--json", "--map", "g2face", "--half", "bf16", "--only", "map_2_id", p.input, "-o", p.output});
  CHECK(json.code == 0);
  CHECK(has(json.out, "\"map_2_id/map_2_id.0.bias\":\"map_2_id/map_2_id.0.bias\""));
  CHECK(p.folder.file_count() == 2);
}

TEST_CASE("g2face-convert: what is wrong is one line and an exit code, and leaves nothing") {
  const Place p;
  const auto failed = [&](int code, const std::vector<std::string>& arguments, const std::string& words) {
    const Said said = run(arguments);
    CAPTURE(said.errors);
    CHECK(said.code == code);
    CHECK(has(said.errors, "g2face-convert: error: "));
    CHECK(has(said.errors, words));
    CHECK(said.errors.find('\n') == said.errors.size() - 1);
    CHECK(p.folder.file_count() == 1);
  };
  failed(2, {}, "a file to convert");
  failed(2, {p.input}, "--output");
  failed(2, {p.input, "-o", p.output, "--map", "g3face"}, "g3face");
  failed(2, {p.input, "-o", p.output, "--only", "generators"}, "generators");
  failed(2, {p.input, "-o", p.output, "--rename", "a*b*=c"}, "at most one *");
  failed(3, {p.output, "-o", p.output}, p.output);
  failed(3, {p.input, "-o", p.output, "--map", "onnx"}, "is no ONNX file");
  failed(3, {p.input, "-o", p.output, "--rename", "map_2_id/*=*"}, "no mapping knows");
  failed(5, {p.input, "-o", p.input}, "is one of the inputs");
  failed(5, {p.input, p.input, "-o", p.output}, "given twice");
  failed(5, {p.input, "-o", (p.folder / "none" / "model.safetensors").string()}, "create the folder first");
  Parameters less = p.parameters;
  less.erase("map_2_id/map_2_id.0.bias");
  p.write(less);
  failed(5, {p.input, "-o", p.output}, "missing: map_2_id/map_2_id.0.bias");
}
