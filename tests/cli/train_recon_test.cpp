// g2face train recon: a run on a bare clone, stopped and resumed, and what it refuses.

#include "cli/program.hpp"
#include "g2face/train/checkpoint.hpp"

using namespace g2face;
using namespace g2face::test;

TEST_CASE("train recon: a run from nothing leaves network and face model; stopped and resumed it is the same") {
  const TemporaryFolder folder;
  const fs::path dir = folder.path();
  const auto in = [&](const std::string& name) { return str("'", (dir / name).string(), "'"); };
  const std::string small = R"("model": "g2face-slim-64", "architecture": {"resolution": 16,
      "channels": {"4": 8, "8": 8, "16": 8}, "style_bands": [2, 2, 2], "recon_width": 4}, "batch": 2, "report_every": 1,
      "sample_every": 2, "checkpoint_every": 1, "steps": 2, "samples": 2)";
  write_text(dir / "train.json", "{" + small + "}");
  write_text(dir / "photo.json", R"({"weights": {"photo": 1}, )" + small + "}");
  write_text(dir / "typo.json", R"({"weights": {"fotos": 1}})");
  const std::string config = " --config " + in("train.json");
  const auto train = [&](const std::string& run, const std::string& more) {
    return run_program("train recon -o " + in(run) + " " + more);
  };
  Outcome r = train("whole", config);
  INFO(r.text);
  REQUIRE(r.code == 0);
  CHECK(r.says("samples of step 2: landmarks "));
  CHECK(load_image((dir / "whole/samples/step-00000002.png").string()).shape() == Shape{1, 3, 48, 32});
  const Parameters model = Parameters::load((dir / "whole/model.safetensors").string());
  CHECK(model.contains("recon/backbone.conv1.weight"));
  CHECK(model.contains("face_model/texture"));
  REQUIRE(train("parts", "--steps 1" + config).code == 0);
  REQUIRE(train("parts", "--resume --steps 2").code == 0);
  CHECK(read_text(dir / "whole/model.safetensors") == read_text(dir / "parts/model.safetensors"));

  struct Refusal {
    std::string arguments;
    int code;
    const char* words;
  };
  for (const Refusal& refusal :
       std::initializer_list<Refusal>{{"--config " + in("typo.json"), 2, "photo"},
                                      {"--config " + in("photo.json"), 2, "--photos and a weight"},
                                      {"--photos " + in("nowhere") + config, 2, "--photos and a weight"},
                                      {"--photos " + in("nowhere") + " --config " + in("photo.json"), 3, "nowhere"},
                                      {"--data " + in("nowhere") + config, 3, "nowhere"},
                                      {"--face-model " + in("train.json") + config, 5, "train.json"}}) {
    r = train("refused", refusal.arguments);
    CAPTURE(refusal.arguments);
    CAPTURE(r.text);
    CHECK(r.code == refusal.code);
    CHECK(r.one_error());
    CHECK(r.says(refusal.words));
  }
}
