#include "g2face/image.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>

#include "g2face/parameters.hpp"
#include "png_builder.hpp"
#include "temporary_folder.hpp"

using namespace g2face;
using test::build_png;
using test::message_of;
using test::TemporaryFolder;

namespace {

const std::string golden = G2FACE_TEST_DATA;

// Level v as it is in memory.
float level(int v) { return static_cast<float>(v / 127.5 - 1.0); }

// An image with a different level in every place.
Tensor gradient(std::int64_t height, std::int64_t width) {
  Tensor image({DType::f32, {1, 3, height, width}});
  const auto values = image.mutable_as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = level(static_cast<int>(i * 7 % 256));
  return image;
}

float at(const Tensor& image, std::int64_t c, std::int64_t y, std::int64_t x) {
  return image.as<float>()[static_cast<std::size_t>((c * image.shape()[2] + y) * image.shape()[3] + x)];
}

double largest_difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double largest = 0;
  for (std::size_t i = 0; i < a.as<float>().size(); ++i) {
    largest = std::fmax(largest, std::fabs(double{a.as<float>()[i]} - double{b.as<float>()[i]}));
  }
  return largest;
}

std::string refusal(std::span<const std::uint8_t> bytes) {
  return message_of<ImageError>([&] { decode_image(bytes, "F"); });
}

std::vector<std::uint8_t> text(const std::string& s) { return {s.begin(), s.end()}; }

// An EXIF segment with nothing but an orientation, to go behind the first two bytes of a JPEG.
std::vector<std::uint8_t> exif_segment(std::uint8_t orientation, bool big_endian) {
  std::vector<std::uint8_t> s{0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0};
  const std::vector<std::uint8_t> little{'I', 'I', 42, 0, 8, 0,           0, 0, 1, 0, 0x12, 1, 3,
                                         0,   1,   0,  0, 0, orientation, 0, 0, 0, 0, 0,    0, 0};
  const std::vector<std::uint8_t> big{'M', 'M', 0, 42, 0, 0, 0,           8, 0, 1, 1, 0x12, 0,
                                      3,   0,   0, 0,  1, 0, orientation, 0, 0, 0, 0, 0,    0};
  const auto& tiff = big_endian ? big : little;
  s.insert(s.end(), tiff.begin(), tiff.end());
  return s;
}

}  // namespace

TEST_CASE("image: lossless formats return what was saved") {
  const TemporaryFolder folder;
  for (const char* name : {"x.png", "x.bmp", "x.ppm", "X.PNG"}) {
    for (const auto& image : {gradient(5, 7), gradient(1, 1), gradient(3, 200)}) {
      CAPTURE(name);
      save_image(folder / name, image);
      const Tensor loaded = load_image(folder / name);
      CHECK(loaded.type() == image.type());
      CHECK(largest_difference(loaded, image) == 0.0);
    }
  }
  CHECK(folder.file_count() == 4);
}

TEST_CASE("image: JPEG is close to what was saved") {
  const TemporaryFolder folder;
  const Tensor image = load_image(golden + "/images/astronaut_256.png");
  for (const char* name : {"x.jpg", "x.JPEG"}) {
    save_image(folder / name, image);
    CHECK(relative_error(load_image(folder / name), image) < 0.05);
  }
}

TEST_CASE("image: values are clamped and rounded, NaN is refused") {
  const TemporaryFolder folder;
  const float inf = std::numeric_limits<float>::infinity();
  const float half = static_cast<float>(100.49 / 127.5 - 1);
  save_image(folder / "x.png", Tensor::from({1, 3, 1, 2}, {-5, 5, -inf, inf, half, 0}));
  const Tensor x = load_image(folder / "x.png");
  CHECK(largest_difference(x, Tensor::from({1, 3, 1, 2}, {-1, 1, -1, 1, level(100), level(128)})) == 0.0);
  CHECK(message_of<ImageError>([&] {
          save_image(folder / "y.png", Tensor::from({1, 3, 1, 2}, {0, 0, 0, std::nanf(""), 0, 0}));
        }) == (folder / "y.png").string() +
                  ": cannot write: channel 1 is NaN at row 0, column 1: look for the step that produced it");
  CHECK(folder.file_count() == 1);
}

