// Side data through the program: anonymize --carrier and --exact, recover, info, rekey. Unlike the pixels of an
// untrained model, it gives back what was kept.

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "g2face/anonymizer.hpp"
#include "g2face/eval/metrics.hpp"
#include "io/embedded.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

struct Keys : Place {
  std::string key = "--key " + in("key"), other = "--key " + in("other"), to = "--recipient " + in("other.pub");
  Keys() {
    REQUIRE(run_program("keygen -o " + in("key")).code == 0);
    REQUIRE(run_program("keygen -o " + in("other") + " --public " + in("other.pub")).code == 0);
  }
  Outcome anonymize(const std::string& input, const std::string& output, const std::string& more) const {
    return run_program("anonymize" + sealed(input, output) + more);
  }
  /// Without a model: what is exact needs none.
  Outcome restore(const std::string& input, const std::string& output, const std::string& more) const {
    return run_program("recover --aligned " + in(input) + " -o " + in(output) + " " + more);
  }
  std::string bytes(const std::string& name) const { return read_text(dir / name); }
  bool has(const std::string& name) const { return fs::exists(dir / name); }
  void put_side(const std::string& picture, const std::vector<std::uint8_t>& side) const {
    const auto with = io::with_embedded(file(picture), side, picture);
    write_text(dir / picture, {with.begin(), with.end()});
  }
  std::vector<std::uint8_t> file(const std::string& name) const {
    const std::string text = bytes(name);
    return {text.begin(), text.end()};
  }
  std::vector<std::uint8_t> side(const std::string& name) const { return io::embedded(file(name), name); }
};

}  // namespace

TEST_CASE("side data gives the identity back to whoever has a key, and to nobody else") {
  const Keys p;
  Outcome r = p.anonymize("face.png", "a.png", p.key + " " + p.to + " --carrier chunk --seed 1");
  CHECK_MESSAGE(r.code == 0, r.text);
  CHECK(!p.has("a.png.g2side"));
  r = run_program("recover" + p.sealed("a.png", "r.png") + p.key + " --json 2>/dev/null");
  REQUIRE_MESSAGE(r.code == 0, r.text);
  const auto said = nlohmann::json::parse(r.text);
  CHECK(said.at("carrier") == "chunk");
  CHECK(said.at("exact") == false);
  CHECK(run_program("recover" + p.sealed("a.png", "r2.png") + p.other).code == 0);
  CHECK(p.bytes("r.png") == p.bytes("r2.png"));

  // Another key, name or model, or none at all.
  REQUIRE(run_program("keygen -o " + p.in("third")).code == 0);
  const std::size_t files = p.files();
  for (const std::string& wrong : {"--key " + p.in("third"), p.key + " --bind x"}) {
    r = run_program("recover" + p.sealed("a.png", "n.png") + wrong);
    CHECK_MESSAGE(r.code == 4, r.text);
    CHECK(r.one_error());
  }
  CHECK(p.restore("a.png", "n.png", p.key).code == 2);  // an identity needs the model
  CHECK(p.restore("a.png", "n.png", "--key " + p.in("third")).code == 4);
  CHECK(p.files() == files);
  REQUIRE(run_program("model init --config g2face-slim-64 --seed 9 -o '" + p.model + "'").code == 0);
  r = run_program("recover" + p.sealed("a.png", "n.png") + p.key);
  CHECK(r.code == 4);
  CHECK(r.says("another model"));
}

