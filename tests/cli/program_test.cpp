// The program as users meet it: started as a process, judged by its exit code, its one line of error, and the files it
// leaves behind.

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include "g2face/fill.hpp"
#include "g2face/image.hpp"
#include "g2face/models/networks.hpp"
#include "io/temporary_folder.hpp"

using namespace g2face;
namespace fs = std::filesystem;

namespace {

struct Outcome {
  int code = -1;
  std::string text;  // standard output and error together
  bool says(std::string_view words) const { return text.find(words) != std::string::npos; }
  /// One error line and no more, as the contract wants.
  bool one_error() const {
    const std::size_t first = text.find("g2face: error: ");
    return first != std::string::npos && text.find("g2face: error: ", first + 1) == std::string::npos;
  }
};

Outcome run_program(const std::string& arguments) {
  Outcome result;
  const std::string command = "env -u G2FACE_MODEL '" G2FACE_PROGRAM "' " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) result.text.append(buffer.data(), n);
  const int status = pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  CAPTURE(result.text);
  return result;
}

/// A folder with a small model and a face.
struct Place {
  test::TemporaryFolder folder;
  fs::path dir = folder.path();
  std::string model = (dir / "model.safetensors").string(), face = (dir / "face.png").string();

  Place() {
    const ModelConfig config = ModelConfig::preset("g2face-slim-64");
    Parameters parameters = new_parameters(network_names(), config, Fill::reference);
    config.store(parameters);
    parameters.save(model);
    save_image(face, fill("cli/face", {1, 3, 64, 64}, 0.9));
  }
  std::string in(const std::string& name) const { return str("'", (dir / name).string(), "'"); }
  std::string anonymize(const std::string& input, const std::string& output, const std::string& more = "") const {
    return "anonymize --aligned --payload paper --model '" + model + "' " + in(input) + " -o " + in(output) + " " +
           more;
  }
  std::size_t files() const {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(dir)) ++n;
    return n;
  }
};

void write_bytes(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }
std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a face goes through anonymize, recover and verify") {
  const Place p;
  Outcome r = run_program(p.anonymize("face.png", "a.png", "--identity seed:7 --json"));
  CHECK(r.code == 0);
  CHECK(r.says("\"seed\":7"));
  CHECK(r.says("it protects nothing"));
  CHECK(run_program(p.anonymize("face.png", "again.png", "--identity seed:7")).code == 0);
  CHECK(read_bytes(p.dir / "a.png") == read_bytes(p.dir / "again.png"));
  CHECK(run_program(p.anonymize("face.png", "other.png", "--identity seed:8")).code == 0);
  CHECK(read_bytes(p.dir / "a.png") != read_bytes(p.dir / "other.png"));

  r = run_program(
      str("recover --aligned --payload paper --model '", p.model, "' ", p.in("a.png"), " -o ", p.in("r.png")));
  CHECK(r.code == 0);
  r = run_program(str("verify --json --model '", p.model, "' ", p.in("face.png"), " ", p.in("a.png"), " ",
                      p.in("r.png"), " --picture ", p.in("sheet.png")));
  CHECK(r.code == 0);
  for (const char* field : {"identity_similarity", "psnr_db", "ssim", "lpips", "bit_error_rate", "recovered"}) {
    CHECK(r.says(field));
  }
  CHECK(load_image(p.dir / "sheet.png").shape()[3] > 3 * 64);
}

TEST_CASE("an image compared with itself is perfect") {
  const Place p;
  const Outcome r = run_program(str("verify --json --model '", p.model, "' ", p.in("face.png"), " ", p.in("face.png")));
  CHECK(r.code == 0);
  CHECK(r.says("\"mae\":0.0"));
  CHECK(r.says("\"psnr_db\":null"));  // infinite
  CHECK(r.says("\"ssim\":1.0"));
}

TEST_CASE("bad inputs: one line that names the file, exit code 3, nothing left behind") {
  const Place p;
  write_bytes(p.dir / "empty.png", "");
  write_bytes(p.dir / "text.png", "this is no picture");
  write_bytes(p.dir / "cut.png", read_bytes(p.face).substr(0, 900));
  save_image(p.dir / "one.png", fill("x", {1, 3, 1, 1}));
  save_image(p.dir / "wide.png", fill("x", {1, 3, 64, 80}));
  fs::create_directory(p.dir / "folder.png");
  const std::size_t before = p.files();
  for (const char* name : {"empty.png", "text.png", "cut.png", "one.png", "wide.png", "missing.png"}) {
    const Outcome r = run_program(p.anonymize(name, "out.png"));
    CAPTURE(name);
    CAPTURE(r.text);
    CHECK(r.code == 3);
    CHECK(r.one_error());
    CHECK(r.says(name));
    CHECK(p.files() == before);
  }
  CHECK(run_program(p.anonymize("folder.png", "out")).code == 2);  // a folder without images
}

TEST_CASE("grey, alpha, 16-bit and larger pictures are taken") {
  const Place p;
  save_image(p.dir / "large.png", fill("x", {1, 3, 100, 100}));
  CHECK(run_program(p.anonymize("large.png", "out.png")).code == 0);
  CHECK(load_image(p.dir / "out.png").shape() == Shape({1, 3, 64, 64}));
}

