// anonymize and recover with passwords and keys. The model of these tests is untrained, so that its extractor reads
// chance: what is tested through the program is who is let in and what is left behind; that the right secret opens,
// with the bits as they were hidden.

#include <algorithm>

#include "cli/program.hpp"
#include "g2face/anonymizer.hpp"
#include "g2face/eval/metrics.hpp"
#include "g2face/models/trained_bits.hpp"

using namespace g2face;
using namespace g2face::test;

TEST_CASE("sealed is what anonymize does; recover refuses what is not authentic with code 4 and writes nothing") {
  const Place p;
  write_text(p.dir / "password", "correct horse\nnot this line\n");
  const std::string secret = "--password-file " + p.in("password");
  Outcome r = run_program("anonymize" + p.sealed("face.png", "a.png") + secret);
  CHECK_MESSAGE(r.code == 0, r.text);
  CHECK(!r.says("protects nothing"));
  const std::size_t files = p.files();
  r = run_program("recover" + p.sealed("a.png", "r.png") + secret);
  CHECK(r.code == 4);
  CHECK(r.one_error());
  CHECK(p.files() == files);
  for (const std::string& text : {r.text, read_text(p.dir / "a.png")}) {
    CHECK(text.find("correct horse") == std::string::npos);
  }

  CHECK(run_shell("printf 'x\\n' | " + program("anonymize" + p.sealed("face.png", "b.png") + "--password-fd 0")).code ==
        0);
  CHECK(run_program("anonymize" + p.sealed("face.png", "c.png") + secret + " --manifest " + p.in("m.jsonl")).code == 0);
  CHECK(read_text(p.dir / "m.jsonl").find("\"payload\":\"sealed\"") != std::string::npos);
}

TEST_CASE("keygen makes keys for their owner, and replaces none") {
  const Place p;
  REQUIRE(run_program("keygen -o " + p.in("key") + " --public " + p.in("key.pub")).code == 0);
  CHECK((fs::status(p.dir / "key").permissions() & fs::perms(077)) == fs::perms::none);
  CHECK(run_program("keygen -o " + p.in("key")).code == 2);
  CHECK(run_program("keygen -o " + p.in("new") + " --public " + p.in("key.pub")).code == 2);
  CHECK(run_program("keygen -o " + p.in("new") + " --public " + p.in("new")).code == 2);
  CHECK(!fs::exists(p.dir / "new"));

  CHECK(run_program("anonymize" + p.sealed("face.png", "a.png") + "--key " + p.in("key")).code == 0);
  CHECK(run_program("recover" + p.sealed("a.png", "r.png") + "--key " + p.in("key")).code == 4);
  // A sealed box takes 80 bytes, for which 1024 bits have no room.
  const Outcome r = run_program("anonymize" + p.sealed("face.png", "b.png") + "--recipient " + p.in("key.pub"));
  CHECK(r.code == 2);
  CHECK(r.says("hidden bits"));
  CHECK(!fs::exists(p.dir / "b.png"));
  CHECK(run_program("anonymize" + p.sealed("face.png", "b.png") + "--key " + p.in("key.pub")).code == 3);
  CHECK(run_program("anonymize" + p.sealed("face.png", "b.png") + "--recipient " + p.in("key")).code == 3);
}

TEST_CASE("secrets that do not fit together are usage errors") {
  const Place p;
  write_text(p.dir / "password", "x\n");
  write_text(p.dir / "empty", "\nx\n");
  const std::string secret = "--password-file " + p.in("password"), to = p.sealed("face.png", "a.png");
  for (const std::string& bad :
       std::vector<std::string>{secret + " --password-fd 0", secret + " --payload paper", secret + " --no-recovery",
                                "--payload paper --bind x", "--payload-map some", "--password-file " + p.in("empty")}) {
    CHECK_MESSAGE(run_program("anonymize" + to + bad).code == 2, bad);
  }
  CHECK(run_program("anonymize" + to + "--password-file " + p.in("missing")).code == 3);
  const Outcome r = run_shell("setsid -w " + program("anonymize" + to));
  CHECK(r.code == 2);
  CHECK(r.says("--password-file"));
  CHECK(!fs::exists(p.dir / "a.png"));
}

TEST_CASE("a model that was trained on the bits of floats hides in those that vary, unless it is told otherwise") {
  Place p;
  Parameters model = Parameters::load(p.model);
  store_trained_bits(model, PayloadBits::floats);
  p.model = (p.dir / "floats.safetensors").string();
  model.save(p.model);
  write_text(p.dir / "password", "x\n");
  const std::string secret = "--password-file " + p.in("password");
  Outcome r = run_program("anonymize" + p.sealed("face.png", "a.png") + secret);
  CHECK(r.code == 0);
  CHECK(r.says("the model hides 768 bits: identities are kept in 3 bits a value"));
  r = run_program("anonymize" + p.sealed("face.png", "b.png") + secret + " --payload-map all");
  CHECK(r.code == 0);
  CHECK(!r.says("the model hides"));
  CHECK(run_program("model info " + p.in("floats.safetensors")).says("1024 hidden bits, trained on: floats"));
}

TEST_CASE("what the library hides with a sealer, an opener reads") {
  const Place p;
  AnonymizerOptions options;
  options.device = Device::parse("cpu");
  Anonymizer anonymizer(p.model, options);
  const ModelConfig& config = anonymizer.config();
  const payload::Binding binding{.model = "model", .face = 5};
  const payload::Key key = payload::Key::generate();
  payload::Sealer sealer = payload::Sealer::with_key(key);
  const Anonymized made =
      anonymizer.anonymize(load_image(p.face), {.seed = 3, .hide = seal_with(sealer, config, binding)});
  Tensor logits({DType::f32, made.bits.shape()});
  const auto bits = made.bits.as<float>();
  std::transform(bits.begin(), bits.end(), logits.mutable_as<float>().begin(), [](float b) { return 2 * b - 1; });

  payload::Opener opener = payload::Opener::with_key(key.copy());
  const Tensor identity = open_with(opener, config, binding)(logits);
  CHECK(cosine(identity, made.identity) > 0.999);
  CHECK_THROWS_AS(open_with(opener, config, {.model = "model", .face = 6})(logits), payload::NotAuthentic);
  CHECK_THROWS_AS(anonymizer.recover(made.image, {.reveal = open_with(opener, config, binding)}),
                  payload::NotAuthentic);
}
