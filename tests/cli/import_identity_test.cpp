#include "cli/program.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

/// A slim model whose identity network is another one's, and that one as its authors would publish it.
struct Import {
  TemporaryFolder folder;
  std::string model = (folder / "model.safetensors").string(), file = (folder / "trained.safetensors").string();
  Parameters trained;

  Import() {
    constexpr std::string_view networks[] = {"arcface", "map_2_id"}, only[] = {"arcface"};
    const ModelConfig config = ModelConfig::preset("g2face-slim-64-mobile");
    new_parameters(networks, config, Fill::random, 1).save(model);
    for (const auto& [name, tensor] : new_parameters(only, config, Fill::random, 2)) {
      if (!name.ends_with("num_batches_tracked")) trained.set(name.substr(8), tensor);
    }
  }
  Outcome run(const std::string& more = "") const {
    trained.save(file);
    return run_program(str("model import-identity '", file, "' --into '", model, "' ", more));
  }
};

}  // namespace

TEST_CASE("model import-identity puts a network's tensors into a model and leaves the others") {
  const Import i;
  const Tensor other = Parameters::load(i.model).at("map_2_id/map_2_id.0.weight").clone();
  const std::string out = (i.folder / "out.safetensors").string();
  CHECK(i.run(str("-o '", out, "'")).code == 0);
  const Outcome r = i.run();
  CHECK(r.code == 0);
  CHECK(r.says(i.model + ": "));
  CHECK(read_text(out) == read_text(i.model));
  const Parameters model = Parameters::load(i.model);
  CHECK(ModelConfig::of(model).name == "g2face-slim-64-mobile");
  CHECK(relative_error(model.at("arcface/conv3.weight"), i.trained.at("conv3.weight")) == 0);
  CHECK(relative_error(model.at("map_2_id/map_2_id.0.weight"), other) == 0);
}

TEST_CASE("model import-identity lists all that does not fit, and then writes nothing") {
  Import i;
  i.trained.erase("bn.weight");
  i.trained.set("conv3.bias", Tensor::zeros({DType::f32, {3}}));
  i.trained.set("fc.weight", Tensor::zeros({DType::f32, {3}}));
  const std::string before = read_text(i.model);
  const Outcome r = i.run();
  CHECK(r.code == 5);
  CHECK(r.one_error());
  for (const char* name : {"trained.safetensors: ", "missing: arcface/bn.weight", "arcface/conv3.bias f32[3]",
                           "not known: arcface/fc.weight"})
    CHECK(r.says(name));
  CHECK(read_text(i.model) == before);
}