TEST_CASE("one bad file among several: the others are done, exit code 1") {
  const Place p;
  fs::create_directories(p.dir / "in/below");
  fs::copy(p.face, p.dir / "in/good.png");
  fs::copy(p.face, p.dir / "in/below/deep.png");
  write_bytes(p.dir / "in/bad.png", "no picture");
  const Outcome r = run_program(p.anonymize("in", "out", "--recursive"));
  CHECK(r.code == 1);
  CHECK(r.says("1 of 3 inputs failed"));
  CHECK(fs::exists(p.dir / "out/good.png"));
  CHECK(fs::exists(p.dir / "out/below/deep.png"));
  CHECK(!fs::exists(p.dir / "out/bad.png"));
}

TEST_CASE("outputs that cannot be written, and originals that must not be") {
  const Place p;
  Outcome r = run_program(p.anonymize("face.png", "face.png"));
  CHECK(r.code == 2);
  CHECK(r.says("would replace the original"));
  CHECK(run_program(p.anonymize("face.png", "face.png/x.png")).code == 3);
  r = run_program(
      str("anonymize --aligned --payload paper --model '", p.model, "' ", p.in("face.png"), " -o /dev/full"));
  CHECK(r.code == 3);
  CHECK(r.one_error());
  r = run_program(str("crop ", p.in("face.png"), " -o ", p.in("x.unknown")));
  CHECK(r.code == 3);
  CHECK(r.says("x.unknown"));
}

TEST_CASE("model files: missing, corrupt, cut, and of another architecture") {
  const Place p;
  const auto with_model = [&](const std::string& model) {
    return run_program(
        str("anonymize --aligned --payload paper --model ", model, " ", p.in("face.png"), " -o ", p.in("o.png")));
  };
  Outcome r = with_model(p.in("nowhere.safetensors"));
  CHECK(r.code == 5);
  CHECK(r.says("nowhere.safetensors"));
  CHECK(with_model(p.in("")).code == 5);  // a folder
  write_bytes(p.dir / "cut.safetensors", read_bytes(p.model).substr(0, 100000));
  r = with_model(p.in("cut.safetensors"));
  CHECK(r.code == 5);
  CHECK(r.one_error());
  write_bytes(p.dir / "junk.safetensors", std::string(64, '\xff'));
  CHECK(with_model(p.in("junk.safetensors")).code == 5);

  Parameters some = Parameters::load(p.model);
  some.erase("generator/input.input");
  some.set("generator/extra", Tensor::scalar(1));
  some.set("arcface/fc.bias", Tensor::zeros({DType::f32, {3}}));
  some.save(p.dir / "other.safetensors");
  r = with_model(p.in("other.safetensors"));
  CHECK(r.code == 5);
  for (const char* name : {"generator/input.input", "generator/extra", "arcface/fc.bias"}) CHECK(r.says(name));

  CHECK(run_program(str("model check '", p.model, "'")).code == 0);
  Parameters nan = Parameters::load(p.model);
  nan.at("generator/input.input").mutable_as<float>()[3] = std::numeric_limits<float>::quiet_NaN();
  nan.save(p.dir / "nan.safetensors");
  r = run_program(str("model check ", p.in("nan.safetensors")));
  CHECK(r.code == 5);
  CHECK(r.says("generator/input.input"));
}

TEST_CASE("model init is reproducible and says what it is") {
  const Place p;
  CHECK(run_program(str("model init --config g2face-slim-64 --seed 3 -o ", p.in("m1"))).code == 0);
  CHECK(run_program(str("model init --config g2face-slim-64 --seed 3 -o ", p.in("m2"))).code == 0);
  CHECK(run_program(str("model init --config g2face-slim-64 --seed 4 -o ", p.in("m3"))).code == 0);
  CHECK(read_bytes(p.dir / "m1") == read_bytes(p.dir / "m2"));
  CHECK(read_bytes(p.dir / "m1") != read_bytes(p.dir / "m3"));
  const Outcome r = run_program(str("model info ", p.in("m1")));
  CHECK(r.code == 0);
  CHECK(r.says("g2face-slim-64"));
  CHECK(run_program(str("model init --config nosuch -o ", p.in("m4"))).code == 2);
}

TEST_CASE("usage errors have exit code 2 and say what to do") {
  const Place p;
  const std::string common = str(" --model '", p.model, "' ", p.in("face.png"), " -o ", p.in("o.png"));
  Outcome r = run_program(str("anonymize --payload paper", common));
  CHECK(r.code == 2);
  CHECK(r.says("--aligned"));
  r = run_program(str("anonymize --aligned", common));
  CHECK(r.code == 2);
  CHECK(r.says("--payload paper"));
  CHECK(run_program(str("anonymize --aligned --no-recovery", common)).code == 0);
  CHECK(run_program(str("anonymize --aligned --payload paper --identity seed:x", common)).code == 2);
  CHECK(run_program(str("anonymize --aligned --payload paper --precision tf32", common)).code == 2);
  CHECK(run_program(str("anonymize --aligned --payload paper --device cuda", common)).code == 6);
  CHECK(run_program(str("anonymize --aligned --payload paper ", p.in("face.png"), " -o ", p.in("o.png")))
            .says("--model"));
  CHECK(run_program("").code == 2);
  CHECK(run_program("nosuch").code == 2);
  CHECK(run_program("--version").code == 0);
  CHECK(run_program("anonymize --help").says("--identity"));
}

TEST_CASE("doctor passes its self-test") {
  const Outcome r = run_program("doctor --json");
  CHECK(r.code == 0);
  CHECK(r.says("\"self_test_passed\":true"));
}
