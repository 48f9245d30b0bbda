// Checkpoints with the recorded networks' weights, under the authors' names: what is converted computes what was
// recorded.

#include <doctest/doctest.h>

#include <sstream>

#include "golden_check/suite.hpp"
#include "golden_check/weights.hpp"
#include "io/temporary_folder.hpp"
#include "weights_converter/convert.hpp"
#include "weights_converter/state_dict.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

const std::filesystem::path recorded = G2FACE_TEST_DATA;

/// What golden_check says of a network with the weights of a model.
std::string checked(const std::string& network, const std::string& model) {
  std::ostringstream out;
  golden::Report report(golden::Report::Style::lines, out);
  golden::SuiteOptions options;
  options.model = model;
  options.stages = false;  // ctest's golden.nets compares them
  golden::check_path(recorded / "nets" / (network + ".safetensors"), options, report);
  report.close();
  return report.failed() == 0 && report.passed() > 0 ? "passed" : out.str();
}

/// A file of PyTorch with the recorded weights of some networks.
std::string checkpoint(const std::vector<std::string>& networks) {
  SavedTensors saved;
  std::vector<std::string> items;
  for (const std::string& network : networks) {
    const golden::Weights weights = golden::Weights::make(recorded / "manifests", network);
    std::vector<std::pair<std::string, Tensor>> entries;
    for (const std::string& name : weights.names)
      entries.emplace_back(name, weights.tensors.at(str(network, "/", name)));
    items.push_back(pickled::text(network));
    items.push_back(saved.dict(entries));
  }
  return torch_zip(pickled::dict(items), saved.storages, {.align = 64}, "little", "G2Face");
}

}  // namespace

TEST_CASE("a checkpoint with recorded weights is converted to a model that gives the recorded results") {
  const TemporaryFolder folder;
  const std::string input = (folder / "G2Face.pth").string(), output = (folder / "model.safetensors").string();
  const auto write = [&](const std::string& bytes) {
    write_bytes(input, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  };
  write(checkpoint({"map_2_id", "style_mlp"}));
  const weights::ConvertReport report = weights::convert({input}, output, {});
  CHECK(report.problems.empty());
  CHECK(checked("map_2_id", output) == "passed");
  CHECK(checked("style_mlp", output) == "passed");
  CHECK(checked("mobilefacenet", output).find("the model lacks arcface/conv1.0.weight") != std::string::npos);

  // The same values in 16 bits are others, and golden_check says so.
  weights::convert({input}, output, {.half = DType::bf16});
  CHECK(checked("map_2_id", output).find("the weights have SHA-256") != std::string::npos);
}