TEST_CASE("image: 16 bit keeps its precision, grey is repeated, alpha is dropped") {
  const auto wide = decode_image(build_png({2, 1, 16, 2}, {{0x12, 0x34, 0, 0, 0xff, 0xff, 0x80, 0, 0, 1, 0, 2}}), "F");
  CHECK(at(wide, 0, 0, 0) == static_cast<float>(0x1234 / 32767.5 - 1));
  CHECK(at(wide, 1, 0, 0) == -1.0f);
  CHECK(at(wide, 2, 0, 0) == 1.0f);
  CHECK(at(wide, 2, 0, 1) == static_cast<float>(2 / 32767.5 - 1));

  for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{4}}) {  // without and with alpha
    const auto grey =
        decode_image(build_png({2, 2, 8, type},
                               type == 0 ? std::vector<std::vector<std::uint8_t>>{{10, 20}, {30, 40}}
                                         : std::vector<std::vector<std::uint8_t>>{{10, 0, 20, 99}, {30, 255, 40, 1}}),
                     "F");
    CHECK(grey.shape() == Shape{1, 3, 2, 2});
    for (std::int64_t c = 0; c < 3; ++c) {
      CHECK(at(grey, c, 0, 1) == level(20));
      CHECK(at(grey, c, 1, 0) == level(30));
    }
  }
  const auto alpha = decode_image(build_png({1, 2, 8, 6}, {{1, 2, 3, 0}, {4, 5, 6, 128}}), "F");
  CHECK(at(alpha, 2, 0, 0) == level(3));
  CHECK(at(alpha, 0, 1, 0) == level(4));
  const auto wide_grey_alpha = decode_image(build_png({1, 1, 16, 4}, {{0x40, 0, 0, 0}}), "F");
  CHECK(at(wide_grey_alpha, 1, 0, 0) == static_cast<float>(0x4000 / 32767.5 - 1));
}

TEST_CASE("image: PGM and PPM of any depth, with comments") {
  const auto grey = decode_image(text("P5 # a comment\n2 #\n 1\n255\nAB"), "F");
  CHECK(at(grey, 2, 0, 1) == level('B'));
  const auto wide = decode_image(text(std::string("P5\n1 1\n65535\n\x12\x34", 15)), "F");
  CHECK(at(wide, 0, 0, 0) == static_cast<float>(0x1234 / 32767.5 - 1));
  const auto ten_bit = decode_image(text(std::string("P6\n1 1\n1023\n\x03\xff\x00\x00\x07\xff", 18)), "F");
  CHECK(at(ten_bit, 0, 0, 0) == 1.0f);
  CHECK(at(ten_bit, 1, 0, 0) == -1.0f);
  CHECK(at(ten_bit, 2, 0, 0) == 1.0f);  // above the maximum
  for (const char* bad : {"P6", "P6 ", "P6 1", "P6 1 1", "P6 1 1 255", "P6 1 1 0 abc", "P6 1 1 70000 abc",
                          "P6 -1 1 255 a", "P6 x 1 255 abc", "P6 1 1 255x", "P6 9999999999 1 255 a"}) {
    CAPTURE(bad);
    CHECK(refusal(text(bad)) == "F: the PNM header lacks a width, a height or a maximum of 1 to 65535");
  }
  CHECK(refusal(text("P6 1 1 255 ab")) == "F: ends before the image does; is it truncated?");
  CHECK(refusal(text("P6 0 1 255 ab")) == "F: claims 0x1 pixels, from 1 to 100000000 are accepted");
  CHECK(refusal(text("P6 999999999 999999999 255 ab")) ==
        "F: claims 999999999x999999999 pixels, from 1 to 100000000 are accepted");
}

TEST_CASE("image: the eight EXIF orientations") {
  const TemporaryFolder folder;
  // Four flat quarters of grey, wider than high: top left 0, top right 60, bottom left 120, bottom right 250.
  Tensor stored({DType::f32, {1, 3, 16, 32}});
  const auto values = stored.mutable_as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool right = i % 32 >= 16;
    const bool bottom = i / 32 % 16 >= 8;
    values[i] = level(bottom ? (right ? 250 : 120) : (right ? 60 : 0));
  }
  save_image(folder / "x.jpg", stored);
  const auto plain = test::read_bytes(folder / "x.jpg");
  const int expected[8][4] = {{0, 60, 120, 250}, {60, 0, 250, 120}, {250, 120, 60, 0}, {120, 250, 0, 60},
                              {0, 120, 60, 250}, {120, 0, 250, 60}, {250, 60, 120, 0}, {60, 250, 0, 120}};
  for (int orientation = 0; orientation <= 9; ++orientation) {
    for (const bool big_endian : {false, true}) {
      auto bytes = plain;
      const auto segment = exif_segment(static_cast<std::uint8_t>(orientation), big_endian);
      bytes.insert(bytes.begin() + 2, segment.begin(), segment.end());
      const Tensor image = decode_image(bytes, "F");
      const bool valid = orientation >= 1 && orientation <= 8;
      const int* want = expected[valid ? orientation - 1 : 0];
      const std::int64_t height = orientation >= 5 && valid ? 32 : 16;
      const std::int64_t width = 48 - height;
      CAPTURE(orientation);
      REQUIRE(image.shape() == Shape{1, 3, height, width});
      CHECK(std::fabs(at(image, 0, 2, 2) - level(want[0])) < 0.05f);
      CHECK(std::fabs(at(image, 1, 2, width - 3) - level(want[1])) < 0.05f);
      CHECK(std::fabs(at(image, 2, height - 3, 2) - level(want[2])) < 0.05f);
      CHECK(std::fabs(at(image, 0, height - 3, width - 3) - level(want[3])) < 0.05f);
    }
  }
}

