// anonymize --manifest and --resume.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/program.hpp"
#include "g2face/anonymizer.hpp"
#include "g2face/eval/metrics.hpp"
#include "io/sha256.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

/// A folder "in" of faces that differ.
struct Faces : Place {
  explicit Faces(int count) {
    fs::create_directories(dir / "in");
    for (int i = 0; i < count; ++i)
      save_image(dir / str("in/", i, ".png"), g2face::fill(str("face", i), {1, 3, 64, 64}, 0.9));
  }
  fs::path manifest() const { return dir / "out/manifest.jsonl"; }
  Outcome run(const std::string& more = "") const { return run_program(anonymize("in", "out", more)); }
};

std::vector<nlohmann::json> lines_of(const fs::path& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("the manifest holds what can be checked from the files") {
  const Faces p(2);
  write_text(p.dir / "in/bad.png", "no picture");
  CHECK(p.run("--identity seed:3").code == 1);
  const auto lines = lines_of(p.manifest());
  REQUIRE(lines.size() == 3);
  const std::string model = io::sha256_of_file(p.model);
  Anonymizer anonymizer(p.model, {.threads = 1});
  for (int i = 0; i < 2; ++i) {
    const auto& line = lines[static_cast<std::size_t>(i)];
    const fs::path input = p.dir / str("in/", i, ".png"), output = p.dir / str("out/", i, ".png");
    CHECK(line.at("input") == input.string());
    CHECK(line.at("input_sha256") == io::sha256_of_file(input));
    CHECK(line.at("output") == output.string());
    CHECK(line.at("output_sha256") == io::sha256_of_file(output));
    CHECK(line.at("action") == "replaced");
    CHECK(line.at("box") == nlohmann::json({0, 0, 64, 64}));
    CHECK(line.at("identity") == "seed:3");
    CHECK(line.at("seed") == 3);
    CHECK(line.at("recoverable") == true);
    CHECK(line.at("model_sha256") == model);
    CHECK(line.at("time").get<std::string>().size() == 20);
    CHECK(line.at("seconds") > 0);

    // The same figures by the public interface.
    const Anonymized made = anonymizer.anonymize(load_image(input.string()), {.seed = 3});
    const Tensor written = load_image(output.string());
    const Tensor logits = anonymizer.read_bits(written);
    const auto near = [](double x) { return doctest::Approx(x).epsilon(1e-4); };
    CHECK(line.at("similarity_before").get<double>() == near(cosine(made.identity, made.virtual_identity)));
    CHECK(line.at("similarity_after").get<double>() ==
          near(cosine(made.identity, anonymizer.analyze(written).identity)));
    CHECK(line.at("bit_error_rate").get<double>() == near(bit_error_rate(logits, made.bits)));
    CHECK(line.at("payload_margin").get<double>() == near(payload_margin(logits, made.bits)));
  }
  CHECK(lines[2].at("action") == "failed");
  CHECK(lines[2].at("reason").get<std::string>().find("bad.png: ") != std::string::npos);
  CHECK(lines[2].at("input_sha256") == io::sha256("no picture"));
}

TEST_CASE("where the manifest goes, and that fresh seeds are kept nowhere") {
  const Faces p(1);
  CHECK(run_program(p.anonymize("face.png", "a.png")).code == 0);
  CHECK(p.files() == 4);  // model, face, in, a.png
  Outcome r =
      run_program(p.anonymize("face.png", "a.png", "--manifest " + p.in("logs/m.jsonl") + " --json 2>/dev/null"));
  CHECK(r.code == 0);
  CHECK(r.text == read_text(p.dir / "logs/m.jsonl"));
  CHECK(!r.says("seed"));
  CHECK(run_program(p.anonymize("face.png", "a.png", "--no-recovery --manifest " + p.in("logs/m.jsonl"))).code == 0);
  const auto lines = lines_of(p.dir / "logs/m.jsonl");
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].at("recoverable") == false);
  CHECK(!lines[1].contains("bit_error_rate"));

  CHECK(p.run("--no-manifest").code == 0);
  CHECK(!fs::exists(p.manifest()));
  CHECK(p.run("--no-manifest --resume").code == 2);
  CHECK(run_program(p.anonymize("face.png", "a.png", "--resume")).says("--resume: nothing says what is done"));
  r = run_program(p.anonymize("face.png", "a.png", "--manifest " + p.in("face.png")));
  CHECK(r.code == 2);
  CHECK(r.says("choose another --manifest"));
  // Neither a model nor any other file that was named by mistake is touched.
  const std::string before = read_text(p.model);
  r = run_program(p.anonymize("face.png", "a.png", "--manifest '" + p.model + "'"));
  CHECK(r.code == 3);
  CHECK(r.one_error());
  CHECK(r.says("model.safetensors: line 1: not a line of a manifest"));
  CHECK(read_text(p.model) == before);
}

