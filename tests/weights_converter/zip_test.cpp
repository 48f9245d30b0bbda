#include <doctest/doctest.h>

#include "weights_converter/opened.hpp"
#include "weights_converter/pickle_builder.hpp"
#include "weights_converter/zip_archive.hpp"

using namespace g2face;
using namespace g2face::test;
using weights::ZipArchive;

namespace {

std::string zip_refusal(const std::string& bytes) {
  return message_of<WeightFileError>([&] { ZipArchive({nullptr, weights::bytes_of(bytes)}, "F"); });
}

std::string contents(const std::string& bytes, std::string_view name) {
  const ZipArchive zip({nullptr, weights::bytes_of(bytes)}, "F");
  const auto all = zip.contents(*zip.find(name), 1U << 20);
  return {all.begin(), all.end()};
}

std::string sample(ZipOptions options) {
  using namespace pickled;
  const std::string body = dict({text("w"), tensor(storage("FloatStorage", "0", 6), 0, {2, 3}, {3, 1}), text("b"),
                                 tensor(storage("FloatStorage", "1", 2), 0, {2}, {1})});
  return torch_zip(body, {"0", floats({1, 2, 3, 4, 5, 6}), "1", floats({7, 8})}, options);
}

std::vector<ZipOptions> ways() {
  return {{}, {.deflate = true}, {.descriptor = true, .align = 64}, {.zip64 = true}, {true, true, true, 64}};
}

}  // namespace

TEST_CASE("zip: stored and deflated entries, sizes of 32 and 64 bits, before the data or after it") {
  std::string large(300'000, 'a');
  for (std::size_t i = 0; i < large.size(); i += 3) large[i] = static_cast<char>(i * 7919 >> 5);
  for (const ZipOptions& options : ways()) {
    const std::string zip = ZipBuilder(options).add("a/x", "hello").add("a/empty", "").add("a/large", large).str();
    CHECK(contents(zip, "a/x") == "hello");
    CHECK(contents(zip, "a/empty").empty());
    CHECK(contents(zip, "a/large") == large);
  }
}

TEST_CASE("zip: no archive that was cut short or has a flipped bit gives other values") {
  for (const ZipOptions& options : ways()) {
    const std::string bytes = sample(options);
    check_truncations(weights::open_torch_zip, bytes);
    CHECK(count_wrong_values(weights::open_torch_zip, bytes) == 0);
  }
}

TEST_CASE("zip: what does not fit together is refused, saying what it is") {
  const std::string zip = ZipBuilder().add("a/x", "hello").add("a/y", "there").str();
  CHECK(zip_refusal("PK").ends_with("F: 2 bytes are too few for a zip archive"));
  CHECK(zip_refusal(ZipBuilder().str()).find("cannot hold 0 entries") != std::string::npos);
  CHECK(zip_refusal(ZipBuilder().add("a", "1").add("a", "1").str()).find("appears twice: 'a'") != std::string::npos);
  CHECK(zip_refusal("x" + zip).find("does not end where") != std::string::npos);
  CHECK(zip_refusal(zip + "x").find("no end record") != std::string::npos);
  std::string damaged = zip;
  damaged[zip.find("hello")] = 'j';
  CHECK(zip_refusal(damaged) ==
        "F: 'a/x': its contents do not fit their checksum (CRC-32): the file is damaged, fetch it again");
  damaged = zip;
  damaged[zip.find("a/y")] = 'b';
  CHECK(zip_refusal(damaged).find("'a/y': its own header differs") != std::string::npos);
  damaged = zip;
  damaged[zip.find("PK\1\2")] = 'Q';
  CHECK(zip_refusal(damaged).find("entry 0 of the directory") != std::string::npos);
}

TEST_CASE("zip: an entry that says it unpacks to more than it can is refused before memory is taken") {
  std::string bytes = ZipBuilder({.deflate = true}).add("a/x", std::string(100, 'a')).str();
  const std::string size = number_bytes<std::uint32_t>(100), huge = number_bytes<std::uint32_t>(0x7fffffff);
  for (std::size_t at = bytes.find(size); at != std::string::npos; at = bytes.find(size)) bytes.replace(at, 4, huge);
  CHECK(zip_refusal(bytes).find("bytes cannot hold its 2147483647") != std::string::npos);

  const std::string bomb = ZipBuilder({.deflate = true}).add("a/data.pkl", std::string(80 << 20, '\0')).str();
  CHECK(refusal(weights::open_torch_zip, bomb).find("at most 67108864 are accepted") != std::string::npos);
}