TEST_CASE("--exact gives the original file back bit for bit, from PNG, JPEG and side files, without a model") {
  const Keys p;
  save_image((p.dir / "face.jpg").string(), load_image(p.face));
  const std::vector<std::pair<std::string, std::string>> ways = {
      {"face.png", "a.bmp"}, {"face.png", "a.png"}, {"face.jpg", "a.jpg"}, {"face.jpg", "a.png"}};
  for (const auto& way : ways) {
    const std::string &from = way.first, &to = way.second;
    CAPTURE(from);
    CAPTURE(to);
    Outcome r = p.anonymize(from, to, p.key + " --exact");
    REQUIRE_MESSAGE(r.code == 0, r.text);
    CHECK(p.has(to + ".g2side") == (to == "a.bmp"));
    const std::string back = str("back", fs::path(from).extension().string());
    r = p.restore(to, back, p.key);
    CHECK_MESSAGE(r.code == 0, r.text);
    CHECK(p.bytes(back) == p.bytes(from));
    fs::remove(p.dir / back);
    CHECK(p.restore(to, back, p.other).code == 4);
    CHECK(!p.has(back));
  }
  // As another format, the same pixels.
  CHECK(p.restore("a.png", "back.png", p.key).code == 0);
  const Tensor a = load_image((p.dir / "back.png").string()), b = load_image((p.dir / "face.jpg").string());
  CHECK(std::equal(a.as<float>().begin(), a.as<float>().end(), b.as<float>().begin()));
}

TEST_CASE("side data of another picture is refused, and so is a picture that changed") {
  const Keys p;
  save_image((p.dir / "second.png").string(), fill("cli/second", {1, 3, 64, 64}, 0.9));
  REQUIRE(p.anonymize("face.png", "a.png", p.key + " --exact --carrier chunk,file --seed 1").code == 0);
  REQUIRE(p.anonymize("second.png", "b.png", p.key + " --exact --carrier chunk,file --seed 1").code == 0);
  REQUIRE(p.anonymize("face.png", "c.jpg", p.key + " --exact --seed 1").code == 0);
  const auto side = p.side("a.png");
  REQUIRE(!side.empty());
  CHECK(side == p.file("a.png.g2side"));
  const auto refused = [&](const char* name) {
    const Outcome r = p.restore(name, "n.png", p.key);
    return r.code == 4 && r.one_error() && !p.has("n.png");
  };
  // Either carrier alone does.
  p.put_side("a.png", {});
  CHECK(p.restore("a.png", "r.png", p.key).code == 0);
  p.put_side("a.png", side);
  fs::remove(p.dir / "a.png.g2side");
  CHECK(p.restore("a.png", "r.png", p.key).code == 0);

  p.put_side("b.png", side);
  fs::remove(p.dir / "b.png.g2side");
  CHECK(refused("b.png"));
  const auto of_jpeg = p.side("c.jpg");
  p.put_side("c.jpg", side);
  CHECK(refused("c.jpg"));
  p.put_side("c.jpg", {of_jpeg.begin(), of_jpeg.end() - 1});
  CHECK(refused("c.jpg"));
  Tensor image = load_image((p.dir / "a.png").string());
  image.mutable_as<float>()[0] += image.as<float>()[0] > 0 ? -2 / 127.5F : 2 / 127.5F;
  save_image((p.dir / "a.png").string(), image);
  p.put_side("a.png", side);
  CHECK(refused("a.png"));
}

TEST_CASE("info says what is there and how it is locked, and needs no secret") {
  const Keys p;
  REQUIRE(p.anonymize("face.png", "a.png", p.key + " " + p.to + " --exact --seed 1").code == 0);
  REQUIRE(p.anonymize("face.png", "b.png", p.key + " --carrier pixels,file --seed 1").code == 0);
  Outcome r = run_program("info --json " + p.in("a.png") + " " + p.in("b.png") + " " + p.in("face.png"));
  REQUIRE_MESSAGE(r.code == 0, r.text);
  std::istringstream lines(r.text);
  std::vector<nlohmann::json> said;
  for (std::string line; std::getline(lines, line);) said.push_back(nlohmann::json::parse(line).at("carriers"));
  REQUIRE(said.size() == 3);
  REQUIRE(said[0].size() == 1);
  CHECK(said[0][0].at("carrier") == "chunk");
  CHECK(said[0][0].at("version") == 1);
  CHECK(said[0][0].at("exact") == true);
  CHECK(said[0][0].at("pixels_too") == false);
  CHECK(said[0][0].at("keys") == 1);
  CHECK(said[0][0].at("recipients") == 1);
  CHECK(said[0][0].at("bytes") == p.side("a.png").size());
  CHECK(said[1][0].at("carrier") == "file");
  CHECK(said[1][0].at("exact") == false);
  CHECK(said[1][0].at("pixels_too") == true);
  CHECK(said[2].empty());
  CHECK(run_program("info " + p.in("b.png.g2side")).says("identity alone, for 0 passwords, 1 key file"));
  CHECK(run_program("info --model '" + p.model + "' " + p.in("b.png")).says("pixels: no payload that shows"));

  p.put_side("a.png", {1, 2, 3});
  CHECK(run_program("info " + p.in("a.png")).says("damaged"));
  CHECK(run_program("info " + p.in("key")).code == 3);
  r = run_program("info " + p.in("key") + " " + p.in("b.png"));
  CHECK(r.code == 1);
  CHECK(r.says("identity alone"));
}