TEST_CASE("image: damaged and hostile files") {
  CHECK(refusal({}) == "F: is empty");
  CHECK(refusal(text("hello")) ==
        "F: is no PNG, JPEG, BMP, TGA or PNM image, or its header is damaged or claims too large a size");
  CHECK(refusal(build_png({60000, 60000, 8, 2}, {{1, 2, 3}})) ==
        "F: claims 60000x60000 pixels, from 1 to 100000000 are accepted");
  CHECK(refusal(build_png({5000, 5000, 8, 2}, {{1, 2, 3}})) ==
        "F: claims 5000x5000 pixels, more than 72 bytes can hold");
  CHECK(refusal(build_png({2, 2, 8, 2}, {{1, 2, 3}})).starts_with("F: damaged PNG: "));
  CHECK(refusal(build_png({0, 1, 8, 2}, {})).starts_with("F: damaged PNG: "));
  auto flipped = build_png({1, 1, 8, 2}, {{1, 2, 3}});
  flipped[flipped.size() - 13] ^= 1;  // of the checksum of the pixels
  CHECK(refusal(flipped).starts_with("F: damaged PNG: "));
  const ImageLimits small{.max_pixels = 10, .max_file_bytes = 100};
  CHECK(message_of<ImageError>([&] {
          decode_image(build_png({11, 1, 8, 0}, {}), "F", small);
        }) == "F: claims 11x1 pixels, from 1 to 10 are accepted");
  CHECK(message_of<ImageError>([&] { decode_image(text(std::string(101, 'P')), "F", small); }) ==
        "F: has 101 bytes, at most 100 are accepted");
}

TEST_CASE("image: every truncation is refused") {
  const TemporaryFolder folder;
  for (const char* name : {"x.png", "x.jpg", "x.bmp", "x.ppm"}) {
    save_image(folder / name, gradient(9, 11));
    const auto whole = test::read_bytes(folder / name);
    REQUIRE(refusal(whole) == "(nothing thrown)");
    const std::size_t padding = std::string(name) == "x.bmp" ? 3 : 0;  // of the last row; nobody needs it
    for (std::size_t n = 0; n < whole.size() - padding; ++n) {
      CAPTURE(name);
      CAPTURE(n);
      REQUIRE(refusal(std::span(whole).first(n)) != "(nothing thrown)");
    }
  }
  std::vector<std::uint8_t> tga{0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 20, 0, 24, 0};
  tga.resize(18 + 20 * 20 * 3, 200);
  REQUIRE(at(decode_image(tga, "F"), 2, 19, 19) == level(200));
  for (std::size_t n = 0; n < tga.size(); ++n) {
    CAPTURE(n);
    REQUIRE(refusal(std::span(tga).first(n)) != "(nothing thrown)");
  }
}