TEST_CASE("--resume does what is not done, and nothing else") {
  const Faces p(3);
  CHECK(p.run().code == 0);
  const auto result = [&](int i) { return read_text(p.dir / str("out/", i, ".png")); };
  const std::vector<std::string> first = {result(0), result(1), result(2)};
  const std::string manifest = read_text(p.manifest());

  Outcome r = p.run("--resume");
  CHECK(r.code == 0);
  CHECK(r.says("3 of 3 were done before"));
  CHECK(read_text(p.manifest()) == manifest);

  fs::remove(p.dir / "out/0.png");                     // a result that is gone
  write_text(p.dir / "out/1.png", first[1] + "more");  // or was changed
  save_image(p.dir / "in/3.png", fill("new", {1, 3, 64, 64}));
  r = p.run("--resume");
  CHECK(r.says("1 of 4 were done before"));
  CHECK(fs::exists(p.dir / "out/0.png"));
  CHECK(result(1) != first[1] + "more");
  CHECK(result(2) == first[2]);
  CHECK(fs::exists(p.dir / "out/3.png"));
  CHECK(lines_of(p.manifest()).size() == 6);

  save_image(p.dir / "in/2.png", fill("another", {1, 3, 64, 64}));  // another input, other options, another model
  CHECK(p.run("--resume").says("3 of 4 were done before"));
  CHECK(!p.run("--resume --identity seed:1").says("done before"));
  CHECK(!p.run("--resume --no-recovery").says("done before"));
  CHECK(run_program("model init --config g2face-slim-64 --seed 9 -o '" + p.model + "'").code == 0);
  CHECK(!p.run("--resume").says("done before"));
  CHECK(p.run("--resume").says("4 of 4 were done before"));
  // Without --resume everything is done again.
  CHECK(!p.run().says("done before"));
}

TEST_CASE("--resume does not anonymize twice what replaced its input") {
  const Faces p(2);
  CHECK(run_program(p.anonymize("in", "in", "--in-place")).code == 0);
  const std::string once = read_text(p.dir / "in/0.png");
  CHECK(run_program(p.anonymize("in", "in", "--in-place --resume")).says("2 of 2 were done before"));
  CHECK(read_text(p.dir / "in/0.png") == once);
}

TEST_CASE("a cut last line is forgiven, a bad line elsewhere is named") {
  const Faces p(2);
  CHECK(p.run().code == 0);
  const std::string manifest = read_text(p.manifest());
  write_text(p.manifest(), manifest.substr(0, manifest.size() - 40));
  Outcome r = p.run("--resume");
  CHECK(r.code == 0);
  CHECK(r.says("its last line was cut"));
  CHECK(r.says("1 of 2 were done before"));
  CHECK(lines_of(p.manifest()).size() == 2);

  write_text(p.manifest(), "{\"input\":\"x\"}\n" + manifest);
  r = p.run("--resume");
  CHECK(r.code == 3);
  CHECK(r.one_error());
  CHECK(r.says("manifest.jsonl: line 1: not a line of a manifest: lacks \"action\""));
}

TEST_CASE("a manifest that cannot grow ends the run, and stays whole") {
  const Faces p(1);
  std::string long_past;
  REQUIRE(p.run().code == 0);
  const std::string line = read_text(p.manifest());
  while (long_past.size() + line.size() < 64 * 1024) long_past += line;
  write_text(p.manifest(), long_past);
  const Outcome r = run_shell("ulimit -f 64; " + program(p.anonymize("in", "out")));
  CHECK(r.code == 3);
  CHECK(r.one_error());
  CHECK(r.says("manifest.jsonl: cannot write the manifest"));
  CHECK(read_text(p.manifest()) == long_past);
}

TEST_CASE("Ctrl-C: exit code 130, what was finished stays, --resume does the rest") {
  const Faces p(20);
  const std::string command = program(p.anonymize("in", "out", "--log-level warning"));
  Outcome r = run_shell(command + "& p=$!; while [ ! -s " + p.in("out/manifest.jsonl") +
                        " ] && kill -0 $p; do sleep 0.01; done; kill -INT $p; wait $p");
  CHECK(r.code == 130);
  CHECK(r.says("g2face: interrupted: what was finished stays"));
  const std::size_t done = lines_of(p.manifest()).size();
  CHECK(done >= 1);
  CHECK(done < 20);
  for (const auto& entry : fs::directory_iterator(p.dir / "out")) {
    CHECK(entry.path().filename().string().find(".tmp") == std::string::npos);
    if (entry.path().extension() == ".png") CHECK(load_image(entry.path().string()).shape()[3] == 64);
  }
  r = p.run("--resume");
  CHECK(r.code == 0);
  CHECK(r.says(str(done, " of 20 were done before")));
  CHECK(lines_of(p.manifest()).size() == 20);
}
