// What a plan does for a training step: the same numbers in less memory.
#include <doctest/doctest.h>

#include <algorithm>

#include "g2face/graph/gradients.hpp"
#include "g2face/models/stylegan2.hpp"
#include "g2face/nn/adam.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "g2face/train/losses.hpp"
#include "models/tiny.hpp"
#include "plan/plan_data.hpp"

using namespace g2face;

namespace {

/// Styled convolutions one after the other, and a step of Adam that makes their output small. 16 channels are a whole
/// block of any layout.
struct Training {
  static constexpr int layers = 8;
  Graph g;
  Value x = g.input({DType::f32, {2, 16, 16, 16}}, "x"), style = g.input({DType::f32, {2, 16}}, "style");
  Value step = g.input({DType::i64, {1}}, "step"), rate = g.input({DType::f32, {1}}, "rate");
  Value loss;
  std::vector<Value> weights;
  std::vector<Update> updates;
  Parameters parameters;

  Training() {
    Value y = x;
    for (int i = 0; i < layers; ++i) {
      const std::string name = str("w", i);
      weights.push_back(g.parameter({DType::f32, {16, 16, 3, 3}}, name));
      y = leaky_relu(modulated_conv2d(y, weights.back(), style, {.weight_scale = 0.3}), 0.2) * std::sqrt(2.0) + y;
      parameters.set(name, fill("tests/" + name, {16, 16, 3, 3}));
      parameters.set("adam/second/" + name, Tensor::zeros({DType::f32, {16, 16, 3, 3}}));
    }
    loss = mean(square(y));
    const Scope optimizer(g, "adam");
    updates = adam_updates(optimizer, step, {{{rate, weights, gradients(loss, weights)}}}, {.beta1 = 0});
  }
  Plan planned(const PlanOptions& options) const { return plan(g, {&loss, 1}, updates, options); }
  /// The loss of the second of two steps, and what the weights are then.
  std::vector<Tensor> after_two_steps(const PlanOptions& options) const {
    const DeviceParameters memory(options.device, parameters);
    Executor run(planned(options), memory);
    run.set(x, fill("tests/x", x.shape()));
    run.set(style, fill("tests/style", style.shape()));
    run.set(rate, Tensor::full(rate.type(), 0.01));
    for (const double t : {1., 2.}) {
      run.set(step, Tensor::full(step.type(), t));
      run.run({.check_finite = true, .poison = true});
    }
    std::vector<Tensor> all{run.get(loss).to(DType::f32)};
    for (int i = 0; i < layers; ++i) all.push_back(memory.get(str("w", i)));
    return all;
  }
};

std::ptrdiff_t count(const Plan& p, std::string_view kernel) {
  const std::vector<std::string> names = p.kernels();
  return std::count_if(names.begin(), names.end(), [&](const std::string& n) { return n.starts_with(kernel); });
}

}  // namespace

TEST_CASE("training plans: recomputing what is cheap changes no bit and keeps less") {
  const Training t;
  const PlanOptions saving{.threads = 2, .fold = false}, plain{.threads = 2, .fold = false, .fuse = false};
  const std::vector<Tensor> a = t.after_two_steps(saving), b = t.after_two_steps(plain);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(relative_error(a[i], b[i]) == 0);
  const std::vector<Tensor> slow = t.after_two_steps({.device = Device::reference(), .fold = false});
  CHECK(relative_error(a[0], slow[0]) < 1e-4);  // Adam's first step is a sign, which rounding decides near zero
  // Of each layer the convolution's result has to stay, for the gradients of demodulation and of the activation. The
  // input, the modulated input and what lies between need not; what is in the works at the peak comes on top.
  const std::size_t one = TensorDesc{t.x.type()}.bytes();
  const Plan small = t.planned(saving), large = t.planned(plain);
  CHECK(small.live_bytes() < (t.layers + 8) * one);
  CHECK(large.live_bytes() > (3 * t.layers) * one);
  CHECK(small.arena_bytes() >= small.live_bytes());
}

TEST_CASE("training plans: a convolution of colours is computed again, others are not") {
  for (const std::int64_t channels : {3, 8}) {
    Graph g;
    const Value x = g.input({DType::f32, {2, channels, 32, 32}}, "x");
    const Value w = g.parameter({DType::f32, {16, channels, 1, 1}}, "w"), first = conv2d(x, w);
    Parameters parameters;
    parameters.set("w", fill("tests/w", w.shape()));
    Value y = first;  // what only a convolution can make of it
    for (int i = 0; i < 30; ++i) {
      const std::string name = str("w", i);
      y = conv2d(leaky_relu(y, 0.2), g.parameter({DType::f32, {16, 16, 3, 3}}, name), {.pad = {1, 1}}) * 0.1;
      parameters.set(name, fill("tests/" + name, {16, 16, 3, 3}));
    }
    const std::vector<Value> asked = gradients(mean(square(y)), {w});
    const auto run = [&](bool fuse) {
      const DeviceParameters memory(Device::cpu(), parameters);
      Executor e(plan(g, asked, {.device = Device::cpu(), .threads = 2, .fold = false, .fuse = fuse}), memory);
      e.set(x, fill("tests/x", x.shape()));
      e.run({.check_finite = true, .poison = true});
      return std::pair(e.get(asked[0]), count(e.plan(), "conv2d "));
    };
    const auto [saved, more] = run(true);
    const auto [kept, plain] = run(false);
    CHECK(relative_error(saved, kept) == 0);
    CHECK(plain == 31);
    CHECK(more == (channels == 3 ? 32 : 31));
  }
}