TEST_CASE("image: paths that cannot be read or written") {
  const TemporaryFolder folder;
  const auto load = [&](const std::string& name) {
    const std::string message = message_of<ImageError>([&] { load_image(folder / name); });
    return message.substr(std::min(message.size(), (folder / name).string().size()));
  };
  CHECK(load("none.png") == ": cannot open: No such file or directory");
  std::filesystem::create_directory(folder / "folder.png");
  CHECK(load("folder.png") == ": is a folder, expected a file");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(load("pipe") == ": is not a regular file");

  const auto save = [&](const std::string& name, const Tensor& image) {
    const std::string message = message_of<ImageError>([&] { save_image(folder / name, image); });
    return message.substr(std::min(message.size(), (folder / name).string().size()));
  };
  CHECK(save("folder.png", gradient(2, 2)) == ": is a folder: add a file name");
  CHECK(save("none/x.png", gradient(2, 2)) == ": cannot write: No such file or directory: create the folder first");
  CHECK(save("x.gif", gradient(2, 2)) ==
        ": cannot write: the extension '.gif' is not that of an image format: use .png, .jpg, .jpeg, .bmp or .ppm");
  CHECK(save("x.png", Tensor()) == ": cannot write: the image is an empty tensor: give f32[1,3,H,W]");
  CHECK(save("x.png", Tensor::zeros({DType::f32, {2, 3, 4, 4}})) ==
        ": cannot write: the image is f32[2,3,4,4]: give f32[1,3,H,W]");
  CHECK(save("x.png", Tensor::zeros({DType::f32, {1, 3, 0, 4}})) ==
        ": cannot write: the image is f32[1,3,0,4]: give f32[1,3,H,W]");
  CHECK(save("x.jpg", Tensor::zeros({DType::f32, {1, 3, 1, 65536}})) ==
        ": cannot write: 65536x1 pixels are too many: write a smaller image");
  CHECK(folder.file_count() == 2);
}

TEST_CASE("crop_resize: equals Pillow's bilinear filter bit for bit") {
  const Tensor photo = load_image(golden + "/images/astronaut.png");
  REQUIRE(photo.shape() == Shape{1, 3, 512, 512});
  const CropBox face{.left = 128, .top = 10, .width = 196, .height = 196};
  CHECK(largest_difference(crop_resize(photo, face, 256, 256), load_image(golden + "/images/astronaut_256.png")) ==
        0.0);
  CHECK(largest_difference(crop_resize(photo, {0, 0, 512, 512}, 256, 256),
                           load_image(golden + "/images/astronaut_full_to_256.png")) == 0.0);

  const Parameters recorded = Parameters::load(golden + "/ops/m_alignment.safetensors");
  for (const std::string name : {"pil_bilinear_resize_24", "pil_bilinear_resize_64"}) {
    const auto planes = [](const Tensor& hwc) {
      const std::int64_t height = hwc.shape()[0];
      const std::int64_t width = hwc.shape()[1];
      Tensor image({DType::f32, {1, 3, height, width}});
      for (std::int64_t i = 0; i < hwc.numel(); ++i) {
        image.mutable_as<float>()[static_cast<std::size_t>(i % 3 * height * width + i / 3)] =
            level(hwc.as<std::uint8_t>()[static_cast<std::size_t>(i)]);
      }
      return image;
    };
    const Tensor input = planes(recorded.at(name + "/input.image"));
    const Tensor want = planes(recorded.at(name + "/output.image"));
    const Tensor got = crop_resize(input, {0, 0, 52, 44}, want.shape()[2], want.shape()[3]);
    CHECK(largest_difference(got, want) == 0.0);
    CHECK(relative_error(got.reshape(want.shape().with(0, 1)),
                         recorded.at(name + "/output.tensor").reshape(want.shape())) < 1e-6);
  }
}

TEST_CASE("crop_resize: one pixel, the whole image and what is refused") {
  const Tensor image = gradient(6, 9);
  CHECK(largest_difference(crop_resize(image, {0, 0, 9, 6}, 6, 9), image) == 0.0);
  const Tensor one = crop_resize(image, {8, 5, 1, 1}, 3, 4);
  CHECK(one.shape() == Shape{1, 3, 3, 4});
  CHECK(at(one, 2, 2, 3) == at(image, 2, 5, 8));
  CHECK(crop_resize(image, {0, 0, 9, 6}, 1, 1).shape() == Shape{1, 3, 1, 1});
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  for (const CropBox& box : {CropBox{-1, 0, 2, 2}, CropBox{8, 0, 2, 2}, CropBox{0, 5, 2, 2}, CropBox{0, 0, 0, 2},
                             CropBox{0, 0, 10, 2}, CropBox{huge, 0, huge, 2}}) {
    CHECK_THROWS_AS(crop_resize(image, box, 2, 2), ShapeError);
  }
  CHECK_THROWS_AS(crop_resize(image, {0, 0, 9, 6}, 0, 2), ShapeError);
  CHECK_THROWS_AS(crop_resize(Tensor(), {0, 0, 1, 1}, 2, 2), ShapeError);
  CHECK_THROWS_AS(crop_resize(image.to(DType::f64), {0, 0, 1, 1}, 2, 2), ShapeError);
}
