// The recorded checkpoints: each gives exactly the tensors that its description lists, or is refused for the reason
// that it was made for.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/temporary_folder.hpp"
#include "weights_converter/commands.hpp"
#include "weights_converter/weight_file.hpp"

using namespace g2face;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path folder = fs::path(G2FACE_TEST_DATA) / "checkpoints";

struct Run {
  int code;
  std::string out, errors;
};
Run run(std::vector<std::string> arguments) {
  std::ostringstream out, errors;
  const int code = weights::run_program(std::move(arguments), out, errors);
  return {code, out.str(), errors.str()};
}

/// The line of a refusal.
std::string refused(const fs::path& path) {
  const Run result = run({"inspect", path.string()});
  CHECK(result.code == 3);
  CHECK(result.out.empty());
  CHECK(std::ranges::count(result.errors, '\n') == 1);
  CHECK(result.errors.find(path.string()) != std::string::npos);
  return result.errors;
}

json description(const fs::path& path) { return json::parse(std::ifstream(path)); }

}  // namespace

TEST_CASE("recorded checkpoints: each gives exactly the tensors of its description") {
  std::size_t seen = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const json expected = description(entry.path());
    if (!expected.is_object() || expected["expect"] != "ok") continue;
    ++seen;
    const std::string file = expected["file"];
    CAPTURE(file);
    const Run result = run({"inspect", (folder / file).string(), "--json"});
    REQUIRE(result.code == 0);
    CHECK(result.errors.empty());
    const json found = json::parse(result.out);
    CHECK(found["file"] == expected["file"]);
    CHECK(found["format"] == expected["format"]);
    REQUIRE(found["tensors"].size() == expected["tensors"].size());
    for (std::size_t i = 0; i < found["tensors"].size(); ++i) {
      CAPTURE(i);
      CHECK(found["tensors"][i] == expected["tensors"][i]);
    }
  }
  CHECK(seen == 10);
}

TEST_CASE("recorded checkpoints: the table names every tensor, its hash, and adds up") {
  const Run result = run({"inspect", (folder / "torch2_layout.pth").string()});
  const json expected = description(folder / "torch2_layout.json");
  CHECK(result.code == 0);
  for (const json& tensor : expected["tensors"]) {
    CHECK(result.out.find(tensor["name"].get<std::string>()) != std::string::npos);
    CHECK(result.out.find(tensor["sha256"].get<std::string>()) != std::string::npos);
  }
  CHECK(result.out.find("9 tensors, ") != std::string::npos);
}

TEST_CASE("recorded checkpoints: a file that calls a function is refused, and nothing was called") {
  const test::TemporaryFolder empty;
  const fs::path before = fs::current_path();
  fs::current_path(empty.path());
  for (const char* name : {"malicious_zip.pth", "malicious_legacy.pth"}) {
    const fs::path path = fs::absolute(before / folder / name);
    CHECK(refused(path).find("it asks for 'posix.system'") != std::string::npos);
  }
  CHECK(empty.file_count() == 0);  // where the function would have made a file
  fs::current_path(before);
}

TEST_CASE("recorded checkpoints: each damage is named") {
  const std::vector<std::pair<std::string, std::string>> reasons{
      {"damaged_trunc_half.pth", "no end record: is the file truncated?"},
      {"damaged_trunc_last1.pth", "no end record: is the file truncated?"},
      {"damaged_trunc_first100.pth", "no end record: is the file truncated?"},
      {"damaged_trunc_no_end_record.pth", "no end record: is the file truncated?"},
      {"damaged_flip_tensor.pth", "'train_zip/data/1': its contents do not fit their checksum (CRC-32)"},
      {"damaged_flip_pickle.pth", "'train_zip/data.pkl': its contents do not fit their checksum (CRC-32)"},
      {"damaged_flip_central.pth", "entry 0 of the directory of the zip archive is damaged"}};
  CHECK(description(folder / "damaged.json").size() == reasons.size());
  for (const auto& reason : reasons) {
    CHECK(refused(folder / reason.first).find(reason.second) != std::string::npos);
  }
}

TEST_CASE("g2face-convert: usage, and files that are none") {
  CHECK(run({}).code == 2);
  CHECK(run({"inspect"}).code == 2);
  CHECK(run({"inspect", "a", "--yaml"}).code == 2);
  CHECK(run({"--help"}).code == 0);
  CHECK(run({"--version"}).out.starts_with("g2face-convert "));
  const test::TemporaryFolder files;
  CHECK(refused(files / "missing").find("cannot open") != std::string::npos);
  CHECK(refused(files.path()).find("is a folder") != std::string::npos);
  test::write_bytes(files / "text", std::vector<std::uint8_t>{'h', 'e', 'l', 'l', 'o'});
  CHECK(refused(files / "text").find("is none of the files that are read") != std::string::npos);
  test::write_bytes(files / "empty", {});
  CHECK(refused(files / "empty").find("is empty") != std::string::npos);
}
