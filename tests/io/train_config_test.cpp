#include <doctest/doctest.h>

#include "g2face/train/config.hpp"

using namespace g2face;

namespace {

TrainingConfig read(std::string_view text) { return TrainingConfig::from_json(text, "x.json"); }

std::string error_of(std::string_view text) {
  try {
    read(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("training configuration: augmentation, channel and noise, and what they are where nothing is said") {
  for (const char* preset : {R"({"preset": "authors"})", R"({"preset": "g2face"})"}) {
    const TrainingRecipe r = read(preset).recipe;
    CHECK_FALSE(r.ada.on());
    CHECK(r.ada == AdaSettings{.target = 0});
    CHECK(r.channel.jpeg == 0);
    CHECK(r.channel.resize == 0);
    CHECK(r.noise == TrainingNoise::fresh);
  }
  const TrainingConfig c = read(R"({"ada": {"target": 0.6, "length": 1000, "every": 4, "p": 0.25}, "noise": "fixed",
      "channel": {"resize": 0.5, "resize_factor": 0.75, "jpeg": 1, "jpeg_quality": [60, 90],
                  "jpeg_halve_colours": false, "round": false}})");
  CHECK(c.recipe.ada == AdaSettings{.target = 0.6, .length = 1000, .every = 4, .p = 0.25});
  CHECK(c.recipe.noise == TrainingNoise::fixed);
  CHECK(c.recipe.channel == ChannelOptions{.resize = 0.5,
                                           .resize_factor = 0.75,
                                           .noise = 0.01,
                                           .jpeg = 1,
                                           .jpeg_quality = {60, 90},
                                           .jpeg_halve_colours = false,
                                           .round = false});
  CHECK(read(c.to_json()).recipe == c.recipe);
  CHECK(read(c.to_json()).identity() == c.identity());
  CHECK(c.identity() != read("{}").identity());
}

TEST_CASE("training configuration: what makes no sense is refused") {
  CHECK(error_of(R"({"ada": {"target": 1.5}})").starts_with("x.json: ada.target is 1.5, expected "));
  CHECK(error_of(R"({"ada": {"length": 0}})").starts_with("x.json: ada.length is 0, expected "));
  CHECK(error_of(R"({"ada": {"every": 0}})").starts_with("x.json: ada.every is 0, expected "));
  CHECK(error_of(R"({"ada": {"p": -0.1}})").starts_with("x.json: ada.p is -0.1, expected "));
  CHECK(error_of(R"({"ada": {"targett": 0.6}})").find("target") != std::string::npos);
  CHECK(error_of(R"({"noise": "none"})").starts_with("x.json: noise is \"none\", expected "));
  CHECK(error_of(R"({"channel": {"jpeg": 2}})").starts_with("x.json: channel.jpeg is 2, expected "));
  CHECK(error_of(R"({"channel": {"jpeg_quality": [75]}})").starts_with("x.json: channel.jpeg_quality is [75]"));
  CHECK(error_of(R"({"channel": {"jpeg_quality": [75, 101]}})") ==
        "x.json: channel.jpeg_quality[1] is 101, expected the first one to 100");
  CHECK(error_of(R"({"channel": {"resize_factor": 0}})").starts_with("x.json: channel.resize_factor is 0, expected "));
}
