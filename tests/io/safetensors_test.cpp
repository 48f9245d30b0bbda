#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstring>
#include <map>

#include "g2face/parameters.hpp"
#include "temporary_folder.hpp"

using namespace g2face;
using test::message_of;
using test::TemporaryFolder;

namespace {

std::vector<std::uint8_t> file_of(const std::string& header, const std::string& data = "") {
  const std::uint64_t size = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &size, 8);
  text += header + data;
  return {text.begin(), text.end()};
}

std::string refusal(const std::string& header, const std::string& data = "") {
  return message_of<CheckpointError>([&] { parse_safetensors(file_of(header, data), "F"); });
}

Parameters sample() {
  Parameters p;
  p.set("b.weight", Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6}));
  p.set("a", Tensor::full({DType::u8, {3}}, 200));
  p.set("half", Tensor::full({DType::bf16, {5}}, 0.5));
  p.set("f16", Tensor::full({DType::f16, {1}}, -2));
  p.set("n", Tensor::scalar(1e10, DType::i64));
  p.set("i", Tensor::full({DType::i32, {2}}, -7));
  p.set("d", Tensor::full({DType::f64, {1, 1}}, 0.1));
  p.set("none", Tensor({DType::f32, {0, 4}}));
  p.set("name \"with\"\n\xc3\xa9", Tensor::scalar(1));
  p.metadata()["kind"] = "test \xe2\x9c\x93";
  return p;
}

void check_equal(const Parameters& a, const Parameters& b) {
  REQUIRE(a.size() == b.size());
  CHECK(a.metadata() == b.metadata());
  for (const auto& item : a) {
    const std::string& name = item.first;
    const Tensor& tensor = item.second;
    CAPTURE(name);
    REQUIRE(b.contains(name));
    const Tensor& other = b.at(name);
    CHECK(other.type().str() == tensor.type().str());
    CHECK(std::memcmp(other.data(), tensor.data(), tensor.bytes()) == 0);
  }
}

}  // namespace

TEST_CASE("safetensors: what is saved is loaded, and equal contents are equal bytes") {
  const TemporaryFolder folder;
  const Parameters p = sample();
  p.save(folder / "x.safetensors");
  check_equal(p, Parameters::load(folder / "x.safetensors"));
  const auto bytes = test::read_bytes(folder / "x.safetensors");
  check_equal(p, parse_safetensors(bytes, "x"));
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  CHECK(header % 8 == 0);
  p.save(folder / "y.safetensors");
  CHECK(bytes == test::read_bytes(folder / "y.safetensors"));
  CHECK(folder.file_count() == 2);
  Parameters().save(folder / "none.safetensors");
  CHECK(Parameters::load(folder / "none.safetensors").size() == 0);
}

TEST_CASE("safetensors: a file may be saved over while it is mapped, and pages may be dropped") {
  const TemporaryFolder folder;
  sample().save(folder / "x.safetensors");
  Parameters loaded = Parameters::load(folder / "x.safetensors");
  loaded.at("b.weight").mutable_as<float>()[0] = 42;
  loaded.save(folder / "x.safetensors");
  for (const auto& [name, tensor] : loaded) loaded.release_pages(tensor);
  CHECK(loaded.at("b.weight").as<float>()[0] == 42);
  CHECK(loaded.at("i").as<std::int32_t>()[1] == -7);
  CHECK(Parameters::load(folder / "x.safetensors").at("b.weight").as<float>()[0] == 42);
  const Tensor kept = Parameters::load(folder / "x.safetensors").at("d");
  CHECK(kept.item() == 0.1);  // the mapping lives as long as a tensor of it
}

TEST_CASE("safetensors: recorded files of another writer") {
  const Parameters p = Parameters::load(G2FACE_TEST_DATA "/ops/k_bits.safetensors");
  CHECK(p.metadata().contains("cases"));
  CHECK(p.element_count() > 0);
  CHECK_THROWS_WITH_AS(p.at("nothing"), doctest::Contains("there is no parameter 'nothing'"), CheckpointError);
}

TEST_CASE("safetensors: misaligned data is copied") {
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})";
  const TemporaryFolder folder;
  test::write_bytes(folder / "x", file_of(header, std::string("\x07\x00\x00\x80\x3f", 5)));
  const Parameters p = Parameters::load(folder / "x");
  CHECK(p.at("a").item() == 7);
  CHECK(p.at("b").as<float>()[0] == 1.0f);
  CHECK(reinterpret_cast<std::uintptr_t>(p.at("b").data()) % 4 == 0);
}