TEST_CASE("rekey changes who can open, and --erase that anybody can; nothing else in the file changes") {
  const Keys p;
  REQUIRE(p.anonymize("face.png", "a.png", p.key + " --exact --carrier chunk,file --seed 1").code == 0);
  const auto plain = io::with_embedded(p.file("a.png"), {}, "a.png");
  const auto rekey = [&](const std::string& more) { return run_program("rekey " + p.in("a.png") + " " + more); };
  const auto opens = [&](const std::string& key) { return p.restore("a.png", "r.png", key).code == 0; };
  write_text(p.dir / "password", "correct horse\n");
  const std::string password = "--password-file " + p.in("password");

  CHECK(rekey(p.key + " --add " + p.to).code == 0);
  CHECK((opens(p.key) && opens(p.other)));
  CHECK(rekey(p.key + " --erase mine").code == 0);
  CHECK((!opens(p.key) && opens(p.other)));
  CHECK(rekey(p.key + " --add " + p.to).code == 4);
  CHECK(rekey(p.other + " --new-" + password.substr(2)).code == 0);
  CHECK((!opens(p.other) && opens(password)));

  fs::create_hard_link(p.dir / "a.png", p.dir / "link.png");
  CHECK(rekey("--erase all").says("hard links"));
  fs::remove(p.dir / "link.png");
  fs::create_hard_link(p.dir / "a.png.g2side", p.dir / "link");
  CHECK(rekey("--erase all").code == 3);
  CHECK(opens(password));
  CHECK(!run_program("info " + p.in("a.png")).says("erased"));  // none of it
  fs::remove(p.dir / "link");
  CHECK(rekey("--erase all").code == 0);
  CHECK(!opens(password));
  CHECK(rekey(password + " --new-key " + p.in("key")).code == 4);
  CHECK(run_program("info " + p.in("a.png")).says("erased"));
  CHECK(io::with_embedded(p.file("a.png"), {}, "a.png") == plain);

  CHECK(rekey("--erase all " + p.key).code == 2);
  CHECK(rekey("--erase mine --add " + p.key).code == 2);
  const Outcome r = run_program("rekey --erase all " + p.in("face.png"));
  CHECK(r.code == 3);
  CHECK(r.says("cannot be given another key"));
  REQUIRE(p.anonymize("face.png", "b.png", p.key + " --carrier pixels,chunk --seed 1").code == 0);
  CHECK(run_program("rekey --erase all " + p.in("b.png")).says("pixels hold a payload too"));
}

TEST_CASE("carriers that do not fit are usage errors; the manifest names those that were used") {
  const Keys p;
  for (const std::string& bad :
       {p.key + " " + p.to, p.key + " --carrier some", std::string("--payload paper --carrier chunk"),
        std::string("--no-recovery --exact"), p.key + " " + p.to + " --carrier pixels,chunk"}) {
    CHECK_MESSAGE(p.anonymize("face.png", "n.png", bad).code == 2, bad);
  }
  CHECK(p.anonymize("face.png", "n.bmp", p.key + " --carrier chunk").code == 2);
  CHECK(!p.has("n.png"));

  const std::string run = p.key + " --exact --carrier chunk,file --manifest " + p.in("m.jsonl");
  REQUIRE(p.anonymize("face.png", "a.png", run).code == 0);
  const auto line = nlohmann::json::parse(p.bytes("m.jsonl"));
  CHECK(line.at("carriers") == nlohmann::json({"chunk", "file"}));
  CHECK(line.at("exact") == true);
  CHECK(!line.contains("bit_error_rate"));
  CHECK(p.anonymize("face.png", "a.png", run + " --resume").says("done before"));
  fs::remove(p.dir / "a.png.g2side");
  CHECK(!p.anonymize("face.png", "a.png", run + " --resume").says("done before"));
  CHECK(p.has("a.png.g2side"));
}