TEST_CASE("training plans: a gradient is used up where it is made") {
  const Training t;
  const Plan p = t.planned({.threads = 2, .fold = false});
  const PlanData& data = p.data();
  CHECK(count(p, "adam") == Training::layers);
  CHECK(count(p, "slice") == 0);  // parameters are written in place
  int alive = 0;
  for (const PlanStep& s : data.steps) {
    if (s.op->name != "adam") continue;
    const PlanValue& gradient = data.values[static_cast<std::size_t>(root_of(data, s.in[3]))];
    const int others = static_cast<int>(std::count_if(data.values.begin(), data.values.end(), [&](const PlanValue& v) {
      return v.place == Place::arena && v.alias_of < 0 && v.first < gradient.last && v.last > gradient.last &&
             v.desc.type == gradient.desc.type;
    }));
    alive = std::max(alive, others);
  }
  CHECK(alive <= 3);  // scaled weights of neighbours
}

TEST_CASE("training plans: R1 costs three more passes over the discriminator and no convolution besides") {
  const ModelConfig model = tests::tiny_config();
  const auto steps = [&](bool with_gradients, bool with_r1) {
    Graph g;
    const Scope s = Scope(g, "discriminator").in_training();
    const Value real = g.input({DType::f32, {4, 3, model.resolution, model.resolution}}, "real");
    const Value fake = g.input(real.type(), "fake");
    const Value logits = discriminator(s, real, model);
    std::vector<Value> outputs{mean(logits)};
    if (with_gradients) {
      Value loss = discriminator_loss(logits, discriminator(s, fake, model));
      if (with_r1) loss = loss + 5.0 * r1_penalty(logits, real);
      outputs = gradients(loss, s.trainable());
    }
    return count(plan(g, outputs, {.fold = false}), "conv2d");
  };
  const std::ptrdiff_t layers = steps(false, false);
  // Two forward passes, their gradients of weights and, but for the first layer, of inputs.
  CHECK(steps(true, false) == 6 * layers - 2);
  // Back to the picture from unit seeds, forward along that direction, and products of the two for the weights.
  CHECK(steps(true, true) == 6 * layers - 2 + 3 * layers);
}

TEST_CASE("fuse_sums: gradients of scales and biases are summed where they are computed, and not stored") {
  Graph g;
  const Shape shape{2, 32, 96, 96};
  const Value x = g.input({DType::f32, shape}, "x"), scale = g.input({DType::f32, {2, 32, 1, 1}}, "scale");
  const Value bias = g.input({DType::f32, {1, 32, 1, 1}}, "bias");
  const Value loss = mean(square(leaky_relu(x * scale + bias, 0.2)));
  std::vector<Value> asked = gradients(loss, {x, scale, bias});
  const auto run = [&](bool fuse) {
    Executor e(plan(g, asked, {.device = Device::cpu(), .fold = false, .fuse = fuse}));
    for (const Value& v : {x, scale, bias}) e.set(v, fill("tests/" + v.type().str(), v.shape()));
    e.run({.check_finite = true, .poison = true});
    std::vector<Tensor> results;
    for (const Value& v : asked) results.push_back(e.get(v));
    return std::pair(results, e.plan().kernels());
  };
  const auto is_sum = [](const std::string& kernel) { return kernel.starts_with("reduce"); };
  const auto has_sums = [](const std::string& kernel) { return kernel.starts_with("pointwise_sums"); };
  const auto [plain, many] = run(false);
  const auto [fused, few] = run(true);
  CHECK(std::count_if(many.begin(), many.end(), is_sum) == 2);
  CHECK(std::count_if(few.begin(), few.end(), is_sum) == 0);
  CHECK(std::count_if(few.begin(), few.end(), has_sums) == 1);
  for (std::size_t i = 0; i < asked.size(); ++i) CHECK(relative_error(fused[i], plain[i]) < 1e-6);
  // Without the gradient of x there is one value of its size, x in the kernels' layout.
  asked.erase(asked.begin());
  const auto values = [&](bool fuse) {
    const Plan p = plan(g, asked, {.device = Device::cpu(), .fold = false, .fuse = fuse});
    return static_cast<double>(p.live_bytes()) / static_cast<double>(shape.numel() * 4);
  };
  CHECK(values(true) < 1.1);
  CHECK(values(false) > 1.9);
}