TEST_CASE("safetensors: BOOL is read as u8") {
  const auto p = parse_safetensors(file_of(R"({"m":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", "\1\1"), "F");
  CHECK(p.at("m").type() == Type{DType::u8, {2}});
}

TEST_CASE("safetensors: what is refused, and how") {
  const auto entry = [](const std::string& fields) { return "{\"w\":{" + fields + "}}"; };
  const std::map<std::string, std::string> cases{
      {"", "F: header: does not start with '{'; not a safetensors file?"},
      {" {}", "F: header: does not start with '{'; not a safetensors file?"},
      {"{", "F: header: not valid JSON at byte 2"},
      {"{}{}", "F: header: not valid JSON at byte 3"},
      {"{\"\xff\":{}}", "F: header: not valid JSON at byte 3"},
      {"{/* */}", "F: header: not valid JSON at byte 2"},
      {R"({"w":1})", "F: header: 'w' is 1, expected an object"},
      {R"({"w":[]})", "F: header: 'w' is a list, expected an object"},
      {R"({"w":null})", "F: header: 'w' is null, expected an object"},
      {R"({"__metadata__":{"a":1}})", "F: header: __metadata__.'a' is 1, expected a string"},
      {R"({"__metadata__":{"a":{}}})", "F: header: __metadata__.'a' is an object, expected a string"},
      {R"({"__metadata__":{"a":"","a":""}})", "F: header: __metadata__.'a' appears twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "F: header: '__metadata__' appears twice"},
      {entry(""), "F: header: 'w' lacks dtype"},
      {entry(R"("dtype":"F32")"), "F: header: 'w' lacks shape"},
      {entry(R"("dtype":"F32","shape":[])"), "F: header: 'w' lacks data_offsets"},
      {entry(R"("dtype":"F32","dtype":"F32")"), "F: header: 'w'.'dtype' appears twice"},
      {entry(R"("shape":[],"shape":[])"), "F: header: 'w'.'shape' appears twice"},
      {entry(R"("extra":1)"), "F: header: 'w'.'extra' is not a known field"},
      {entry(R"("dtype":7)"), "F: header: 'w'.'dtype' is 7, expected a string"},
      {entry(R"("dtype":["F32"])"), "F: header: 'w'.'dtype' is a list, expected a string"},
      {entry(R"("shape":"x")"), "F: header: 'w'.'shape' is a string, expected a list"},
      {entry(R"("shape":{})"), "F: header: 'w'.'shape' is an object, expected a list"},
      {entry(R"("shape":[[1]])"), "F: header: 'w'.'shape' is a list, expected a number"},
      {entry(R"("shape":[-1])"), "F: header: 'w'.'shape': -1 is negative"},
      {entry(R"("shape":[1.5])"), "F: header: 'w'.'shape': '1.5' is not a whole number of 63 bits"},
      {entry(R"("shape":[1e3])"), "F: header: 'w'.'shape': '1e3' is not a whole number of 63 bits"},
      {entry(R"("shape":[99999999999999999999])"),
       "F: header: 'w'.'shape': '99999999999999999999' is not a whole number of 63 bits"},
      {entry(R"("shape":[9223372036854775808])"), "F: header: 'w'.'shape': 9223372036854775808 is out of range"},
      {entry(R"("dtype":"F8_E4M3")"),
       "F: header: 'w'.'dtype': F8_E4M3 is not supported, expected F32, F64, F16, BF16, I64, I32, U8 or BOOL"},
      {entry(R"("dtype":"f32")"), "F: header: 'w'.'dtype': 'f32' is not a known type"},
      {entry(R"("dtype":"F32","shape":[],"data_offsets":[0])"), "F: 'w': data_offsets has 1 numbers, expected 2"},
      {entry(R"("dtype":"F32","shape":[],"data_offsets":[4,0])"), "F: 'w': data_offsets [4,0] end before they begin"},
      {entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
       "F: 'w': f32[2] needs 8 bytes, but data_offsets span 4"},
      {entry(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4])"),
       "F: 'w': shape of 9 axes: at most 8 are supported"},
      {entry(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])"),
       "F: 'w': shape [4294967296,4294967296]: the number of elements overflows 63 bits"},
      {entry(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])"),
       "F: 'w': f32[4611686018427387904] does not fit into memory"},
      {entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"),
       "F: 'w': data ends at 4, but the file has only 0 bytes of data; is it truncated?"},
      {entry(R"("dtype":"F32","shape":[1],"data_offsets":[9223372036854775800,9223372036854775804])"),
       "F: 'w': data begins at 9223372036854775800, which leaves a gap after the data that ends at 0"},
  };
  for (const auto& item : cases) {
    CAPTURE(item.first);
    CHECK(refusal(item.first) == item.second);
  }
  CHECK(refusal("{}", "x") == "F: 1 bytes after the data of the last tensor");
  const std::string twice = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                            R"("b":{"dtype":"U8","shape":[2],"data_offsets":[)";
  CHECK(refusal(twice + "1,3]}}", "abc") == "F: 'b': data begins at 1, which overlaps the data that ends at 2");
  CHECK(refusal(twice + "0,2]}}", "ab") == "F: 'b': data begins at 0, which overlaps the data that ends at 2");
  CHECK(refusal(twice + "3,5]}}", "abcde") ==
        "F: 'b': data begins at 3, which leaves a gap after the data that ends at 2");
  CHECK(
      refusal(
          R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
          "xy") == "F: header: 'a' appears twice");
}

