// g2face train: a run from beginning to end, stopped and resumed, and what it refuses.

#include <cstring>
#include <limits>

#include "cli/program.hpp"
#include "g2face/train/checkpoint.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

/// Faces, and a configuration as small as a training can be.
struct Training {
  TemporaryFolder folder;
  fs::path dir = folder.path();
  static constexpr const char* config = R"({"model": "g2face-slim-64", "architecture": {
      "resolution": 16, "channels": {"4": 8, "8": 8, "16": 8}, "style_bands": [2, 2, 2], "style_dim": 16,
      "extractor_width": 8, "extractor_blocks": 1, "arcface_size": 16},
      "batch": 4, "weights": {"lpips": 0}, "r1_interval": 2, "report_every": 1, "sample_every": 4,
      "checkpoint_every": 2, "steps": 4, "samples": 3})";

  Training() {
    write_text(dir / "train.json", config);
    fs::create_directory(dir / "faces");
    for (int i = 0; i < 6; ++i)
      save_image((dir / "faces" / str(i, ".png")).string(), g2face::fill(str("train/", i), Shape{1, 3, 20, 20}, 0.9));
  }
  std::string in(const std::string& name) const { return str("'", (dir / name).string(), "'"); }
  Outcome train(const std::string& run, const std::string& more = "") const {
    return run_program("train --untrained --data " + in("faces") + " -o " + in(run) + " " + more);
  }
  std::string bytes(const std::string& name) const { return read_text(dir / name); }
};

}  // namespace

TEST_CASE("train: a run leaves a model, checkpoints, samples and curves; stopped and resumed it is the same") {
  const Training t;
  Outcome r = t.train("whole", "--test " + t.in("faces") + " --config " + t.in("train.json"));
  INFO(r.text);
  REQUIRE(r.code == 0);
  CHECK(r.says("step 4/4, "));
  CHECK(r.says("test of step 2: bits wrong "));
  CHECK(r.says("test of step 4: bits wrong "));
  CHECK(load_image((t.dir / "whole/test.png").string()).shape() == Shape{1, 3, 64, 48});
  CHECK(r.says("samples of step 4: bits wrong "));
  CHECK(load_image((t.dir / "whole/samples/step-00000004.png").string()).shape() == Shape{1, 3, 64, 48});
  CHECK(t.bytes("whole/log.txt").find("step 1/4, ") != std::string::npos);
  const Parameters model = Parameters::load((t.dir / "whole/model.safetensors").string());
  CHECK(model.contains("generator/conv1.conv.weight"));
  CHECK_FALSE(model.contains("adam/second/generator/conv1.conv.weight"));
  CHECK(ModelConfig::of(model).resolution == 16);

  REQUIRE(t.train("parts", "--steps 2 --config " + t.in("train.json")).code == 0);
  r = t.train("parts", "--config " + t.in("train.json"));
  CHECK(r.code == 2);
  CHECK(r.says("holds a training: go on with --resume"));
  r = t.train("parts", "--resume --steps 4");
  INFO(r.text);
  REQUIRE(r.code == 0);
  CHECK(r.says("going on after step 2"));
  const auto tensors = [&](const char* run) {
    return load_checkpoint((t.dir / run / "checkpoints/step-00000004.safetensors").string());
  };
  const Checkpoint whole = tensors("whole"), parts = tensors("parts");
  CHECK(whole.parameters.size() == parts.parameters.size());
  for (const auto& entry : whole.parameters)
    CHECK_MESSAGE(std::memcmp(entry.second.data(), parts.parameters.at(entry.first).data(), entry.second.bytes()) == 0,
                  entry.first);
  CHECK(whole.state == parts.state);
  CHECK(whole.state.score.has_value());
  CHECK(t.bytes("whole/checkpoints/best").find("step-00000004") != std::string::npos);
}

