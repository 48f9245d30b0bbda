#include "g2face/manifest.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "g2face/fill.hpp"
#include "io/sha256.hpp"
#include "temporary_folder.hpp"

using namespace g2face;
using io::Sha256;
using test::message_of;
using test::TemporaryFolder;

namespace {

const std::string folder_of_manifests = G2FACE_TEST_DATA "/manifests/";

nlohmann::json checksums() { return nlohmann::json::parse(std::ifstream(folder_of_manifests + "checksums.json")); }

std::span<const std::uint8_t> bytes_of(const Tensor& t) {
  return {static_cast<const std::uint8_t*>(t.data()), t.bytes()};
}

std::string sha256(const Tensor& t) {
  Sha256 sum;
  sum.add(bytes_of(t));
  return sum.finish();
}

std::string refusal(const std::string& text) {
  const TemporaryFolder folder;
  test::write_bytes(folder / "m", std::vector<std::uint8_t>(text.begin(), text.end()));
  const std::string message = message_of<CheckpointError>([&] { load_manifest(folder / "m"); });
  return message.substr(std::min(message.size(), (folder / "m").string().size()));
}

// An entry with the given fields instead of the usual ones; `null` takes a field away.
std::string entry(const std::string& changes) {
  nlohmann::json e = {{"name", "w"},     {"shape", {2}},       {"dtype", "float32"},
                      {"kind", "param"}, {"fill", "constant"}, {"values", {1, 2.5}}};
  e.merge_patch(nlohmann::json::parse(changes));
  return e.dump();
}

std::string list(const std::string& first, const std::string& second) { return str("[", first, ",", second, "]"); }

}  // namespace

TEST_CASE("sha256: known answers") {
  const std::string abc = "abc";
  Sha256 sum;
  sum.add({reinterpret_cast<const std::uint8_t*>(abc.data()), abc.size()});
  CHECK(sum.finish() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256().finish() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("fill and make_image: recorded checksums") {
  const nlohmann::json expected = checksums();
  CHECK(expected.at("fill").size() == 3);
  for (const auto& item : expected.at("fill").items()) {
    const auto shape = item.value().at("shape").get<std::vector<std::int64_t>>();
    CAPTURE(item.key());
    CHECK(sha256(fill(item.key(), Shape(shape), item.value().at("scale"), item.value().at("offset"))) ==
          item.value().at("sha256").get<std::string>());
  }
  const nlohmann::json& images = expected.at("images");
  CHECK(sha256(make_image("pub/generator256/n1/image", 1)) ==
        images.at("make_image(pub/generator256/n1/image,1)").at("sha256").get<std::string>());
  CHECK(sha256(make_image("pub/hiding_extractor/n2/image", 2)) ==
        images.at("make_image(pub/hiding_extractor/n2/image,2)").at("sha256").get<std::string>());
}

TEST_CASE("manifest: recorded checksums of all networks") {
  const nlohmann::json expected = checksums().at("networks");
  CHECK(expected.size() == 8);
  for (const auto& item : expected.items()) {
    const std::string network = item.key();
    CAPTURE(network);
    const auto path = folder_of_manifests + network + ".json";
    const std::vector<std::string> names = manifest_names(path);
    const Parameters parameters = load_manifest(path, "net/");
    CHECK(parameters.size() == item.value().at("entries").get<std::size_t>());
    REQUIRE(names.size() == parameters.size());
    for (const auto& some : item.value().at("some").items()) {
      CAPTURE(some.key());
      CHECK(sha256(parameters.at("net/" + some.key())) == some.value().at("sha256").get<std::string>());
    }
    if (parameters.element_count() > 10'000'000) continue;  // the rest of the large ones would take seconds
    Sha256 sum;
    for (const std::string& name : names) sum.add(bytes_of(parameters.at("net/" + name)));
    CHECK(sum.finish() == item.value().at("sha256_of_all_entries_in_order").get<std::string>());
  }
}

TEST_CASE("manifest: an alias shares its tensor") {
  const TemporaryFolder folder;
  const std::string text = list(entry("{}"), entry(R"({"name":"v","alias_of":"w"})"));
  test::write_bytes(folder / "m", std::vector<std::uint8_t>(text.begin(), text.end()));
  const Parameters p = load_manifest(folder / "m", "p.");
  CHECK(p.at("p.v").data() == p.at("p.w").data());
  CHECK(p.at("p.w").as<float>()[1] == 2.5f);
}

TEST_CASE("manifest: what is refused, and how") {
  const auto one = [](const std::string& changes) { return refusal(str("[", entry(changes), "]")); };
  CHECK(refusal("{") == ": is not valid JSON");
  CHECK(refusal("{}") == ": is object, expected a list of entries");
  CHECK(refusal(std::string(100'000, '[')) == ": the JSON is nested deeper than 4 levels");
  CHECK(refusal("[1]") == ": entry 0 is number, expected an object");
  CHECK(refusal("[{}]") == ": entry 0 lacks name");
  CHECK(refusal(list(entry("{}"), entry("{}"))) == ": entry 1 'w' appears twice");
  CHECK(one(R"({"name":7})") == ": entry 0: name is number, expected a string");
  CHECK(one(R"({"shape":null})") == ": entry 0 'w' lacks shape");
  CHECK(one(R"({"shape":[2.5]})") == ": entry 0 'w': shape holds number, expected whole numbers");
  CHECK(one(R"({"shape":[-1]})") == ": entry 0 'w': shape [-1]: -1 is negative");
  CHECK(one(R"({"shape":[3]})") == ": entry 0 'w': f32[3] needs 3 values, got 2");
  CHECK(one(R"({"dtype":"int8"})") == ": entry 0 'w': dtype is 'int8', expected float32 or int64");
  CHECK(one(R"({"dtype":"int64"})") == ": entry 0 'w': value 1 is no i64");
  CHECK(one(R"({"values":[1,"x"]})") == ": entry 0 'w': value 1 is no f32");
  CHECK(one(R"({"kind":"other"})") == ": entry 0 'w': kind is 'other', expected param or buffer");
  CHECK(one(R"({"fill":"normal"})") == ": entry 0 'w': fill is 'normal', expected uniform or constant");
  CHECK(one(R"({"fill":"uniform"})") == ": entry 0 'w' lacks fill_name");
  CHECK(one(R"({"fill":"uniform","fill_name":"w","fill_scale":"1"})") ==
        ": entry 0 'w': fill_scale is string, expected a number");
  CHECK(one(R"({"fill":"uniform","fill_name":"w","fill_scale":1,"fill_offset":0,"dtype":"int64"})") ==
        ": entry 0 'w': a uniform fill is float32, not i64");
  CHECK(one(R"({"alias_of":"u"})") == ": entry 0 'w': alias_of names 'u', which no earlier entry has");
  CHECK(refusal(list(entry("{}"), entry(R"({"name":"v","alias_of":"w","shape":[3]})"))) ==
        ": entry 1 'v' is f32[3], but its alias 'w' is f32[2]");
  CHECK_THROWS_WITH_AS(load_manifest("none.json"), "none.json: cannot open: No such file or directory",
                       CheckpointError);
}
