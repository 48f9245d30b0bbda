// g2face train identity: a run from pictures of synth, stopped and resumed, with and without a teacher.

#include <cstring>

#include "cli/program.hpp"
#include "g2face/train/checkpoint.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

/// Three people with two pictures each, in folders, and a configuration as small as a training can be.
struct People {
  TemporaryFolder folder;
  fs::path dir = folder.path();

  People() {
    write_text(dir / "train.json", R"({"model": "g2face-slim-64-mobile", "architecture": {
        "resolution": 16, "channels": {"4": 8, "8": 8, "16": 8}, "style_bands": [2, 2, 2], "identity_dim": 8,
        "arcface_size": 32, "arcface_width": 4}, "batch": 4, "held_out": {"people": 2, "images": 2}, "report_every": 1,
        "sample_every": 4, "checkpoint_every": 2, "steps": 4})");
    for (int i = 0; i < 8; ++i) {
      const fs::path person = dir / "people" / str("person ", i / 2);
      fs::create_directories(person);
      save_image((person / str(i, ".png")).string(), g2face::fill(str("face ", i), Shape{1, 3, 16, 16}, 0.9));
    }
  }
  std::string in(const std::string& name) const { return str("'", (dir / name).string(), "'"); }
  Outcome train(const std::string& run, const std::string& more) const {
    return run_program("train identity --data " + in("people") + " -o " + in(run) + " " + more);
  }
};

}  // namespace

TEST_CASE("train identity: a run leaves a network to begin with; stopped and resumed it is the same") {
  const People t;
  const std::string config = "--config " + t.in("train.json");
  Outcome r = t.train("whole", config);
  INFO(r.text);
  REQUIRE(r.code == 0);
  CHECK(r.says("4 images of 2 people to train with, 4 held out"));
  CHECK(r.says("train/classes "));
  CHECK(r.says("samples of step 4: cosine same person "));
  const Parameters model = Parameters::load((t.dir / "whole/model.safetensors").string());
  CHECK(model.contains("arcface/conv1.0.weight"));
  CHECK_FALSE(model.contains("classes/weight"));
  CHECK(ModelConfig::of(model).identity_dim == 8);

  REQUIRE(t.train("parts", "--steps 2 " + config).code == 0);
  r = t.train("parts", "--resume --steps 4");
  INFO(r.text);
  REQUIRE(r.code == 0);
  CHECK(read_text(t.dir / "whole/model.safetensors") == read_text(t.dir / "parts/model.safetensors"));
  CHECK(load_checkpoint((t.dir / "whole/checkpoints/step-00000004.safetensors").string()).state ==
        load_checkpoint((t.dir / "parts/checkpoints/step-00000004.safetensors").string()).state);

  // The first run's network teaches another, which remembers it when it goes on.
  write_text(t.dir / "teach.json",
             read_text(t.dir / "train.json").insert(1, R"("weights": {"classes": 0, "teacher": 1},)"));
  const std::string taught = "--config " + t.in("teach.json");
  r = t.train("taught", taught);
  CHECK(r.code == 2);
  CHECK(r.one_error());
  CHECK(r.says("--teacher FILE"));
  r = t.train("taught", taught + " --steps 2 --teacher " + t.in("whole/model.safetensors"));
  INFO(r.text);
  REQUIRE(r.code == 0);
  r = t.train("taught", "--resume --steps 4");
  INFO(r.text);
  REQUIRE(r.code == 0);
  CHECK(r.says("samples of step 4: cosine to teacher "));
}

TEST_CASE("train identity: what cannot work is refused in one line") {
  const People t;
  const std::string config = "--config " + t.in("train.json");
  write_text(t.dir / "typo.json", R"({"margni": 0.5})");
  write_text(t.dir / "list.txt", "people/person 0/0.png\tann\npeople/person 1/2.png\n");
  write_text(t.dir / "lost.txt", "a.png\tann\nb.png\tbob\nc.png\tcarl\nd.png\tdora\ne.png\tema\n");
  fs::create_directory(t.dir / "labelled");
  write_text(t.dir / "labelled/labels.jsonl", "{\"file\": \"0.png\"}\n");
  struct Refusal {
    std::string arguments;
    int code;
    const char* words;
  };
  for (const Refusal& refusal : std::initializer_list<Refusal>{
           {"--data " + t.in("people"), 2, "no configuration"},
           {config, 2, "--data is required"},
           {"--data " + t.in("people") + " --config " + t.in("typo.json"), 2, "margin"},
           {"--data " + t.in("list.txt") + " " + config, 3, "does not say who that is"},
           {"--data " + t.in("lost.txt") + " " + config, 3, ".png"},
           {"--data " + t.in("labelled") + " " + config, 3, "labels.jsonl: line 1"},
           {"--data " + t.in("people/person 0") + " " + config, 3, "lies in no folder of a person"}}) {
    const Outcome r = run_program("train identity -o " + t.in("run") + " " + refusal.arguments);
    CAPTURE(refusal.arguments);
    CAPTURE(r.text);
    CHECK(r.code == refusal.code);
    CHECK(r.one_error());
    CHECK(r.says(refusal.words));
  }
  CHECK_FALSE(fs::exists(t.dir / "run/checkpoints"));
}
