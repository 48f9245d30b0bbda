#include "io/face_manifest.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "io/atomic_file.hpp"
#include "io/sha256.hpp"
#include "temporary_folder.hpp"

using namespace g2face;
using io::FaceManifest;
using io::FaceRecord;
using test::message_of;

namespace {

const std::string in = io::sha256("in"), out = io::sha256("out"), model = io::sha256("model");

FaceRecord replaced() {
  FaceRecord r;
  r.input = "in.png";
  r.input_sha256 = in;
  r.output = "out.png";
  r.output_sha256 = out;
  r.model_sha256 = model;
  r.identity = "per-image";
  r.recoverable = true;
  r.payload = "sealed";
  r.carriers = {"pixels"};
  r.measures = io::FaceMeasures{0.25, 0.5, 0.0, 1.5};
  return r;
}

struct Place {
  test::TemporaryFolder folder;
  std::filesystem::path path = folder / "m.jsonl";

  void put(const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
  std::string text() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string refusal() const {
    return message_of<io::FileError>([&] { FaceManifest manifest(path); });
  }
};

}  // namespace

TEST_CASE("a line says it all, in order") {
  FaceRecord r = replaced();
  r.box = {1, 2, 3, 4};
  r.seed = 7;
  r.time = "2026-01-31T23:59:59Z";
  r.seconds = 0.5;
  CHECK(io::to_json(r) ==
        "{\"input\":\"in.png\",\"input_sha256\":\"" + in +
            "\",\"action\":\"replaced\",\"box\":[1,2,3,4],\"output\":\"out.png\",\"output_sha256\":\"" + out +
            "\",\"identity\":\"per-image\",\"seed\":7,\"recoverable\":true,\"payload\":\"sealed\","
            "\"carriers\":[\"pixels\"],\"similarity_before\":0.25,"
            "\"similarity_after\":0.5,\"bit_error_rate\":0.0,\"payload_margin\":1.5,"
            "\"model_sha256\":\"" +
            model + "\",\"time\":\"2026-01-31T23:59:59Z\",\"seconds\":0.5}");
  FaceRecord failed;
  failed.input = "a\"\xff.png";
  failed.reason = "gone";
  const std::string line = io::to_json(failed);
  CHECK(line.starts_with(
      "{\"input\":\"a\\\"\xef\xbf\xbd.png\",\"input_sha256\":null,\"action\":\"failed\",\"reason\":\"gone\""));
  CHECK(line.find("seed") == std::string::npos);
  CHECK(line.find("similarity") == std::string::npos);
}

TEST_CASE("what was appended is found again: same content, same model, same options, same result") {
  const Place p;
  FaceRecord failed = replaced();
  failed.reason = "gone";
  failed.output_sha256.clear();
  {
    FaceManifest manifest(p.path);
    CHECK(!manifest.has(replaced(), out));
    manifest.append(failed);
    CHECK(!manifest.has(replaced(), out));
    manifest.append(replaced());
    CHECK(manifest.has(replaced(), out));
  }
  const FaceManifest manifest(p.path);
  CHECK(!manifest.was_cut());
  CHECK(manifest.has(replaced(), out));
  CHECK(!manifest.has(replaced(), ""));
  CHECK(!manifest.has(replaced(), in));
  FaceRecord r = replaced();
  r.output = "elsewhere/out.png";
  CHECK(manifest.has(r, out));  // contents count, not names
  r.input_sha256 = out;         // the result replaced its input
  CHECK(manifest.has(r, out));
  const auto other = [&](auto change) {
    FaceRecord changed = replaced();
    change(changed);
    return manifest.has(changed, out);
  };
  CHECK(!other([](FaceRecord& c) { c.input_sha256 = model; }));
  CHECK(!other([](FaceRecord& c) { c.model_sha256 = in; }));
  CHECK(!other([](FaceRecord& c) { c.identity = "seed:1"; }));
  CHECK(!other([](FaceRecord& c) { c.seed = 1; }));
  CHECK(!other([](FaceRecord& c) { c.recoverable = false; }));
  CHECK(!other([](FaceRecord& c) { c.payload = "paper"; }));
  CHECK(!other([](FaceRecord& c) { c.carriers = {"chunk"}; }));
  CHECK(!other([](FaceRecord& c) { c.exact = true; }));
  // Lines of versions that had the pixels alone.
  std::string old = io::to_json(replaced());
  const std::string said = R"("carriers":["pixels"],)";
  old.erase(old.find(said), said.size());
  const Place before;
  before.put(old + "\n");
  CHECK(FaceManifest(before.path).has(replaced(), out));
}

TEST_CASE("a limit of likeness: what was drawn without one, or came out more alike, has to be drawn again") {
  const Place p;
  FaceRecord drawn = replaced();
  drawn.drawn = io::DrawnIdentity{.draws = 3, .worst_similarity = 0.25};
  {
    FaceManifest manifest(p.path);
    manifest.append(replaced());
    CHECK(manifest.has(replaced(), out));
    CHECK(!manifest.has(replaced(), out, 0.5));
    manifest.append(drawn);
  }
  const FaceManifest again(p.path);
  CHECK(again.has(replaced(), out, 0.5));
  CHECK(!again.has(replaced(), out, 0.2));
}

TEST_CASE("a last line that was cut anywhere goes away; what stands before it stays") {
  const Place p;
  const std::string line = io::to_json(replaced()) + "\n";
  for (std::size_t length = 1; length + 1 < line.size(); ++length) {
    p.put(line + line.substr(0, length));
    const FaceManifest manifest(p.path);
    CHECK(manifest.was_cut());
    CHECK(manifest.has(replaced(), out));
    CHECK(p.text() == line);
  }
  // Only the end of the line is missing.
  p.put(line + line.substr(0, line.size() - 1));
  const FaceManifest manifest(p.path);
  CHECK(!manifest.was_cut());
  CHECK(p.text() == line + line);
}

TEST_CASE("anything else that is no manifest is refused with its line, and left alone") {
  const Place p;
  const std::string good = io::to_json(replaced());
  const auto refusal = [&](const std::string& text) {
    p.put(text);
    const std::string message = p.refusal();
    CHECK(p.text() == text);
    const std::string start = p.path.string() + ": ";
    REQUIRE(message.starts_with(start));
    return message.substr(start.size());
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string line = good;
    line.replace(line.find(from), from.size(), to);
    return line + "\n";
  };
  const std::string advice = ": remove or mend it, or choose another --manifest";
  const std::string start = "line 2: not a line of a manifest: ";
  CHECK(refusal(good + "\n" + good.substr(0, 30) + "\n" + good + "\n") == start + "no JSON object" + advice);
  CHECK(refusal(good + "\n\n") == start + "no JSON object" + advice);
  CHECK(refusal(good + "\n[]\n") == start + "no JSON object" + advice);
  CHECK(refusal(good + "\n" + changed("\"action\":\"replaced\"", "\"action\":\"masked\"")) ==
        start + "\"action\" is neither replaced nor failed" + advice);
  CHECK(refusal(good + "\n" + changed(in, "12")) == start + "\"input_sha256\" is no SHA-256 in hexadecimal" + advice);
  CHECK(refusal(good + "\n" + changed("\"recoverable\":true", "\"recoverable\":1")) ==
        start + "\"recoverable\" is number, expected true or false" + advice);
  CHECK(refusal(good + "\n" + changed("\"identity\":\"per-image\",", "")) == start + "lacks \"identity\"" + advice);
  CHECK(refusal(good + "\n" + changed("0.25", "[[[[[[[[1]]]]]]]]")) == start + "nested deeper than 3 levels" + advice);
  // Not even a cut line: some other file that was named by mistake.
  CHECK(refusal("\x89PNG no line end").starts_with("line 1: not a line of a manifest"));
  p.put("");
  CHECK(p.refusal() == "(nothing thrown)");
}

TEST_CASE("one run at a time; folders and devices are no manifests") {
  const Place p;
  const FaceManifest manifest(p.path);
  CHECK(p.refusal().find("another run writes this manifest") != std::string::npos);
  CHECK(message_of<io::FileError>([] { FaceManifest m("/dev/full"); }).find("not a regular file") != std::string::npos);
  CHECK(message_of<io::FileError>([&] { FaceManifest m(p.folder.path()); }).find("choose another --manifest") !=
        std::string::npos);
}
