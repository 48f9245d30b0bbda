#include "g2face/nn/layers.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

using Build = std::function<Value(const Scope&, Value)>;

/// Builds a recorded case under a nameless root, with the recorded parameters, and compares its output, gradients and
/// updated statistics.
void check_layers(const std::string& family, const std::string& name, const Build& build, bool training = false) {
  INFO(family << " " << name);
  const Parameters file = Parameters::load(str(G2FACE_TEST_DATA, "/ops/", family, ".safetensors"));
  const auto recorded = [&](const std::string& key) -> const Tensor& { return file.at(name + "/" + key); };
  const std::string input = file.contains(name + "/input.x") ? "x" : "z";
  Graph graph;
  const Scope root = Scope(graph, "").in_training(training);
  const Value x = graph.input(recorded("input." + input).type(), "x");
  const Value y = build(root, x);
  const Value dy = graph.input(y.type(), "dy");

  std::vector<std::string> keys = {"output.y", "grad." + input};
  std::vector<Value> wanted = {x};
  Parameters parameters = initial_parameters(root.declared(), 1);
  for (const Declared& d : root.declared()) {
    if (d.type.dtype != DType::f32) continue;
    parameters.set(d.name, recorded("param." + d.name));
    if (!d.trainable) continue;
    keys.push_back("grad." + d.name);
    wanted.push_back(d.value);
  }
  std::vector<Value> outputs = gradients(y, wanted, dy);
  outputs.insert(outputs.begin(), y);
  for (const Update& u : root.updates()) {
    if (u.value.dtype() != DType::f32) continue;
    keys.push_back("state_after." + u.name);
    outputs.push_back(u.value);
  }

  Executor executor(plan(graph, outputs, {.device = Device::reference(), .fold = false}), &parameters);
  executor.set(x, recorded("input." + input));
  executor.set(dy, recorded("cotangent.y"));
  executor.run();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    INFO(keys[i]);
    const Tensor got = executor.get(outputs[i]);
    CHECK(got.shape() == recorded(keys[i]).shape());
    CHECK(relative_error(got, recorded(keys[i]).to(DType::f64)) < 2e-7);
  }
}

Build equal_linear_layer(std::int64_t out, const EqualLinearOptions& o) {
  return [=](const Scope& s, Value x) { return equal_linear(s, x, out, o); };
}
Build equal_conv_layer(const ConvOptions& o) {
  return [=](const Scope& s, Value x) { return equal_conv(s, x, o); };
}

Value map_to_id(const Scope& root, Value z) {
  const Scope s = root / "map_2_id";
  Value y = leaky_relu(linear(s / 0, z, 12), 0.2);
  y = leaky_relu(linear(s / 2, y, 12), 0.2);
  return batch_norm_layer(s / 4, y);
}

}  // namespace

TEST_CASE("layers: recorded cases") {
  const std::string g = "g_linear_mlp";
  check_layers(g, "eqlinear_style_noact", equal_linear_layer(9, {}));
  check_layers(g, "eqlinear_style_lrelu", equal_linear_layer(9, {.activation = true}));
  check_layers(g, "eqlinear_style_lrelu_lr001", equal_linear_layer(8, {.lr_mul = 0.01, .activation = true}));
  check_layers(g, "eqlinear_mlp_noact", equal_linear_layer(9, {.lr_mul = 0.01, .double_bias = true}));
  check_layers(g, "eqlinear_mlp_lrelu_lr001_double_bias",
               equal_linear_layer(10, {.lr_mul = 0.01, .activation = true, .double_bias = true}));
  check_layers(g, "eqlinear_mlp_lrelu_lr1_double_bias",
               equal_linear_layer(6, {.activation = true, .double_bias = true}));
  check_layers(g, "eqconv_k3_s1_p1_bias", equal_conv_layer({.out = 6, .pad = 1}));
  check_layers(g, "eqconv_k3_s2_p0", equal_conv_layer({.out = 4, .stride = 2, .bias = false}));
  check_layers(g, "eqconv_k1_s2_p0", equal_conv_layer({.out = 6, .kernel = 1, .stride = 2, .bias = false}));
  check_layers(g, "map2id_small_eval", map_to_id);
  check_layers(g, "map2id_small_train", map_to_id, true);
  check_layers("i_resnets", "iresnet_stem", [](const Scope& s, Value x) {
    const Value y = conv(s / "conv1", x, {.out = 8, .pad = 1, .bias = false});
    return prelu(s / "prelu", batch_norm_layer(s / "bn1", y));
  });
  check_layers("h_discriminator", "convlayer_k3_down", [](const Scope& s, Value x) {
    const Value f = blur_filter(s / 0);
    const Value y = upfirdn2d(x, f, {.pad_x0 = 2, .pad_x1 = 2, .pad_y0 = 2, .pad_y1 = 2});
    return fused_leaky_relu(s / 2, equal_conv(s / 1, y, {.out = 6, .stride = 2, .bias = false}));
  });
}

