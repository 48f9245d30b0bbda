#include "g2face/models/generator.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "g2face/graph/gradients.hpp"
#include "g2face/models/iff.hpp"
#include "models/tiny.hpp"

using namespace g2face;
using namespace g2face::tests;

namespace {

const ModelConfig tiny = tiny_config();
constexpr std::string_view generator_only[] = {"generator"};

struct GeneratorExperiment : Experiment {
  Scope scope{graph, "generator"};
  Value image = input("image", {2, 3, 16, 16});
  Value styles = input("styles", {2, 6, 8});
  Value bits = input("bits", {2, 2, 32});
  Parameters parameters = new_parameters(generator_only, tiny, Fill::reference);
};

}  // namespace

TEST_CASE("generator: image, styles and bits all tell, and both devices agree") {
  GeneratorExperiment e;
  const Value other_image = affine(e.image, 1, 0.5), other_styles = affine(e.styles, 1, 0.5),
              other_bits = affine(e.bits, -1);
  std::vector<Value> outputs;
  outputs.push_back(generator(e.scope, e.image, e.styles, e.bits, {}, tiny));
  outputs.push_back(generator(e.scope, other_image, e.styles, e.bits, {}, tiny));
  outputs.push_back(generator(e.scope, e.image, other_styles, e.bits, {}, tiny));
  outputs.push_back(generator(e.scope, e.image, e.styles, other_bits, {}, tiny));
  CHECK_EQ(outputs[0].shape(), Shape({2, 3, 16, 16}));
  const std::vector<Tensor> on_reference = e.run(e.parameters, outputs);
  const std::vector<Tensor> on_cpu = e.run(e.parameters, outputs, Device::cpu());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (i > 0) CHECK_GT(relative_error(on_reference[i], on_reference[0]), 1e-3);
    CHECK_LT(relative_error(on_cpu[i], on_reference[i]), 1e-5);
  }
}

TEST_CASE("generator: one style for all layers is that style repeated") {
  GeneratorExperiment e;
  const Value one = slice_axis(e.styles, 1, 3, 1);
  const Value repeated = broadcast_to(one, {2, 6, 8});
  const std::vector<Tensor> images =
      e.run(e.parameters, {generator(e.scope, e.image, reshape(one, {2, 8}), e.bits, {}, tiny),
                           generator(e.scope, e.image, repeated, e.bits, {}, tiny)});
  CHECK_EQ(relative_error(images[0], images[1]), 0);
}

TEST_CASE("generator: noise by value, by seed, or none") {
  GeneratorExperiment e;
  const auto layers = generator_noise(tiny);
  REQUIRE_EQ(layers.size(), 5);
  CHECK_EQ(layers[0], std::pair<std::string, std::int64_t>("conv1", 4));
  CHECK_EQ(layers[2], std::pair<std::string, std::int64_t>("convs.1", 8));
  CHECK_EQ(layers[4], std::pair<std::string, std::int64_t>("convs.3", 16));

  const Value seed = e.graph.constant(Tensor::scalar(5, DType::i64).reshape({1}));
  const Value other_seed = e.graph.constant(Tensor::scalar(6, DType::i64).reshape({1}));
  GeneratorNoise values, zeros;
  for (const auto& [name, size] : layers) {
    const Shape shape{2, 1, size, size};
    const std::string path = "generator/" + name + ".noise";
    values.values.push_back(random_normal(seed, {.shape = shape, .stream = random_stream(path)}));
    zeros.values.push_back(e.graph.constant(Tensor::zeros({DType::f32, shape})));
  }
  std::vector<Value> outputs;
  for (const GeneratorNoise& noise :
       {GeneratorNoise{}, zeros, values, GeneratorNoise{.seed = seed}, GeneratorNoise{.seed = other_seed}}) {
    outputs.push_back(generator(e.scope, e.image, e.styles, e.bits, noise, tiny));
  }
  const std::vector<Tensor> images = e.run(e.parameters, outputs);
  CHECK_EQ(relative_error(images[1], images[0]), 0);
  CHECK_GT(relative_error(images[2], images[0]), 1e-2);
  CHECK_EQ(relative_error(images[3], images[2]), 0);
  CHECK_GT(relative_error(images[4], images[3]), 1e-2);
}

TEST_CASE("generator: a bias before an instance norm has gradient zero, its neighbours have not") {
  GeneratorExperiment e;
  const Value image = generator(e.scope, e.image, e.styles, e.bits, {}, tiny);
  const auto parameter = [&](const std::string& name, const Shape& shape) {
    return e.graph.parameter({DType::f32, shape}, "generator/" + name);
  };
  const std::vector<Tensor> g =
      e.run(e.parameters, gradients(sum(square(image)), {parameter("pyramid.1.conv1.conv.bias", {4}),
                                                         parameter("fusion_mask.1.conv.bias", {8}),
                                                         parameter("pyramid.1.conv1.conv.weight", {4, 4, 3, 3}),
                                                         parameter("fusion_mask.1.conv.weight", {8, 24, 1, 1})}));
  const auto norm = [](const Tensor& t) { return relative_error(t, Tensor::zeros(t.type())); };
  CHECK_EQ(norm(g[0]), 0);
  CHECK_EQ(norm(g[1]), 0);
  CHECK_GT(norm(g[2]), 1e-6);
  CHECK_GT(norm(g[3]), 1e-6);
}

