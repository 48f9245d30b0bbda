#include "cli/program.hpp"

#include <limits>

using namespace g2face;
using namespace g2face::test;

TEST_CASE("a face goes through anonymize, recover and verify") {
  const Place p;
  Outcome r = run_program(p.anonymize("face.png", "a.png", "--identity seed:7 --json"));
  CHECK(r.code == 0);
  CHECK(r.says("\"seed\":7"));
  CHECK(r.says("it protects nothing"));
  CHECK(run_program(p.anonymize("face.png", "again.png", "--identity seed:7")).code == 0);
  CHECK(read_text(p.dir / "a.png") == read_text(p.dir / "again.png"));
  CHECK(run_program(p.anonymize("face.png", "other.png", "--identity seed:8")).code == 0);
  CHECK(read_text(p.dir / "a.png") != read_text(p.dir / "other.png"));

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

TEST_CASE("verify --html: one page with pictures, figures and plots; names of files are only text") {
  const Place p;
  const std::string name = "<i>face&.png";
  fs::copy(p.face, p.dir / name);
  const std::string command =
      str("verify --model '", p.model, "' ", p.in(name), " ", p.in("face.png"), " ", p.in(name));
  Outcome r = run_program(command + " --note 'a <note>' --html " + p.in("r.html"));
  CHECK(r.code == 0);
  CHECK(r.says("payload margin"));
  const std::string page = read_text(p.dir / "r.html");
  for (const char* words : {"&lt;i&gt;face&amp;.png", "a &lt;note&gt;", "identity similarity", "g2face-slim-64", "<svg",
                            "data:image/png;base64,", "true 1", "recovered against original"}) {
    CAPTURE(words);
    CHECK(page.find(words) != std::string::npos);
  }
  CHECK(page.find("<i>") == std::string::npos);
  CHECK(run_program(command + " --html " + p.in("face.png")).code == 2);  // an input
  CHECK(run_program(command + " --html " + p.in("no/such/folder.html")).code == 3);
}

TEST_CASE("a model with another number of bits than floats have: sealing works, the published payload is refused") {
  Place p;
  const ModelConfig config = ModelConfig::preset("g2face-slim-64-mobile");
  Parameters parameters = new_parameters(network_names(), config, Fill::reference);
  config.store(parameters);
  parameters.save(p.model);
  write_text(p.dir / "password", "x\n");
  const Outcome r = run_program(p.anonymize("face.png", "a.png"));
  CHECK(r.code == 2);
  CHECK(r.says("the model hides 1024 bits, and the floats of an identity of 128 values are 4096: seal it"));
  CHECK(!fs::exists(p.dir / "a.png"));
  CHECK(run_program("anonymize" + p.sealed("face.png", "a.png") + "--password-file " + p.in("password")).code == 0);
  CHECK(run_program("recover --payload paper" + p.sealed("a.png", "r.png")).says("seal it"));
  CHECK(run_program("anonymize --no-recovery" + p.sealed("face.png", "b.png")).code == 0);
  const std::string verify = str("verify --model '", p.model, "' ", p.in("face.png"), " ", p.in("a.png"));
  CHECK(!run_program(verify + " --html " + p.in("r.html") + " --picture " + p.in("s.png")).says("payload margin"));
  const std::string page = read_text(p.dir / "r.html");
  CHECK(page.find("identity similarity") != std::string::npos);
  CHECK(page.find("true 1") == std::string::npos);
  CHECK(fs::exists(p.dir / "s.png"));
}

TEST_CASE("an image compared with itself is perfect") {
  const Place p;
  const Outcome r = run_program(str("verify --json --model '", p.model, "' ", p.in("face.png"), " ", p.in("face.png")));
  CHECK(r.code == 0);
  CHECK(r.says("\"mae\":0.0"));
  CHECK(r.says("\"psnr_db\":null"));  // infinite
  CHECK(r.says("\"ssim\":1.0"));
}

TEST_CASE("a limit on file sizes is an error that leaves nothing, as a full disk is") {
  const Place p;
  const std::size_t before = p.files();
  const Outcome r = run_shell("ulimit -f 64; " + program("model init --config g2face-slim-64 -o " + p.in("new")));
  CAPTURE(r.text);
  CHECK(r.code == 5);
  CHECK(r.one_error());
  CHECK(r.says("File too large: raise the limit for file sizes"));
  CHECK(p.files() == before);
}

TEST_CASE("bad inputs: one line that names the file, exit code 3, nothing left behind") {
  const Place p;
  write_text(p.dir / "empty.png", "");
  write_text(p.dir / "text.png", "this is no picture");
  write_text(p.dir / "cut.png", read_text(p.face).substr(0, 900));
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
  write_text(p.dir / "in/bad.png", "no picture");
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
  write_text(p.dir / "cut.safetensors", read_text(p.model).substr(0, 100000));
  r = with_model(p.in("cut.safetensors"));
  CHECK(r.code == 5);
  CHECK(r.one_error());
  write_text(p.dir / "junk.safetensors", std::string(64, '\xff'));
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
  r = run_program(str("model check --json ", p.in("nan.safetensors"), " 2>/dev/null"));
  CHECK(r.code == 5);
  CHECK(r.says("\"problems\":[\"generator/input.input: holds values that are not finite\"]"));
  CHECK(run_program(str("model check --json '", p.model, "'")).says("\"problems\":[]"));

  CHECK(run_program(str("model init --config g2face-slim-64 --networks lpips,recon -o ", p.in("part"))).code == 0);
  r = run_program(str("model check ", p.in("part")));
  CHECK(r.code == 5);
  CHECK(r.says("part: lacks the network generator, which anonymizing needs"));
  CHECK(!r.says("lacks the network recon"));

  Parameters odd = Parameters::load(p.model);
  odd.metadata()["g2face"] = "{\"architecture\":{\"resolution\":\"wide\"}}";
  odd.save(p.dir / "odd.safetensors");
  for (const char* command : {"model info ", "model check "}) {
    r = run_program(str(command, p.in("odd.safetensors")));
    CHECK(r.code == 5);
    CHECK(r.one_error());
    CHECK(r.says("odd.safetensors: model configuration: resolution is \"wide\""));
  }
}

TEST_CASE("model init is reproducible and says what it is") {
  const Place p;
  CHECK(run_program(str("model init --config g2face-slim-64 --seed 3 -o ", p.in("m1"))).code == 0);
  CHECK(run_program(str("model init --config g2face-slim-64 --seed 3 -o ", p.in("m2"))).code == 0);
  CHECK(run_program(str("model init --config g2face-slim-64 --seed 4 -o ", p.in("m3"))).code == 0);
  CHECK(read_text(p.dir / "m1") == read_text(p.dir / "m2"));
  CHECK(read_text(p.dir / "m1") != read_text(p.dir / "m3"));
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
  CHECK(run_program(str("anonymize --aligned --payload open", common)).code == 2);
  CHECK(run_program(str("anonymize --aligned --no-recovery", common)).code == 0);
  CHECK(run_program(str("anonymize --aligned --payload paper --identity seed:x", common)).code == 2);
  for (const char* precision : {"tf32", "f16", "exact"}) {
    r = run_program(str("anonymize --aligned --payload paper --precision ", precision, common));
    CHECK(r.code == 2);
    CHECK(r.says(str("--precision ", precision, ": cpu offers f32, strict and bf16")));
  }
  CHECK(run_program(str("anonymize --aligned --payload paper --device cuda:99", common)).code == 6);
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