TEST_CASE("conv_instance_norm: the bias is declared and has no effect") {
  Graph graph;
  const Scope s(graph, "net");
  const Value x = graph.input({DType::f32, {2, 3, 6, 5}}, "x");
  const Value y = conv_instance_norm(s / "a", x, {.out = 4, .pad = 1});
  CHECK(s.declared().size() == 2);
  CHECK(s.declared()[1].name == "net/a.conv.bias");
  Parameters parameters = initial_parameters(s.declared(), 3);
  const Value plain = instance_norm(conv(s / "a" / "conv", x, {.out = 4, .pad = 1}));
  Executor executor(plan(graph, {y, plain}, {.device = Device::reference()}), &parameters);
  executor.set(x, random_tensor({2, 3, 6, 5}, 1).to(DType::f32));
  executor.run();
  CHECK(relative_error(executor.get(y), executor.get(plain)) < 1e-13);
}

TEST_CASE("batch_norm_layer: training moves the statistics, once for each call") {
  Graph graph;
  const Scope s = Scope(graph, "net").in_training();
  const Value x = graph.input({DType::f32, {4, 1}}, "x");
  batch_norm_layer(s / "bn", x);
  batch_norm_layer(s / "bn", x * 3.0);
  REQUIRE(s.updates().size() == 3);
  std::vector<Value> outputs;
  for (const Update& u : s.updates()) outputs.push_back(u.value);
  Parameters parameters = initial_parameters(s.declared(), 1);
  parameters.set("net/bn.num_batches_tracked", Tensor::scalar(41, DType::i64));
  Executor executor(plan(graph, outputs, {.device = Device::reference(), .fold = false}), &parameters);
  executor.set(x, Tensor::from({4, 1}, {1, 2, 3, 4}));
  executor.run();
  const auto after = [&](const char* name) {
    for (const Update& u : s.updates())
      if (u.name == str("net/bn.", name)) return executor.get(u.value).to(DType::f64).reshape({}).item();
    return std::nan("");
  };
  // Mean 2.5, then 7.5; unbiased variance 5/3, then 15.
  CHECK(after("running_mean") == doctest::Approx(0.9 * (0.1 * 2.5) + 0.1 * 7.5).epsilon(1e-12));
  CHECK(after("running_var") == doctest::Approx(0.9 * (0.9 + 0.1 * 5 / 3) + 0.1 * 15).epsilon(1e-12));
  CHECK(after("num_batches_tracked") == 43);
}

TEST_CASE("batch_norm_layer: evaluation updates nothing and declares buffers that are not trained") {
  Graph graph;
  const Scope s(graph, "net");
  batch_norm_layer(s / "bn", graph.input({DType::f32, {1, 3, 1, 1}}, "x"));
  CHECK(s.updates().empty());
  CHECK(s.trainable().size() == 2);
  REQUIRE(s.declared().size() == 5);
  CHECK(s.declared()[4].name == "net/bn.num_batches_tracked");
  CHECK(s.declared()[4].type == Type{DType::i64, {}});
  CHECK_THROWS_WITH_AS(batch_norm_layer(s.in_training() / "b", graph.input({DType::f32, {1, 3}}, "one")),
                       "batch_norm_layer 'net/b': x [1,3] has only one value for each channel, which has no variance "
                       "to train with",
                       ShapeError);
}

TEST_CASE("layers: initial values") {
  Graph graph;
  const Scope s(graph, "net");
  const Value x = graph.input({DType::f32, {1, 64}}, "x"), image = graph.input({DType::f32, {1, 16, 8, 8}}, "image");
  linear(s / "linear", x, 64);
  equal_linear(s / "equal", x, 64, {.lr_mul = 0.01, .bias_init = 1});
  conv(s / "conv", image, {.out = 32});
  prelu(s / "prelu", image);
  blur_filter(s / "blur", 4);
  const Parameters p = initial_parameters(s.declared(), 7);
  const auto largest = [&](const char* name) {
    double m = 0;
    for (const float v : p.at(name).as<float>()) m = std::max(m, static_cast<double>(std::abs(v)));
    return m;
  };
  CHECK(largest("net/linear.weight") == doctest::Approx(1.0 / 8).epsilon(0.01));
  CHECK(largest("net/conv.weight") == doctest::Approx(1.0 / 12).epsilon(0.01));
  double squares = 0;
  for (const float v : p.at("net/equal.weight").as<float>()) squares += static_cast<double>(v) * static_cast<double>(v);
  CHECK(std::sqrt(squares / 4096) == doctest::Approx(100).epsilon(0.05));
  CHECK(p.at("net/equal.bias").as<float>()[0] == 1);
  CHECK(p.at("net/prelu.weight").as<float>()[15] == 0.25f);
  CHECK(p.at("net/blur.kernel").as<float>()[5] == 4 * 9 / 64.0f);
}

TEST_CASE("layers: refusals name layer and place") {
  Graph graph;
  const Scope s(graph, "net");
  const Value image = graph.input({DType::f32, {1, 3, 4, 4}}, "image"), x = graph.input({DType::f32, {2, 3}}, "x");
  CHECK_THROWS_WITH_AS(linear(s / "a", image, 2), "linear 'net/a': x [1,3,4,4] is not [N,features]", ShapeError);
  CHECK_THROWS_WITH_AS(equal_conv(s / "b", x, {.out = 2}), "equal_conv 'net/b': x [2,3] is not [N,C,H,W]", ShapeError);
  CHECK_THROWS_WITH_AS(conv(s / "c", image, {.out = 2, .groups = 2}),
                       "conv 'net/c': groups 2 does not divide the 3 channels of x", ShapeError);
}