TEST_CASE("encoder: a norm takes away how bright and how full of contrast a photo is, and without one it stays") {
  for (const EncoderNorm norm : {EncoderNorm::instance, EncoderNorm::none}) {
    ModelConfig config = tiny;
    config.encoder_norm = norm;
    Experiment e;
    const Scope scope(e.graph, "generator");
    const Value photo = e.input("photo", {1, 3, 16, 16}), brighter = affine(photo, 0.5, 0.3);
    // Away from the border, where zeros are seen too. The first level sees two convolutions' worth of it.
    const auto inside = [&](Value image) {
      return slice(encoder(scope, image, config)[0], {0, 0, 2, 2}, {1, 4, 12, 12});
    };
    const std::vector<Tensor> seen =
        e.run(new_parameters(generator_only, config, Fill::random, 3), {inside(photo), inside(brighter)});
    double change = 0, size = 0;
    for (std::size_t i = 0; i < seen[0].as<double>().size(); ++i) {
      change += std::abs(seen[1].as<double>()[i] - seen[0].as<double>()[i]);
      size += std::abs(seen[0].as<double>()[i]);
    }
    INFO("encoder_norm ", static_cast<int>(norm), ": ", change / size);
    CHECK((change / size > 0.3) == (norm == EncoderNorm::none));
  }
}

TEST_CASE("fusion_mask: a normalised 1x1 convolution of the joined inputs, by the same names") {
  Experiment e;
  const Value a = e.input("a", {2, 4, 3, 5}), b = e.input("b", {2, 4, 3, 5}), c = e.input("c", {2, 2, 3, 5});
  const Value inputs[] = {a, b, c};
  const Scope scope(e.graph, "mask"), joined_scope(e.graph, "mask");
  const Value mask = fusion_mask(scope, inputs, 6);
  const Value joined = sigmoid(conv_instance_norm(joined_scope, concat(inputs, 1), {.out = 6, .kernel = 1}));
  REQUIRE_EQ(scope.declared().size(), joined_scope.declared().size());
  for (std::size_t i = 0; i < scope.declared().size(); ++i) {
    CHECK_EQ(scope.declared()[i].name, joined_scope.declared()[i].name);
    CHECK_EQ(scope.declared()[i].type, joined_scope.declared()[i].type);
    CHECK_EQ(scope.declared()[i].init.a, joined_scope.declared()[i].init.a);
  }
  const std::vector<Tensor> masks = e.run(initial_parameters(scope.declared(), 1), {mask, joined});
  CHECK_LT(relative_error(masks[0], masks[1]), 1e-12);
}

TEST_CASE("generator: inputs of another size are refused") {
  GeneratorExperiment e;
  const auto refused = [&](Value image, Value styles, Value bits, const GeneratorNoise& noise,
                           const std::string& message) {
    CHECK_THROWS_WITH_AS(generator(e.scope, image, styles, bits, noise, tiny), message.c_str(), ShapeError);
  };
  refused(e.input("small", {2, 3, 8, 8}), e.styles, e.bits, {},
          "generator 'generator': image [2,3,8,8] is not [N,3,16,16]");
  refused(e.image, e.input("few", {2, 5, 8}), e.bits, {},
          "generator 'generator': styles [2,5,8] are neither [2,6,8] nor [2,8]");
  refused(e.image, e.styles, e.input("one", {1, 2, 32}), {}, "generator 'generator': bits [1,2,32], expected [2,2,32]");
  refused(e.image, e.styles, e.bits, {.values = {e.image}}, "generator 'generator': 1 noise values given, 5 expected");
  refused(e.image, e.styles, e.bits, {.values = std::vector<Value>(5, e.image)},
          "generator 'generator/conv1.noise': noise [2,3,16,16], expected [2,1,4,4]");
  CHECK_THROWS_WITH_AS(generator(e.scope, e.image, e.styles, e.bits, {.values = {e.image}, .seed = e.image}, tiny),
                       "generator 'generator': noise is given both as values and as a seed", GraphError);
  CHECK_THROWS_WITH_AS(hiding_injection(e.scope, e.bits, 16, 4),
                       "hiding_injection 'generator': bits [2,2,32] do not fill whole maps of 16x16", ShapeError);
}

TEST_CASE("generator: at 256 px a plan needs no more memory than what has to be alive together") {
  const ModelConfig config = ModelConfig::preset("g2face-256");
  Graph g;
  const auto input = [&](const char* name, Shape shape) { return g.input({DType::f32, std::move(shape)}, name); };
  const Value y = generator(Scope(g, "generator"), input("image", {1, 3, 256, 256}), input("styles", {1, 14, 512}),
                            input("bits", {1, 512, 32}), {}, config);
  // What is generated, what was encoded and the mask between them, 128 channels each at full resolution.
  const std::size_t alive = 3 * std::size_t{128} * 256 * 256 * sizeof(float);
  CHECK_LT(plan(g, {y}).arena_bytes(), alive + alive / 20);
}
