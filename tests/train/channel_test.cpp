#include "g2face/train/channel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/image.hpp"
#include "g2face/ops.hpp"
#include "io/image_codec.hpp"

using namespace g2face;
using testing::Bench;

namespace {

/// A part of a photo, of odd sizes.
Tensor photo(std::int64_t height, std::int64_t width) {
  const Tensor whole = load_image(str(G2FACE_TEST_DATA, "/images/astronaut_256.png"));
  return crop_resize(whole, {.left = 100, .top = 40, .width = width, .height = height}, height, width);
}

Tensor repeated(const Tensor& image, std::int64_t n) {
  const Shape& s = image.shape();
  Tensor all({DType::f32, {n, s[1], s[2], s[3]}});
  for (std::int64_t i = 0; i < n; ++i)
    std::ranges::copy(image.as<float>(), all.mutable_as<float>().begin() + i * image.numel());
  return all;
}

/// Mean absolute difference of sample n of `many` from `one`, in levels.
double mean_difference(const Tensor& many, std::int64_t n, const Tensor& one) {
  const Tensor a = many.to(DType::f64), b = one.to(DType::f64);
  double sum = 0;
  for (std::int64_t i = 0; i < one.numel(); ++i)
    sum += std::fabs(a.as<double>()[static_cast<std::size_t>(n * one.numel() + i)] -
                     b.as<double>()[static_cast<std::size_t>(i)]);
  return 127.5 * sum / static_cast<double>(one.numel());
}

/// By libjpeg.
Tensor compressed(const Tensor& image, int quality, bool halve_colours) {
  const auto height = static_cast<std::size_t>(image.shape()[2]), width = static_cast<std::size_t>(image.shape()[3]);
  std::vector<std::uint8_t> rgb(3 * height * width);
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < height * width; ++i)
      rgb[3 * i + c] = static_cast<std::uint8_t>(std::lround(127.5F * (image.as<float>()[c * height * width + i] + 1)));
  return decode_image(io::encode_jpeg({rgb, static_cast<int>(width), static_cast<int>(height)}, "photo.jpg",
                                      {.quality = quality, .halve_colours = halve_colours}),
                      "photo.jpg");
}

Tensor seeds_of(std::int64_t n) {
  Tensor seeds({DType::i64, {n}});
  for (std::int64_t i = 0; i < n; ++i) seeds.mutable_as<std::int64_t>()[static_cast<std::size_t>(i)] = 7 * i + 1;
  return seeds;
}

/// The slope of sum(w f(x)) in a direction from its gradient, over that from two points `step` apart on each side.
template <class F>
double slopes_ratio(const Tensor& at, double step, const F& f) {
  Bench b;
  const Value x = b.feed(at), way = b.graph.constant(testing::random_tensor(at.shape(), 9).to(DType::f32));
  const auto number = [&](Value v) { return sum(f(v) * way); };
  const Value slope = sum(gradients(number(x), {x})[0] * way);
  const Value far = number(x + way * step) - number(x - way * step);
  return b.number(slope) / (b.number(far) / (2 * step));
}

}  // namespace

TEST_CASE("channel: rounding gives levels of 8 bits, and lets the gradient of clipping pass") {
  Graph g;
  const Value x = g.constant(Tensor::from({6}, {-1.5F, -1, -0.3F, 0.001F, 0.99F, 7}));
  const Value y = round_to_bytes(x);
  const Tensor rounded = testing::evaluate(y, {}), slope = testing::evaluate(gradients(sum(y), {x})[0], {});
  for (std::size_t i = 0; i < 6; ++i) {
    const double in = testing::evaluate(x, {}).to(DType::f64).as<double>()[i];
    const double level = (rounded.to(DType::f64).as<double>()[i] + 1) * 127.5;
    const double want = std::round((std::fmin(std::fmax(in, -1), 1) + 1) * 127.5);
    CHECK(std::fabs(level - want) < 1e-3);
    CHECK(slope.to(DType::f64).as<double>()[i] == (std::fabs(in) <= 1 ? 1 : 0));
  }
}

TEST_CASE("channel: noise has the given size, a seed for each picture, and no part in the gradient") {
  Graph g;
  const Value x = g.constant(Tensor::zeros({DType::f32, {2, 3, 32, 32}}));
  Tensor numbers({DType::i64, {2}});
  numbers.mutable_as<std::int64_t>()[0] = numbers.mutable_as<std::int64_t>()[1] = 5;
  const Value y = channel(x, g.constant(numbers), {.noise = 0.1});
  const Tensor noise = testing::evaluate(y, {}).to(DType::f64);
  double square = 0;
  for (std::size_t i = 0; i < 3072; ++i) {
    CHECK(noise.as<double>()[i] == noise.as<double>()[3072 + i]);
    square += noise.as<double>()[i] * noise.as<double>()[i] / 3072;
  }
  CHECK(std::sqrt(square) == doctest::Approx(0.1).epsilon(0.07));  // five standard deviations of 3072 numbers
  CHECK(testing::evaluate(sum(gradients(sum(y), {x})[0]), {}).item() == 6144);
  CHECK(channel(x, g.constant(numbers), {.noise = 0}) == x);
}

