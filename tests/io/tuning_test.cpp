#include "g2face/tuning.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <memory>

#include "temporary_folder.hpp"

using namespace g2face;

namespace {

struct Cache {
  test::TemporaryFolder folder;
  std::string file = (folder / "g2face" / "tuning.json").string();
  std::vector<std::string> said;

  Tuning open(const std::string& machine = "a GPU; driver 1") {
    return {file, machine, [this](const std::string& line) { said.push_back(line); }};
  }
  void put(std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    test::write_bytes(file, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  std::string text() const {
    const auto bytes = test::read_bytes(file);
    return {bytes.begin(), bytes.end()};
  }
};

}  // namespace

TEST_CASE("what was tuned is found again, on the same machine only") {
  Cache cache;
  {
    Tuning tuning = cache.open();
    CHECK(!tuning.find("conv2d"));
    tuning.remember("conv2d", "conv2d gemm:\"bf16\"");
    tuning.remember("matmul", "matmul cuda:tiled");
    tuning.save();
    Tuning other = cache.open("a GPU; driver 2");
    CHECK(other.size() == 0);
    other.remember("conv2d", "conv2d cudnn:1");
    other.save();
  }
  CHECK(cache.open().find("conv2d") == "conv2d gemm:\"bf16\"");
  CHECK(cache.open().find("matmul") == "matmul cuda:tiled");
  CHECK(cache.open().size() == 2);
  CHECK(cache.open("a GPU; driver 2").find("conv2d") == "conv2d cudnn:1");
  CHECK(cache.open("a GPU; driver 3").size() == 0);
  CHECK(cache.said.empty());
  CHECK(std::distance(std::filesystem::directory_iterator(std::filesystem::path(cache.file).parent_path()), {}) == 1);
}

TEST_CASE("two that write one tuning file keep what the other found") {
  Cache cache;
  Tuning first = cache.open(), second = cache.open();
  first.remember("a", "1");
  second.remember("b", "2");
  first.save();
  second.save();
  CHECK(cache.open().find("a") == "1");
  CHECK(cache.open().find("b") == "2");
}

TEST_CASE("a tuning file that is damaged or another's is passed over with one line, and replaced") {
  Cache cache;
  Tuning whole = cache.open("m");
  whole.remember("a signature", "a kernel");
  whole.save();
  const std::string good = cache.text();
  std::vector<std::string> bad = {"[]",
                                  "null",
                                  R"({"g2face_tuning": 1})",
                                  R"({"g2face_tuning": 2, "machines": {}})",
                                  R"({"g2face_tuning": "1", "machines": {}})",
                                  R"({"g2face_tuning": 1, "machines": [1]})",
                                  R"({"g2face_tuning": 1, "machines": {"m": "k"}})",
                                  R"({"g2face_tuning": 1, "machines": {"m": {"s": 1}}})",
                                  R"({"g2face_tuning": 1, "machines": {"m": {"s": {"t": {"u": 1}}}}})",
                                  R"({"g2face_tuning": 1, "machines": {}, "more": 1})",
                                  good + "}",
                                  "\xff" + good,
                                  std::string(100000, '[')};
  for (std::size_t n = 0; n + 2 < good.size(); ++n) bad.push_back(good.substr(0, n));  // without the last "}\n"
  for (const std::string& text : bad) {
    CAPTURE(text);
    cache.put(text);
    cache.said.clear();
    Tuning tuning = cache.open("m");
    CHECK(tuning.size() == 0);
    REQUIRE(cache.said.size() == 1);
    CHECK(cache.said[0].find(cache.file) != std::string::npos);
    CHECK(cache.said[0].find('\n') == std::string::npos);
  }
  Tuning tuning = cache.open("m");
  tuning.save();  // nothing new: nothing is written
  CHECK(cache.text() == bad.back());
  tuning.remember("a signature", "a kernel");
  tuning.save();
  CHECK(cache.text() == good);
}

TEST_CASE("a tuning file that cannot be written costs a line and nothing else") {
  Cache cache;
  test::write_bytes(cache.folder / "g2face", {});  // where a folder should be
  Tuning tuning = cache.open();
  tuning.remember("a", "1");
  tuning.save();
  CHECK(cache.said.size() == 1);
  CHECK(tuning.find("a") == "1");
}

TEST_CASE("the tuning file lies where caches do") {
  const auto with = [](const char* cache, const char* home) {
    const auto set = [](const char* name, const char* value) {
      value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
    };
    const char *old_cache = std::getenv("XDG_CACHE_HOME"), *old_home = std::getenv("HOME");
    const std::string kept_cache = old_cache == nullptr ? "" : old_cache,
                      kept_home = old_home == nullptr ? "" : old_home;
    set("XDG_CACHE_HOME", cache);
    set("HOME", home);
    std::string file = Tuning::default_file();
    set("XDG_CACHE_HOME", old_cache == nullptr ? nullptr : kept_cache.c_str());
    set("HOME", old_home == nullptr ? nullptr : kept_home.c_str());
    return file;
  };
  CHECK(with("/c", "/h") == "/c/g2face/tuning.json");
  CHECK(with(nullptr, "/h") == "/h/.cache/g2face/tuning.json");
  CHECK(with("", "/h") == "/h/.cache/g2face/tuning.json");
  CHECK(with(nullptr, nullptr).empty());
}

TEST_CASE("a machine is named by device and versions") {
  CHECK(Tuning::machine(Device::cpu()).starts_with("g2face "));
  for (int i = 0; i < Device::cuda_count(); ++i) {
    const std::string name = Tuning::machine(Device::cuda(i));
    CHECK(name.find("; driver ") != std::string::npos);
    CHECK(name.find("; CUDA ") != std::string::npos);
  }
}
