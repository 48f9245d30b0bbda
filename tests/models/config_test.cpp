#include "g2face/models/config.hpp"

#include <doctest/doctest.h>

using namespace g2face;

TEST_CASE("the presets are valid and survive JSON and a model file's metadata") {
  for (const std::string& name : ModelConfig::preset_names()) {
    const ModelConfig config = ModelConfig::preset(name);
    CHECK_EQ(config.name, name);
    CHECK_NOTHROW(config.validate());
    CHECK_EQ(ModelConfig::from_json(config.to_json()), config);
    Parameters parameters;
    parameters.metadata()["g2face"] = R"({"licence":"MIT"})";
    config.store(parameters);
    CHECK_EQ(ModelConfig::of(parameters), config);
    CHECK_NE(parameters.metadata().at("g2face").find(R"("licence":"MIT")"), std::string::npos);
  }
  CHECK_EQ(ModelConfig::of({}), ModelConfig());
}

TEST_CASE("the identity network and what it sees survive JSON") {
  ModelConfig config = ModelConfig::preset("g2face-slim-64-mobile");
  CHECK(config.identity_network == IdentityNetwork::mobilefacenet);
  CHECK_EQ(config.identity_dim, 128);
  config.identity_crop = {.x = 0.125, .y = 0.25, .size = 0.5};
  CHECK_EQ(ModelConfig::from_json(config.to_json()), config);
  CHECK_FALSE(ModelConfig::from_json(R"({"identity_crop":[]})").identity_crop.has_value());
}

TEST_CASE("the norm of the pyramid survives JSON") {
  CHECK(ModelConfig().encoder_norm == EncoderNorm::instance);
  const ModelConfig config = ModelConfig::from_json(R"({"encoder_norm":"none"})");
  CHECK(config.encoder_norm == EncoderNorm::none);
  CHECK_EQ(ModelConfig::from_json(config.to_json()), config);
  CHECK_THROWS_WITH_AS(ModelConfig::from_json(R"({"encoder_norm":"layer"})"), doctest::Contains("instance"),
                       CheckpointError);
}

TEST_CASE("sizes that follow from the resolution") {
  const ModelConfig full;
  CHECK_EQ(full.level_count(), 7);
  CHECK_EQ(full.style_count(), 14);
  CHECK_EQ(full.bit_count(), 16384);
  CHECK_EQ(full.bit_rows(), 512);
  CHECK_EQ(full.channels_at(128), 256);
  CHECK_THROWS_WITH_AS(full.channels_at(512), "model 'g2face-256' has no channels for resolution 512", ShapeError);
  CHECK_EQ(ModelConfig::preset("g2face-slim-64").bit_rows(), 32);
  CHECK_EQ(ModelConfig::preset("g2face-slim-64").style_count(), 10);
}

TEST_CASE("configurations that nothing can be built with are refused, naming the field") {
  const auto refused = [](const std::string& json, const std::string& message) {
    CAPTURE(json);
    CHECK_THROWS_WITH_AS(ModelConfig::from_json(json), message.c_str(), CheckpointError);
  };
  const std::string read = "model configuration: ", build = "model 'g2face-256': ";
  refused("[]", read + "is [], expected an object");
  refused("{", read + "line 1, column 2: this is not JSON");
  refused(R"({"mlp_dept":3})", read + "there is no option mlp_dept (did you mean mlp_depth?)");
  refused(R"({"name":3})", read + "name is 3, expected text");
  refused(R"({"mlp_lr_mul":"x"})", read + "mlp_lr_mul is \"x\", expected a number");
  refused(R"({"style_dim":-1})", read + "style_dim is -1, expected a whole number from 0 to 1073741824");
  refused(R"({"style_dim":1e30})", read + "style_dim is 1e+30, expected a whole number from 0 to 1073741824");
  refused(R"({"style_bands":[7,7]})", read + "style_bands is [7,7], expected a list of 3 whole numbers");
  refused(R"({"channels":[4]})",
          read + "channels is [4], expected an object of whole numbers by whole numbers, as {\"4\": 512}");
  refused(R"({"channels":{"four":4}})",
          read + "channels is {\"four\":4}, expected an object of whole numbers by whole numbers, as {\"4\": 512}");
  refused(R"({"resolution":100})", build + "resolution is 100, expected a power of two from 16 to 4096");
  refused(R"({"resolution":512})", build + "channels lack resolution 512");
  refused(R"({"resolution":128})",
          build + "a resolution of channels is 256, expected a power of two from 4 to the model's resolution");
  refused(R"({"style_dim":0})", build + "style_dim is 0, expected 1 to 65536");
  refused(R"({"style_bands":[6,6,3]})", build + "the sum of style_bands is 15, expected 14, two for each resolution");
  refused(R"({"extractor_width":127})", build + "extractor_width is 127, expected an even number up to 65536");
  refused(R"({"arcface_depth":51})", build + "arcface_depth is 51, expected 18, 34, 50 or 100");
  refused(R"({"arcface_size":100})", build + "arcface_size is 100, expected a multiple of 16 up to 4096");
  refused(R"({"identity_network":"vgg"})",
          read + R"(identity_network is "vgg", expected "iresnet" or "mobilefacenet")");
  refused(R"({"identity_crop":[0,1]})", "identity_crop has 2 numbers, expected x, y and size, or none");
  refused(R"({"identity_crop":[0,0,"all"]})", read + R"(identity_crop is [0,0,"all"], expected a list of numbers)");
  const std::string square = ", expected x, y and size of a square in the image, which is [0,0,1]";
  refused(R"({"identity_crop":[0.5,0,0.75]})", build + "identity_crop is [0.5,0,0.75]" + square);
  refused(R"({"identity_crop":[0,-0.5,0.5]})", build + "identity_crop is [0,-0.5,0.5]" + square);
  refused(R"({"identity_crop":[0,0,0]})", build + "identity_crop is [0,0,0]" + square);
  refused(R"({"mlp_lr_mul":0})", build + "mlp_lr_mul is 0, expected a positive number");
  refused(R"({"lpips_width":65})", build + "lpips_width is 65, expected 1 to 64");
  CHECK_THROWS_WITH_AS(
      ModelConfig::preset("g2face-512"),
      "model configuration 'g2face-512' is unknown; there are g2face-256, g2face-slim-128, g2face-slim-64, "
      "g2face-slim-64-mobile",
      CheckpointError);
}
