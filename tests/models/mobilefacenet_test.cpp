#include "g2face/models/mobilefacenet.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "g2face/graph/gradients.hpp"
#include "g2face/models/arcface.hpp"
#include "g2face/models/identity_network.hpp"
#include "g2face/ops.hpp"
#include "models/tiny.hpp"

using namespace g2face;
using namespace g2face::tests;

namespace {

constexpr std::string_view identity_only[] = {"arcface"};

ModelConfig tiny_mobile() {
  ModelConfig c = tiny_config();
  c.identity_network = IdentityNetwork::mobilefacenet;
  c.arcface_width = 8;
  return c;
}

}  // namespace

TEST_CASE("mobilefacenet: the same on both devices, forward and the gradient for the image, for images of any size") {
  const ModelConfig config = tiny_mobile();
  Experiment e;
  const Scope s(e.graph, "arcface");
  const Value small = e.input("small", {3, 3, 16, 16}), large = e.input("large", {3, 3, 50, 50});
  const Value a = mobilefacenet(s, small, config), b = mobilefacenet(s, large, config);
  std::vector<Value> outputs = gradients(sum(square(a)) + sum(square(b)), {small, large});
  outputs.insert(outputs.end(), {a, b});
  CHECK_EQ(a.shape(), Shape({3, 6}));
  CHECK_EQ(e.graph.marked("arcface/resized_input").shape(), Shape({3, 3, 32, 32}));
  CHECK_EQ(e.graph.marked("arcface/features.14").shape(), Shape({3, 16, 2, 2}));
  const Parameters parameters = new_parameters(identity_only, config, Fill::reference);
  const std::vector<Tensor> want = e.run(parameters, outputs), got = e.run(parameters, outputs, Device::cpu());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CAPTURE(i);
    CHECK_GT(relative_error(want[i], Tensor::zeros(want[i].type())), 1e-3);
    CHECK_LT(relative_error(got[i], want[i]), 1e-5);
  }
}

TEST_CASE("mobilefacenet: the gradient for the image is what small changes of it do") {
  const ModelConfig config = tiny_mobile();
  Experiment e;
  const Value image = e.input("image", {1, 3, 16, 16}), towards = e.input("towards", {1, 6});
  const Scope s(e.graph, "arcface");
  const Value product = sum(mobilefacenet(s, image, config) * towards);
  const Value gradient = gradients(product, {image})[0];
  const Parameters parameters = new_parameters(identity_only, config, Fill::reference);
  const auto run_at = [&](double step) {  // along the gradient, where the change is largest
    const Value there = image + affine(gradient, step);
    return e.run(parameters, {sum(mobilefacenet(s, there, config) * towards)})[0].item();
  };
  const double slope = e.run(parameters, {sum(square(gradient))})[0].item();
  constexpr double step = 1e-6;  // far less than the way to the next kink of a ReLU, far more than rounding
  CHECK(slope > 1e-4);
  CHECK((run_at(step) - run_at(-step)) / (2 * step) == doctest::Approx(slope).epsilon(1e-5));
}

TEST_CASE("mobilefacenet: in training all parameters have gradients, and frozen none is updated") {
  const ModelConfig config = tiny_mobile();
  Experiment e;
  const Value image = e.input("image", {4, 3, 16, 16});
  const Scope training = Scope(e.graph, "arcface").in_training();
  const Value trained = sum(square(mobilefacenet(training, image, config)) * e.input("weights", {4, 6}));
  const std::vector<Value> all = training.trainable();
  CHECK_EQ(all.size(), 154);  // 51 convolutions, one of them with a bias, and 51 norms
  const Parameters parameters = new_parameters(identity_only, config, Fill::reference);
  for (const Tensor& g : e.run(parameters, gradients(trained, all))) {
    for (const double v : g.as<double>()) REQUIRE(std::isfinite(v));
  }
  const Scope frozen = Scope(e.graph, "frozen").frozen();
  mobilefacenet(frozen, image, config);
  CHECK(frozen.trainable().empty());
  CHECK(frozen.updates().empty());
}

TEST_CASE("identity_network builds the network that the configuration names, under the same scope") {
  Experiment e;
  const Value image = e.input("image", {1, 3, 16, 16});
  const Scope s(e.graph, "arcface");
  const auto identity = [&](const ModelConfig& c) { return identity_network(s, image, c); };
  ModelConfig cropped = tiny_config();
  cropped.identity_crop = {.x = 0.25, .y = 0.25, .size = 0.5};
  const std::vector<Value> same = {identity(tiny_config()), arcface(s, image, tiny_config()), identity(cropped)};
  const std::vector<Tensor> got = e.run(new_parameters(identity_only, tiny_config(), Fill::reference), same);
  CHECK_EQ(relative_error(got[0], got[1]), 0);
  CHECK_GT(relative_error(got[2], got[0]), 1e-2);

  const ModelConfig mobile = tiny_mobile();
  const auto names = [](const ModelConfig& c) {
    std::vector<std::string> all;
    for (const Declared& d : declare("arcface", c)) all.push_back(d.name);
    return all;
  };
  CHECK_EQ(names(tiny_config())[6], "arcface/prelu.weight");
  CHECK_EQ(names(mobile)[6], "arcface/dw_conv.depthwise.weight");
  CHECK_THROWS_WITH_AS(identity_network(Scope(e.graph, "n"), e.input("grey", {1, 1, 16, 16}), mobile),
                       "mobilefacenet 'n': image [1,1,16,16] is not [N,3,H,W]", ShapeError);
}

TEST_CASE("what the identity network sees: all of the image, the face in a usual frame, or as configured") {
  ModelConfig c = tiny_config();
  CHECK_EQ(c.identity_square(), ImageSquare{});
  c.identity_network = IdentityNetwork::mobilefacenet;
  CHECK(c.identity_square().size == doctest::Approx(0.905 * 112 / 128).epsilon(1e-4));
  c.identity_crop = ImageSquare{};
  CHECK_EQ(c.identity_square(), ImageSquare{});
}