TEST_CASE("safetensors: deep JSON and claims beyond the file cost nothing") {
  CHECK(refusal(std::string(1'000'000, '[')) == "F: header: does not start with '{'; not a safetensors file?");
  CHECK(refusal("{\"w\":" + std::string(1'000'000, '[')) == "F: header: 'w' is a list, expected an object");
  std::string nested = "{";
  for (int i = 0; i < 100'000; ++i) nested += "\"a\":{";
  CHECK(refusal(nested) == "F: header: 'a'.'a' is not a known field");

  std::vector<std::uint8_t> bytes = file_of("{}");
  const auto claim = [&bytes](std::uint64_t size) {
    std::memcpy(bytes.data(), &size, 8);
    return message_of<CheckpointError>([&] { parse_safetensors(bytes, "F"); });
  };
  CHECK(claim(3) == "F: header of 3 bytes in a file of 10 bytes; is it truncated?");
  CHECK(claim(100'000'000) == "F: header of 100000000 bytes in a file of 10 bytes; is it truncated?");
  CHECK(claim(~std::uint64_t{0}) ==
        "F: header of 18446744073709551615 bytes, at most 100000000 are accepted; not a safetensors file?");
}

TEST_CASE("safetensors: every truncation is refused, every flipped byte is refused or read") {
  const TemporaryFolder folder;
  sample().save(folder / "x");
  const auto whole = test::read_bytes(folder / "x");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    const auto part = std::span(whole).first(n);
    REQUIRE_THROWS_AS(parse_safetensors(part, "F"), CheckpointError);
    if (n % 16 != 0) continue;
    test::write_bytes(folder / "part", part);
    REQUIRE_THROWS_AS(Parameters::load(folder / "part"), CheckpointError);
  }
  std::size_t refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto damaged = whole;
    damaged[i] ^= 0x11;
    refused += message_of<CheckpointError>([&] { parse_safetensors(damaged, "F"); }) != "(nothing thrown)" ? 1 : 0;
  }
  CHECK(refused > 300);  // most of the header; data and names may be anything
}

TEST_CASE("safetensors: paths that cannot be read") {
  const TemporaryFolder folder;
  const auto load = [&](const std::string& name) {
    const std::string message = message_of<CheckpointError>([&] { Parameters::load(folder / name); });
    const std::string prefix = (folder / name).string();
    REQUIRE(message.substr(0, prefix.size()) == prefix);
    return message.substr(prefix.size());
  };
  CHECK(load("missing") == ": cannot open: No such file or directory");
  std::filesystem::create_directory(folder / "folder");
  CHECK(load("folder") == ": is a folder, expected a file");
  test::write_bytes(folder / "empty", {});
  CHECK(load("empty") == ": is empty");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(load("pipe") == ": is not a regular file");
  CHECK(load("missing/file") == ": cannot open: No such file or directory");
}

TEST_CASE("safetensors: what cannot be saved") {
  const TemporaryFolder folder;
  Parameters p = sample();
  p.set("empty", Tensor());
  CHECK_THROWS_WITH_AS(p.save(folder / "x"), doctest::Contains(": cannot write: 'empty' has no value"),
                       CheckpointError);
  p.erase("empty");
  p.set("\xff", Tensor::scalar(1));
  CHECK_THROWS_WITH_AS(p.save(folder / "x"), doctest::Contains("is not UTF-8"), CheckpointError);
  p.erase("\xff");
  p.set("__metadata__", Tensor::scalar(1));
  CHECK_THROWS_AS(p.save(folder / "x"), CheckpointError);
  CHECK(folder.file_count() == 0);
}