TEST_CASE("train: a signal saves, and the run goes on from there") {
  const Training t;
  const std::string command = program("train --untrained --steps 100000 --data " + t.in("faces") + " -o " +
                                      t.in("run") + " --config " + t.in("train.json"));
  Outcome r = run_shell(str(command, " & P=$!; for i in $(seq 600); do grep -q 'step 3/' ", t.in("run/log.txt"),
                            " 2>/dev/null && break; sleep 0.1; done; kill -TERM $P; wait $P"));
  INFO(r.text);
  CHECK(r.code == 130);
  CHECK(r.says("interrupted: go on with --resume"));
  r = t.train("run", "--resume --steps 1");
  CHECK(r.code == 0);
  CHECK(r.says("nothing to do: "));
}

TEST_CASE("train: a value that is not finite stops it, and the node is named") {
  const Training t;
  REQUIRE(t.train("good", "--steps 1 --config " + t.in("train.json")).code == 0);
  Parameters bad = Parameters::load((t.dir / "good/model.safetensors").string());
  bad.at("style_mlp/style_low.0.weight").mutable_as<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  bad.save((t.dir / "bad.safetensors").string());
  const Outcome r = t.train("run", "--start " + t.in("bad.safetensors") + " --config " + t.in("train.json"));
  INFO(r.text);
  CHECK(r.code != 0);
  CHECK(r.one_error());
  CHECK(r.says("looking for the first node, from the last checkpoint"));
  CHECK(r.says("style_mlp/style_low.0"));
  CHECK(r.says("gave a value that is not finite"));
  CHECK_FALSE(fs::exists(t.dir / "run/checkpoints"));
}

TEST_CASE("train: what cannot work is refused in one line, before anything is written") {
  const Training t;
  const std::string config = "--config " + t.in("train.json");
  fs::create_directory(t.dir / "empty");
  write_text(t.dir / "typo.json", R"({"bacth": 4})");
  write_text(t.dir / "range.json", R"({"batch": 6})");
  struct Refusal {
    std::string arguments;
    int code;
    const char* words;
  };
  for (const Refusal& refusal : std::initializer_list<Refusal>{
           {"--untrained --data " + t.in("faces"), 2, "no configuration: give --config FILE"},
           {"--untrained --data " + t.in("faces") + " --config " + t.in("typo.json"), 2, "batch"},
           {"--untrained --data " + t.in("faces") + " --config " + t.in("range.json"), 2, "multiple of 4"},
           {"--untrained --data " + t.in("empty") + " " + config, 3, "empty"},
           {"--untrained --data " + t.in("nowhere") + " " + config, 3, "nowhere"},
           {"--data " + t.in("faces") + " " + config, 2, "its parameters have to be given: --start FILE"},
           {"--untrained --resume --data " + t.in("faces") + " " + config, 2, "holds no training to resume"},
           {"--untrained --data " + t.in("faces") + " --start " + t.in("train.json") + " " + config, 5,
            "train.json"}}) {
    const Outcome r = run_program("train -o " + t.in("run") + " " + refusal.arguments);
    CAPTURE(refusal.arguments);
    CAPTURE(r.text);
    CHECK(r.code == refusal.code);
    CHECK(r.one_error());
    CHECK(r.says(refusal.words));
  }
  CHECK_FALSE(fs::exists(t.dir / "run/checkpoints"));
}

TEST_CASE("train: resuming wants the same images, and passes over a damaged checkpoint") {
  const Training t;
  REQUIRE(t.train("run", "--config " + t.in("train.json")).code == 0);
  std::string damaged = t.bytes("run/checkpoints/step-00000004.safetensors");
  damaged.resize(damaged.size() / 2);
  write_text(t.dir / "run/checkpoints/step-00000004.safetensors", damaged);
  Outcome r = t.train("run", "--resume --steps 4");
  INFO(r.text);
  CHECK(r.code == 0);
  CHECK(r.says("going on after step 2"));
  save_image((t.dir / "faces/7.png").string(), fill("train/7", {1, 3, 20, 20}, 0.9));
  r = t.train("run", "--resume --steps 6");
  CHECK(r.code == 2);
  CHECK(r.says("holds other images than those that the training began with"));
}