TEST_CASE("--no-recovery carries nothing: no side data, and bits that do not depend on the face") {
  const Keys p;
  REQUIRE(p.anonymize("face.png", "a.png", "--no-recovery --seed 1").code == 0);
  CHECK(p.side("a.png").empty());
  CHECK(!p.has("a.png.g2side"));
  CHECK(run_program("recover" + p.sealed("a.png", "n.png") + p.key).code == 4);

  Anonymizer anonymizer(p.model, {.device = Device::parse("cpu"), .threads = 1});
  const AnonymizeOptions nothing{.seed = 5, .recoverable = false};
  const Anonymized one = anonymizer.anonymize(load_image(p.face), nothing);
  const Anonymized two = anonymizer.anonymize(fill("cli/second", {1, 3, 64, 64}, 0.9), nothing);
  CHECK(std::equal(one.bits.as<float>().begin(), one.bits.as<float>().end(), two.bits.as<float>().begin()));
  CHECK(cosine(one.identity, two.identity) < 0.999);
  // What a perfect extractor would read is as far from the identity's bits as guessing, which is 0.4 for bits of
  // floats.
  Tensor read = one.bits;
  for (float& bit : read.mutable_as<float>()) bit = 2 * bit - 1;
  const double errors = bit_error_rate(read, anonymizer.analyze(load_image(p.face)).bits);
  CHECK(errors > 0.4);
  CHECK(errors < 0.6);
}

TEST_CASE("--on-failure decoy: a wrong secret gets a face, always the same one, and nothing says that it was wrong") {
  const Keys p;
  REQUIRE(run_program("keygen -o " + p.in("third")).code == 0);
  const std::string third = "--key " + p.in("third");
  REQUIRE(p.anonymize("face.png", "a.png", p.key + " --carrier chunk --seed 1").code == 0);
  const auto recover = [&](const std::string& key) {
    fs::remove(p.dir / "r.png");
    const Outcome r = run_program("recover" + p.sealed("a.png", "r.png") + key + " --on-failure decoy --json");
    CHECK_MESSAGE(r.code == 0, r.text);
    std::string said;  // without figures
    std::copy_if(r.text.begin(), r.text.end(), std::back_inserter(said), [](char c) { return c < '0' || c > '9'; });
    return std::pair(said, p.bytes("r.png"));
  };
  const auto right = recover(p.key), wrong = recover(p.other), again = recover(p.other), third_one = recover(third);
  CHECK(right.first == wrong.first);
  CHECK(wrong.second == again.second);
  CHECK(right.second != wrong.second);
  CHECK(third_one.second != wrong.second);
  CHECK(run_program("recover" + p.sealed("a.png", "r2.png") + p.key).code == 0);
  CHECK(p.bytes("r2.png") == right.second);
  // The pixels of an untrained model never open: a decoy all the same.
  REQUIRE(p.anonymize("face.png", "b.png", p.key + " --seed 1").code == 0);
  CHECK(run_program("recover" + p.sealed("b.png", "r3.png") + p.key + " --on-failure decoy").code == 0);
  CHECK(p.has("r3.png"));
  CHECK(p.restore("a.png", "n.png", p.key + " --on-failure decoy").code == 2);  // a decoy is drawn by the model
  CHECK(run_program("recover" + p.sealed("a.png", "n.png") + "--payload paper --on-failure decoy").code == 2);
}