TEST_CASE("channel: JPEG is what libjpeg makes of a photo, each with its quality") {
  const std::vector<float> qualities = {5, 25, 50, 76, 91, 100};
  const auto n = static_cast<std::int64_t>(qualities.size());
  const Tensor image = photo(45, 58);
  for (const bool halve_colours : {false, true}) {
    Bench b;
    const Value quality = b.feed(Tensor::from({n}, qualities));
    const Tensor got = b.run(jpeg(b.feed(repeated(image, n)), quality, halve_colours));
    for (std::int64_t i = 0; i < n; ++i) {
      const int q = static_cast<int>(qualities[static_cast<std::size_t>(i)]);
      const Tensor want = compressed(image, q, halve_colours);
      CAPTURE(q);
      CAPTURE(halve_colours);
      // A coefficient that libjpeg's integer cosines put on the other side of a half costs up to 0.3.
      const double own = mean_difference(got, i, want);
      CHECK(own < 0.75);
      CHECK(own < mean_difference(got, i, compressed(image, q > 90 ? q - 3 : q + 3, halve_colours)));
      CHECK(own <= mean_difference(got, i, compressed(image, q, !halve_colours)));  // at 5 there is no colour
    }
  }
}

TEST_CASE("channel: the gradient of JPEG is that of the same without rounding") {
  Tensor image = photo(24, 32);
  for (float& v : image.mutable_as<float>()) v *= 0.5F;  // away from where clipping begins
  const auto ratio = [&](bool halve_colours) {
    return slopes_ratio(image, 0.25,
                        [&](Value x) { return jpeg(x, x.graph->constant(Tensor::from({1}, {100.F})), halve_colours); });
  };
  // Rounding to whole coefficients is noise of a third of a level, in differences of 64 levels and 2304 values.
  CHECK(ratio(false) == doctest::Approx(1).epsilon(0.01));
  CHECK(ratio(true) == doctest::Approx(1).epsilon(0.01));
}

TEST_CASE("channel: resizing is what crop_resize makes, there and back, each by its size") {
  const Tensor image = photo(40, 40);
  const std::vector<float> sizes = {40, 33, 20, 7, 1};
  const auto n = static_cast<std::int64_t>(sizes.size());
  std::vector<float> pairs;
  for (const float s : sizes) pairs.insert(pairs.end(), {s, s});
  Bench b;
  const Tensor got = b.run(resize_and_back(b.feed(repeated(image, n)), b.feed(Tensor::from({n, 2}, pairs))));
  for (std::int64_t i = 0; i < n; ++i) {
    const auto s = static_cast<std::int64_t>(sizes[static_cast<std::size_t>(i)]);
    const Tensor small = crop_resize(image, {.width = 40, .height = 40}, s, s);
    CAPTURE(s);
    // It rounds to 8 bits four times, each time a quarter of a level off in the mean.
    CHECK(mean_difference(got, i, crop_resize(small, {.width = s, .height = s}, 40, 40)) < 0.6);
  }
  CHECK(slopes_ratio(photo(12, 10), 0.5, [](Value x) {
          return resize_and_back(x, x.graph->constant(Tensor::from({1, 2}, {5, 9})));
        }) == doctest::Approx(1).epsilon(1e-4));  // linear; in f32
}

TEST_CASE("channel: what happens to a picture is its own, and has the share that it should") {
  constexpr std::int64_t n = 200;
  const Tensor image = photo(16, 16);
  const Tensor seeds = seeds_of(n);
  for (const ChannelOptions& options :
       {ChannelOptions{.resize = 0.3, .noise = 0}, ChannelOptions{.noise = 0, .jpeg = 0.3, .jpeg_quality = {30, 60}}}) {
    Bench b;
    const Tensor all = b.run(channel(b.feed(repeated(image, n)), b.feed(seeds), options));
    CHECK(all.shape() == Shape{n, 3, 16, 16});
    int changed = 0;
    std::vector<double> amounts;
    for (std::int64_t i = 0; i < n; ++i) {
      const double amount = mean_difference(all, i, image);
      if (amount > 0) amounts.push_back(amount);
      changed += amount > 1e-3;
    }
    CHECK(changed == doctest::Approx(60).epsilon(0.55));  // five standard deviations
    std::ranges::sort(amounts);
    CHECK(amounts.back() > 1.3 * amounts.front());  // there are more qualities and factors than one
    // A sample alone is what it is among others.
    Bench one;
    Tensor seed({DType::i64, {1}});
    seed.mutable_as<std::int64_t>()[0] = seeds.as<std::int64_t>()[17];
    const Tensor alone = one.run(channel(one.feed(image), one.feed(seed), options));
    CHECK(mean_difference(all, 17, alone) == 0);
  }
}

TEST_CASE("channel: what does not fit is refused") {
  Graph g;
  const auto input = [&](const Shape& shape) { return g.constant(Tensor::zeros({DType::f32, shape})); };
  CHECK_THROWS_AS(jpeg(input({2, 4, 8, 8}), input({2}), true), ShapeError);
  CHECK_THROWS_AS(jpeg(input({2, 3, 8, 8}), input({1}), true), ShapeError);
  CHECK_THROWS_AS(resize_and_back(input({2, 3, 8, 8}), input({2, 1})), ShapeError);
  CHECK_THROWS_AS(channel(input({2, 3, 8, 16}), g.input({DType::i64, {2}}, "seeds"), {.resize = 1}), ShapeError);
  const auto error = [](const ChannelOptions& options) -> std::string {
    try {
      options.validate();
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  CHECK(error({}) == "accepted");
  CHECK(error({.resize = 2}) == "channel.resize is 2, expected a share of 0 to 1");
  CHECK(error({.resize_factor = 0}) == "channel.resize_factor is 0, expected above 0, at most 1");
  CHECK(error({.noise = -1}) == "channel.noise is -1, expected 0 to 1");
  CHECK(error({.jpeg = std::nan("")}) == "channel.jpeg is nan, expected a share of 0 to 1");
  CHECK(error({.jpeg_quality = {0, 95}}) == "channel.jpeg_quality[0] is 0, expected 1 to 100");
  CHECK(error({.jpeg_quality = {90, 80}}) == "channel.jpeg_quality[1] is 80, expected the first one to 100");
}
