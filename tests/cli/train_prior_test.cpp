// g2face train prior: from a folder of faces to a file that g2face train begins with.

#include <cstring>

#include "cli/program.hpp"
#include "g2face/train/checkpoint.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

struct Faces {
  TemporaryFolder folder;
  fs::path dir = folder.path();
  static constexpr const char* architecture = R"("model": "g2face-slim-64", "architecture": {
      "resolution": 16, "channels": {"4": 8, "8": 8, "16": 8}, "style_bands": [2, 2, 2], "style_dim": 16,
      "extractor_width": 8, "extractor_blocks": 1, "arcface_size": 16}, "batch": 4, "report_every": 1)";

  Faces() {
    write_text(dir / "prior.json",
               str("{", architecture, R"(, "preset": "prior-64", "mapping_depth": 2, "r1_interval": 2,
        "path_length_interval": 2, "ada": {"p": 0.2}, "sample_every": 4, "checkpoint_every": 2, "steps": 4,
        "samples": 3})"));
    write_text(dir / "train.json", str("{", architecture, R"(, "weights": {"lpips": 0}, "steps": 1})"));
    fs::create_directory(dir / "faces");
    for (int i = 0; i < 6; ++i)
      save_image((dir / "faces" / str(i, ".png")).string(), g2face::fill(str("train/", i), Shape{1, 3, 20, 20}, 0.9));
  }
  std::string in(const std::string& name) const { return str("'", (dir / name).string(), "'"); }
  Outcome prior(const std::string& run, const std::string& more = "") const {
    return run_program("train prior --data " + in("faces") + " -o " + in(run) + " " + more);
  }
};

}  // namespace

TEST_CASE("train prior: its model is one that train starts from; stopped and resumed it is the same") {
  const Faces t;
  Outcome r = t.prior("whole", "--seed 3 --config " + t.in("prior.json"));
  INFO(r.text);
  REQUIRE(r.code == 0);
  CHECK(r.says("step 4/4, "));
  CHECK(r.says("path length/penalty "));
  CHECK(r.says("r1/penalty "));
  CHECK(r.says("samples of step 4: logit of photos "));
  CHECK(load_image((t.dir / "whole/samples/step-00000004.png").string()).shape() == Shape{1, 3, 32, 48});
  REQUIRE(t.prior("parts", "--seed 3 --steps 2 --config " + t.in("prior.json")).code == 0);
  r = t.prior("parts", "--resume --steps 4");
  INFO(r.text);
  REQUIRE(r.code == 0);
  CHECK(read_text(t.dir / "whole/model.safetensors") == read_text(t.dir / "parts/model.safetensors"));
  const auto checkpoint = [&](const char* run) {
    return load_checkpoint((t.dir / run / "checkpoints/step-00000004.safetensors").string());
  };
  const Checkpoint whole = checkpoint("whole"), parts = checkpoint("parts");
  CHECK(whole.parameters.contains("ada/p"));
  CHECK(whole.parameters.size() == parts.parameters.size());
  for (const auto& entry : whole.parameters)
    CHECK_MESSAGE(std::memcmp(entry.second.data(), parts.parameters.at(entry.first).data(), entry.second.bytes()) == 0,
                  entry.first);

  r = run_program("train --untrained --data " + t.in("faces") + " -o " + t.in("next") + " --config " +
                  t.in("train.json") + " --start " + t.in("whole/model.safetensors"));
  INFO(r.text);
  REQUIRE(r.code == 0);
  const Parameters next = Parameters::load((t.dir / "next/model.safetensors").string());
  CHECK(next.contains("generator/pyramid.0.conv1.conv.weight"));
  CHECK_FALSE(next.contains("mapping/w_avg"));
}

TEST_CASE("train prior: what cannot work is refused in one line") {
  const Faces t;
  write_text(t.dir / "typo.json", R"({"preset": "prior-64", "mixng": 1})");
  struct Refusal {
    std::string arguments;
    int code;
    const char* words;
  };
  for (const Refusal& refusal : std::initializer_list<Refusal>{
           {"prior -o " + t.in("run") + " --config " + t.in("prior.json"), 2, "--data is required"},
           {"prior --data " + t.in("faces") + " --config " + t.in("prior.json"), 2, "-o is required"},
           {"--data " + t.in("faces"), 2, "-o is required"},
           {"prior --data " + t.in("faces") + " -o " + t.in("run") + " --config " + t.in("typo.json"), 2,
            "did you mean mixing?"},
           {"prior --data " + t.in("faces") + " -o " + t.in("run"), 2, "no configuration: give --config FILE"}}) {
    const Outcome r = run_program("train " + refusal.arguments);
    CAPTURE(refusal.arguments);
    CAPTURE(r.text);
    CHECK(r.code == refusal.code);
    CHECK(r.one_error());
    CHECK(r.says(refusal.words));
  }
  CHECK_FALSE(fs::exists(t.dir / "run/checkpoints"));
}
