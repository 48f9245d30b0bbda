// The networks that look at images, and those that make identities and styles.

#include <doctest/doctest.h>

#include <cmath>

#include "g2face/graph/gradients.hpp"
#include "g2face/models/arcface.hpp"
#include "g2face/models/extractor.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/models/lpips.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/models/stylegan2.hpp"
#include "models/tiny.hpp"

using namespace g2face;
using namespace g2face::tests;

namespace {

const ModelConfig tiny = tiny_config();

}  // namespace

TEST_CASE("every network that judges an image gives the same on both devices") {
  Experiment e;
  const Value image = e.input("image", {4, 3, 16, 16}), other = e.input("other", {4, 3, 16, 16});
  const Value z = e.input("z", {4, 6}), geometry = e.input("geometry", {4, 147});
  const auto scope = [&](std::string_view network) { return Scope(e.graph, network); };
  const std::vector<Value> outputs = {
      arcface(scope("arcface"), image, tiny),
      recon(scope("recon"), image, tiny),
      hiding_extractor(scope("hiding_extractor"), image, tiny),
      discriminator(scope("discriminator"), image, tiny),
      lpips(scope("lpips"), image, other, tiny),
      map_2_id(scope("map_2_id"), z, tiny),
      style_mlp(scope("style_mlp"), z, geometry, tiny),
  };
  const std::vector<Shape> shapes = {{4, 6}, {4, 257}, {4, 2, 32}, {4, 1}, {4, 1, 1, 1}, {4, 6}, {4, 6, 8}};
  const Parameters parameters = new_parameters(network_names(), tiny, Fill::reference);
  const std::vector<Tensor> on_reference = e.run(parameters, outputs);
  const std::vector<Tensor> on_cpu = e.run(parameters, outputs, Device::cpu());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CAPTURE(e.graph.node(outputs[i]).name);
    CHECK_EQ(outputs[i].shape(), shapes[i]);
    CHECK_GT(relative_error(on_reference[i], Tensor::zeros(on_reference[i].type())), 1e-3);
    CHECK_LT(relative_error(on_cpu[i], on_reference[i]), 1e-5);
  }
}

TEST_CASE("arcface resizes by nearest neighbour unless the width is right") {
  Experiment e;
  const Scope s(e.graph, "arcface");
  arcface(s, e.input("small", {1, 3, 16, 16}), tiny);
  const Value exact = e.input("exact", {1, 3, 32, 32});
  arcface(s, exact, tiny);
  CHECK_EQ(e.graph.marked("arcface/resized_input").shape(), Shape({1, 3, 32, 32}));
  CHECK_EQ(e.graph.marked("arcface/resized_input#2"), exact);
  ModelConfig odd = tiny;
  odd.arcface_depth = 7;
  CHECK_THROWS_WITH_AS(arcface(s, exact, odd), "arcface: depth 7 is none of 18, 34, 50, 100", GraphError);
  CHECK_THROWS_WITH_AS(arcface(s, e.input("grey", {1, 1, 32, 32}), tiny),
                       "arcface 'arcface': image [1,1,32,32] is not [N,3,H,W]", ShapeError);
}

TEST_CASE("select_geometry takes 0..143 and 224..226") {
  Experiment e;
  std::vector<float> numbers(257);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  const Value selected = select_geometry(e.input("coefficients", Tensor::from({1, 257}, numbers)));
  const Tensor got = e.run({}, {selected})[0];
  REQUIRE_EQ(got.shape(), Shape({1, 147}));
  for (std::size_t i = 0; i < 147; ++i) CHECK_EQ(got.as<double>()[i], static_cast<double>(i < 144 ? i : i + 80));
  CHECK_THROWS_WITH_AS(select_geometry(e.input("few", {1, 147})),
                       "select_geometry: coefficients [1,147], expected [N,257]", ShapeError);
}

TEST_CASE("style_mlp repeats its three branches as the bands say") {
  Experiment e;
  ModelConfig config = tiny;
  config.style_bands = {1, 3, 2};
  const Value styles = style_mlp(Scope(e.graph, "style_mlp"), e.input("z", {2, 6}), e.input("g", {2, 147}), config);
  const Parameters parameters = new_parameters(network_names(), config, Fill::reference);
  const Tensor got = e.run(parameters, {styles})[0];
  const auto style = [&](std::size_t i) { return got.as<double>().subspan(8 * i, 8); };
  const auto equal = [&](std::size_t i, std::size_t j) { return std::ranges::equal(style(i), style(j)); };
  CHECK_FALSE(equal(0, 1));
  CHECK(equal(1, 2));
  CHECK(equal(1, 3));
  CHECK_FALSE(equal(3, 4));
  CHECK(equal(4, 5));
}

TEST_CASE("lpips: zero between equal images, symmetric, and its gradient is finite on flat ones") {
  Experiment e;
  const Scope s(e.graph, "lpips");
  const Value a = e.input("a", {2, 3, 16, 16}), b = e.input("b", {2, 3, 16, 16});
  const Value same = lpips(s, a, a, tiny), ab = lpips(s, a, b, tiny), ba = lpips(s, b, a, tiny);
  constexpr std::string_view lpips_only[] = {"lpips"};
  Parameters parameters = new_parameters(lpips_only, tiny, Fill::reference);
  const std::vector<Tensor> d = e.run(parameters, {same, ab, ba, e.graph.marked("lpips/per_layer.4#2")});
  for (int i = 0; i < 2; ++i) {
    const std::size_t n = static_cast<std::size_t>(i);
    CHECK_EQ(d[0].as<double>()[n], 0);
    CHECK_GT(d[1].as<double>()[n], 1e-4);
    CHECK(d[1].as<double>()[n] == doctest::Approx(d[2].as<double>()[n]));
    CHECK_GT(d[3].as<double>()[n], 0);
  }
  // Biases so low that every feature of the first slice is zero.
  parameters.set("lpips/net.slice1.2.bias", Tensor::full({DType::f32, {2}}, -100));
  const Tensor g = e.run(parameters, gradients(sum(ab), {a}))[0];
  for (double v : g.as<double>()) CHECK(std::isfinite(v));
}

TEST_CASE("images of another size are refused by the networks of one size") {
  Experiment e;
  const Value image = e.input("image", {1, 3, 8, 8});
  const Scope s(e.graph, "n");
  CHECK_THROWS_WITH_AS(discriminator(s, image, tiny), "discriminator 'n': image [1,3,8,8] is not [N,3,16,16]",
                       ShapeError);
  CHECK_THROWS_WITH_AS(hiding_extractor(s, image, tiny), "hiding_extractor 'n': image [1,3,8,8] is not [N,3,16,16]",
                       ShapeError);
  CHECK_EQ(extractor_map(s, e.input("odd", {1, 3, 7, 10}), tiny).shape(), Shape({1, 1, 4, 5}));
  CHECK_THROWS_WITH_AS(lpips(s, image, e.input("wide", {1, 3, 8, 9}), tiny),
                       "lpips 'n': images [1,3,8,8] and [1,3,8,9] are not both [N,3,H,W]", ShapeError);
  const std::vector<Value> maps = lpips_features(s, e.input("large", {1, 3, 16, 16}), tiny);
  CHECK_THROWS_WITH_AS(lpips_distance(s, maps, std::span(maps).first(4)),
                       "lpips 'n': 5 and 4 maps of features, expected 5 of each image", ShapeError);
  CHECK_THROWS_WITH_AS(recon(s, e.input("flat", {3, 8, 8}), tiny), "recon 'n': image [3,8,8] is not [N,3,H,W]",
                       ShapeError);
}
