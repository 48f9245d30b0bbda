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
  CHECK(r.says("labels.jsonl: exists: give another -o, --resume to go on, or --overwrite"));
}

TEST_CASE("synth --resume makes of any state what an uninterrupted run makes") {
  const Folder f;
  REQUIRE(run_program("synth -n 6 --seed 4 --size 32 --per-identity 2 -o " + f.in("whole")).code == 0);
  // The model from its file: the head need not be made anew.
  const std::string model = " --face-model " + f.in("whole/face_model.safetensors");
  const std::string set = "synth -n 6 --seed 4 --size 32 --per-identity 2" + model + " -o ";
  const auto same = [&](const std::string& name) {
    CHECK(std::distance(fs::directory_iterator(f.dir / name), {}) == 8);
    for (const auto& entry : fs::directory_iterator(f.dir / "whole")) {
      const std::string file = entry.path().filename().string();
      CAPTURE(file);
      CHECK(f.text("whole/" + file) == f.text(name + "/" + file));
    }
  };

  // Killed: two labels and a half, one picture more than labels, one damaged.
  fs::copy(f.dir / "whole", f.dir / "part");
  fs::remove(f.dir / "part/labels.jsonl");
  const std::string labels = f.text("whole/labels.jsonl");
  write_text(f.dir / "part/labels.partial.jsonl", labels.substr(0, labels.find("\n", labels.find("\n") + 1) + 100));
  for (const char* gone : {"3", "4", "5"}) fs::remove(f.dir / str("part/000000", gone, ".png"));
  fs::resize_file(f.dir / "part/0000001.png", 500);
  const auto untouched = fs::last_write_time(f.dir / "part/0000000.png");
  CHECK(run_program(set + f.in("part")).says("exists: give another -o, --resume to go on, or --overwrite"));
  Outcome r = run_program(set + f.in("part") + " --resume --sheet " + f.in("resumed.png"));
  CHECK(r.code == 0);
  same("part");
  CHECK(fs::last_write_time(f.dir / "part/0000000.png") == untouched);

  // Finished: nothing to do, and a sheet of what is there.
  r = run_program(set + f.in("part") + " --resume --sheet " + f.in("again.png"));
  CHECK(r.code == 0);
  CHECK(f.text("again.png") == f.text("resumed.png"));
  fs::remove(f.dir / "part/0000002.png");
  CHECK(run_program(set + f.in("part") + " --resume").code == 0);
  same("part");

  // Begun with fewer; and with nothing.
  REQUIRE(run_program("synth -n 2 --seed 4 --size 32 --per-identity 2" + model + " -o " + f.in("fewer")).code == 0);
  CHECK(run_program(set + f.in("fewer") + " --resume").code == 0);
  same("fewer");

  // Interrupted by the user, at some time after the first picture.
  r = run_shell(program(set + f.in("cut") + " --threads 1 & p=$!; while [ ! -e " + f.in("cut/0000001.png") +
                        " ]; do sleep 0.01; done; kill -INT $p; wait $p"));
  CHECK((r.code == 130 || r.code == 0));
  for (const auto& entry : fs::directory_iterator(f.dir / "cut")) CHECK(entry.path().extension() != ".tmp");
  CHECK(run_program(set + f.in("cut") + " --resume").code == 0);
  same("cut");
}

TEST_CASE("synth --resume refuses a set that this run would not write, and leaves it alone") {
  const Folder f;
  REQUIRE(run_program("synth -n 2 --seed 4 --size 32 -o " + f.in("a")).code == 0);
  const std::string labels = f.text("a/labels.jsonl"),
                    into = " --face-model " + f.in("a/face_model.safetensors") + " -o " + f.in("a");
  for (const auto& [given, words] :
       {std::pair("-n 2 --seed 5 --size 32", "0000000.png: seed is 4, this run's is 5"),
        std::pair("-n 2 --seed 4 --size 64", "0000000.png: size is 32, this run's is 64"),
        std::pair("-n 2 --seed 4 --size 32 --per-identity 2", "0000001.png: person is 1, this run's is 0"),
        std::pair("-n 1 --seed 4 --size 32", "has picture 1, this run draws 0..0"),
        std::pair("-n 2 --seed 4 --size 32 --overwrite", "excludes")}) {
    const Outcome r = run_program(str("synth --resume ", given, into));
    const std::string expected = words;
    CAPTURE(expected);
    CHECK(r.code == 2);
    CHECK(r.one_error());
    CHECK(r.says(words));
    CHECK(f.text("a/labels.jsonl") == labels);
  }
  CHECK(run_program("synth -n 2 --resume --sheet " + f.in("x.png")).says("--resume: nothing to go on with"));
  write_text(f.dir / "a/labels.jsonl", labels + "{}\n");
  const Outcome r = run_program("synth -n 2 --seed 4 --size 32 --resume" + into);
  CHECK(r.code == 3);
  CHECK(r.one_error());
  CHECK(r.says("labels.jsonl: line 3 is no label of a synthetic picture"));
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
