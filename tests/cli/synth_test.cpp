// g2face synth: what it writes, that it writes it again, and what it refuses.

#include <nlohmann/json.hpp>
#include <string>

#include "cli/program.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

struct Folder {
  TemporaryFolder folder;
  fs::path dir = folder.path();
  std::string in(const std::string& name) const { return str("'", (dir / name).string(), "'"); }
  std::string text(const std::string& name) const { return read_text(dir / name); }
};

}  // namespace

TEST_CASE("synth writes pictures, labels and the model; any part of a set is the same again") {
  const Folder f;
  Outcome r = run_program("synth -n 3 --seed 4 --size 32 --per-identity 2 --threads 2 -o " + f.in("a") + " --sheet " +
                          f.in("sheet.png"));
  REQUIRE(r.code == 0);
  CHECK(r.says("[3/3] "));
  CHECK(std::distance(fs::directory_iterator(f.dir / "a"), {}) == 5);
  CHECK(load_image((f.dir / "sheet.png").string()).shape() == Shape{1, 3, 64, 64});
  CHECK(Parameters::load((f.dir / "a/face_model.safetensors").string()).contains("face_model/identity"));
  std::istringstream lines(f.text("a/labels.jsonl"));
  std::vector<nlohmann::json> labels;
  for (std::string line; std::getline(lines, line);) labels.push_back(nlohmann::json::parse(line));
  REQUIRE(labels.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(labels[i].at("file") == str("000000", i, ".png"));
    CHECK(labels[i].at("person") == i / 2);
    CHECK(labels[i].at("landmarks").size() == 68);
    CHECK(labels[i].at("visible").size() == 68);
    CHECK(labels[i].at("gamma").size() == 27);
  }
  CHECK(labels[0].at("identity") == labels[1].at("identity"));
  CHECK(labels[0].at("identity") != labels[2].at("identity"));

  r = run_program("synth -n 1 --first 2 --seed 4 --size 32 --per-identity 2 --threads 1 -o " + f.in("b"));
  REQUIRE(r.code == 0);
  CHECK(f.text("a/0000002.png") == f.text("b/0000002.png"));
  CHECK(f.text("a/labels.jsonl").ends_with(f.text("b/labels.jsonl")));

  r = run_program("synth -n 3 --seed 4 --size 32 -o " + f.in("a"));
  CHECK(r.code == 2);
  CHECK(r.one_error());
  CHECK(r.says("labels.jsonl: exists: give another -o, or --overwrite"));
}

TEST_CASE("synth refuses what makes no sense before it starts") {
  const Folder f;
  for (const auto& [given, words] :
       {std::pair("-n 3", "nothing to write: give -o FOLDER, --sheet FILE or both"),
        std::pair("-o x", "no pictures asked for: give -n N, or --identities K"),
        std::pair("-o x -n 5 --identities 2 --per-identity 3", "-n 5 disagrees with --identities 2"),
        std::pair("-n 1025 --sheet x.png", "--sheet shows at most 1024 pictures, not 1025"),
        std::pair("-o x -n 3 --size 16", "--size"), std::pair("-o x -n 0", "--count"),
        std::pair("-o x -n 1 --seed 9007199254740992", "--seed"),
        std::pair("-o x --identities 2000000", "at most 1000000 pictures at once")}) {
    const Outcome r = run_shell("cd " + f.in("") + "; " + program(str("synth ", given)));
    const std::string arguments = given;
    CAPTURE(arguments);
    CHECK(r.code == 2);
    CHECK(r.one_error());
    CHECK(r.says(words));
  }
  CHECK(fs::is_empty(f.dir));
}

TEST_CASE("synth says where it cannot write, and leaves no half of a file") {
  const Folder f;
  write_text(f.dir / "file", "");
  Outcome r = run_program("synth -n 1 --size 32 -o " + f.in("file/out"));
  CHECK(r.code == 3);
  CHECK(r.one_error());
  CHECK(r.says("cannot make the folder"));
  r = run_shell("trap '' XFSZ; ulimit -f 4; " + program("synth -n 2 --size 64 -o " + f.in("full")));
  CHECK(r.code == 3);
  CHECK(r.one_error());
  CHECK(r.says("raise the limit for file sizes"));
  CHECK(fs::is_empty(f.dir / "full"));
  write_text(f.dir / "model.safetensors", "");
  r = run_program("synth -n 1 --size 32 -o " + f.in("out") + " --face-model " + f.in("model.safetensors"));
  CHECK(r.code == 5);
  CHECK(r.one_error());
}
