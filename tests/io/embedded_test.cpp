#include "io/embedded.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string_view>

#include "g2face/image.hpp"

using namespace g2face;

namespace {

using File = std::vector<std::uint8_t>;

Tensor picture() {
  Tensor image({DType::f32, {1, 3, 20, 24}});
  std::mt19937 random(3);
  for (float& x : image.mutable_as<float>()) x = static_cast<float>(random() % 256) / 127.5F - 1;
  return image;
}

File data(std::size_t size) {
  std::mt19937 random(4);
  File bytes(size);
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random());
  return bytes;
}

std::size_t count(const File& file, std::string_view what) {
  const std::string_view all(reinterpret_cast<const char*>(file.data()), file.size());
  std::size_t n = 0;
  for (std::size_t at = all.find(what); at != std::string_view::npos; at = all.find(what, at + 1)) ++n;
  return n;
}

bool same_pixels(const File& a, const File& b) {
  const Tensor x = decode_image(a, "a"), y = decode_image(b, "b");
  return std::equal(x.as<float>().begin(), x.as<float>().end(), y.as<float>().begin(), y.as<float>().end());
}

}  // namespace

TEST_CASE("embedded: what is put into PNG and JPEG comes out, and the picture is as it was") {
  for (const char* name : {"a.png", "a.jpg"}) {
    CAPTURE(name);
    const File plain = io::encode_image(picture(), name);
    CHECK(io::embedded(plain, name).empty());
    // Up to several parts; libpng and libjpeg read past them.
    for (const std::size_t size : {1U, 100U, 65517U, 65519U, 65520U, 9'000'000U}) {
      const File with = io::with_embedded(plain, data(size), name);
      CHECK(io::embedded(with, name) == data(size));
      CHECK(same_pixels(with, plain));
      CHECK(io::picture_digest(with, name) == io::picture_digest(plain, name));
      CHECK(io::with_embedded(with, {}, name) == plain);
      CHECK(io::embedded(io::with_embedded(with, data(7), name), name) == data(7));
    }
  }
  const File bmp = io::encode_image(picture(), "a.bmp");
  CHECK(!io::can_embed(bmp));
  CHECK(io::embedded(bmp, "a.bmp").empty());
  CHECK_THROWS_WITH_AS(io::with_embedded(bmp, data(1), "a.bmp"), doctest::Contains("side file"), ImageError);
  CHECK(io::picture_digest(bmp, "a.bmp") == io::picture_digest(io::encode_image(picture(), "a.png"), "a.png"));
}

TEST_CASE("embedded: parts that were reordered come out in their order") {
  File png = io::with_embedded(io::encode_image(picture(), "a.png"), data(2 << 20), "a.png");
  REQUIRE(count(png, "gfSC") == 2);
  constexpr std::string_view type_name = "gfSC";
  const auto type = std::search(png.begin(), png.end(), type_name.begin(), type_name.end());
  const auto first = type - 4, second = first + (1 << 20) + 2 + 12;  // both are as long
  std::swap_ranges(first, second, second);
  CHECK(io::embedded(png, "a.png") == data(2 << 20));
}

TEST_CASE("embedded: the digest sees pixels and tables, not comments") {
  File jpeg = io::encode_image(picture(), "a.jpg");
  const auto digest = io::picture_digest(jpeg, "a.jpg");
  File commented = jpeg;
  const std::string_view note("\xff\xfe\x00\x06note", 8);
  commented.insert(commented.begin() + 2, note.begin(), note.end());
  CHECK(io::picture_digest(commented, "a.jpg") == digest);
  CHECK(same_pixels(jpeg, commented));
  File trailed = jpeg;
  trailed.push_back(7);
  CHECK(io::picture_digest(trailed, "a.jpg") == digest);
  jpeg[jpeg.size() - 6] ^= 1;
  CHECK(io::picture_digest(jpeg, "a.jpg") != digest);

  Tensor other = picture();
  other.mutable_as<float>()[5] += 1 / 127.5F;
  CHECK(io::picture_digest(io::encode_image(other, "a.png"), "a.png") !=
        io::picture_digest(io::encode_image(picture(), "a.png"), "a.png"));
}

TEST_CASE("embedded: cut and changed files give something or an ImageError of one line") {
  for (const char* name : {"a.png", "a.jpg"}) {
    const File whole = io::with_embedded(io::encode_image(picture(), name), data(300), name);
    std::mt19937 random(8);
    for (int i = 0; i < 3000; ++i) {
      File file = whole;
      if (i % 2 == 0) file.resize(random() % file.size());
      for (int k = 0; k < 3 && !file.empty(); ++k) file[random() % file.size()] = static_cast<std::uint8_t>(random());
      try {
        static_cast<void>(io::embedded(file, name));
        if (io::can_embed(file)) {
          CHECK(io::embedded(io::with_embedded(file, data(40), name), name) == data(40));
        }
      } catch (const ImageError& e) {
        CHECK(std::string_view(e.what()).find('\n') == std::string_view::npos);
      }
    }
  }
}
