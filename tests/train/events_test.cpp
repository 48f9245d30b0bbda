#include "g2face/train/events.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <array>
#include <cmath>
#include <csignal>
#include <cstring>
#include <map>
#include <vector>

#include "g2face/image.hpp"
#include "io/child_process.hpp"
#include "io/temporary_folder.hpp"

using namespace g2face;
using test::message_of;
using test::TemporaryFolder;

namespace {

// A reader that shares nothing with the writer: the checksum bit by bit, messages as fields by number.
using Text = std::string;

std::uint32_t masked_crc(const Text& bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <class T>
T number_at(const Text& bytes, std::size_t at) {
  T value{};
  REQUIRE(at + sizeof(T) <= bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

std::vector<Text> records(const Text& file) {
  std::vector<Text> found;
  for (std::size_t at = 0; at < file.size();) {
    const auto size = number_at<std::uint64_t>(file, at);
    REQUIRE(number_at<std::uint32_t>(file, at + 8) == masked_crc(file.substr(at, 8)));
    found.push_back(file.substr(at + 12, size));
    REQUIRE(found.back().size() == size);
    REQUIRE(number_at<std::uint32_t>(file, at + 12 + size) == masked_crc(found.back()));
    at += 16 + size;
  }
  return found;
}

/// The fields of a message, each as the bytes of its value (of a varint: as a u64).
std::multimap<int, Text> fields(const Text& message) {
  std::multimap<int, Text> found;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = number_at<std::uint8_t>(message, at++);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.size()) {
    const std::uint64_t tag = varint();
    const auto wire = tag & 7;
    Text value;
    if (wire == 0) {
      const std::uint64_t number = varint();
      value.assign(reinterpret_cast<const char*>(&number), sizeof(number));
    } else {
      const std::size_t size = wire == 1 ? 8 : wire == 5 ? 4 : static_cast<std::size_t>(varint());
      REQUIRE(at + size <= message.size());
      value = message.substr(at, size);
      at += size;
    }
    found.emplace(static_cast<int>(tag >> 3), value);
  }
  return found;
}

Text only(const Text& message, int field) {
  const auto all = fields(message);
  REQUIRE(all.count(field) == 1);
  return all.find(field)->second;
}

Text read_file(const std::string& file) {
  const auto bytes = test::read_bytes(file);
  return {bytes.begin(), bytes.end()};
}

using Scalars = std::vector<std::pair<std::string, double>>;

}  // namespace

TEST_CASE("events: the first record, byte for byte") {
  const TemporaryFolder folder;
  const EventWriter writer((folder / "run").string(), {}, [] { return 1700000000.0; });
  const std::string name = std::filesystem::path(writer.file()).filename().string();
  CHECK(name.starts_with("events.out.tfevents.1700000000."));
  CHECK(name.size() > 31);
  // 24 bytes; their checksum; wall_time (1), a double; file_version (3), 13 bytes of text; the checksum of all that.
  const Text expected = Text("\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22", 12) + Text("\x09\0\0\0\x40\xfc\x54\xd9\x41", 9) +
                        "\x1a\x0d" + "brain.Event:2";
  const Text got = read_file(writer.file());
  REQUIRE(got.size() == 40);
  CHECK(got.substr(0, 36) == expected);
  CHECK(records(got).size() == 1);
}

TEST_CASE("events: scalars, pictures and the start of a session come back") {
  const TemporaryFolder folder;
  double now = 100.5;
  EventWriter writer(folder.path().string(), 301, [&] { return now; });
  writer.scalars(301, Scalars{{"anonymize/l1", 0.25}, {"bits wrong", std::nan("")}});
  now = 101;
  const Tensor picture = Tensor::full({DType::f32, {1, 3, 5, 7}}, 0.2);
  writer.image(std::int64_t{1} << 40, "samples", picture);

  const auto all = records(read_file(writer.file()));
  REQUIRE(all.size() == 4);
  CHECK(only(all[0], 3) == "brain.Event:2");
  CHECK(number_at<std::int64_t>(only(all[1], 2), 0) == 301);
  CHECK(number_at<std::int64_t>(only(only(all[1], 7), 1), 0) == 1);  // SessionLog::START

  CHECK(number_at<double>(only(all[2], 1), 0) == 100.5);
  CHECK(number_at<std::int64_t>(only(all[2], 2), 0) == 301);
  const auto values = fields(only(all[2], 5));
  REQUIRE(values.count(1) == 2);
  const Text first = values.begin()->second, second = std::next(values.begin())->second;
  CHECK(only(first, 1) == "anonymize/l1");
  CHECK(number_at<float>(only(first, 2), 0) == 0.25f);
  CHECK(only(second, 1) == "bits wrong");
  CHECK(std::isnan(number_at<float>(only(second, 2), 0)));

  CHECK(number_at<double>(only(all[3], 1), 0) == 101);
  CHECK(number_at<std::int64_t>(only(all[3], 2), 0) == std::int64_t{1} << 40);
  const Text value = only(only(all[3], 5), 1), image = only(value, 4);
  CHECK(only(value, 1) == "samples");
  CHECK(number_at<std::int64_t>(only(image, 1), 0) == 5);
  CHECK(number_at<std::int64_t>(only(image, 2), 0) == 7);
  CHECK(number_at<std::int64_t>(only(image, 3), 0) == 3);
  const Text png = only(image, 4);
  const Tensor decoded = decode_image({reinterpret_cast<const std::uint8_t*>(png.data()), png.size()}, "png");
  CHECK(decoded.shape() == picture.shape());
  CHECK(std::abs(decoded.as<float>()[0] - 0.2f) < 1 / 255.f);

  CHECK_THROWS_AS(writer.image(1, "x", Tensor::zeros({DType::f32, {2, 3, 4, 4}})), ImageError);
  CHECK(records(read_file(writer.file())).size() == 4);
}

TEST_CASE("events: each writer has its own file, later ones sort after") {
  const TemporaryFolder folder;
  const auto clock = [] { return 1000000000.75; };
  const EventWriter first(folder.path().string(), {}, clock), second(folder.path().string(), 5, clock);
  CHECK(first.file() < second.file());
  CHECK(folder.file_count() == 2);
}

TEST_CASE("events: a write that stops half way takes the half back") {
  const TemporaryFolder folder;
  const int status = test::status_of_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    EventWriter writer(folder.path().string());
    writer.scalars(1, Scalars{{"a", 1}});
    const rlimit limit{1 << 12, 1 << 12};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string message = message_of<Error>([&] { writer.scalars(2, Scalars{{std::string(10'000, 'x'), 1}}); });
    if (message != writer.file() + ": cannot write: File too large: free some space or choose another folder") return 1;
    writer.scalars(3, Scalars{{"b", 1}});
    return 0;
  });
  CHECK(status == 0);
  for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
    const auto all = records(read_file(file.path().string()));
    REQUIRE(all.size() == 3);
    CHECK(number_at<std::int64_t>(only(all[2], 2), 0) == 3);
  }
  test::write_bytes(folder / "file", {});
  CHECK_THROWS_AS(EventWriter((folder / "file/run").string()), Error);
}
