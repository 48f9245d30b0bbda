#include "g2face/nn/adam.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"

using namespace g2face;

namespace {

/// y = a x + b, to be fitted to points on the line y = 3 x - 1; b has a tenth of the rate.
struct Line {
  Graph g;
  Scope model = Scope(g, "line"), optimizer = Scope(g, "adam");
  Value x = g.input({DType::f32, {8}}, "x"), target = g.input({DType::f32, {8}}, "target");
  Value rate = g.input({DType::f32, {1}}, "rate"), step = g.input({DType::i64, {1}}, "step");
  Value a = model.param("a", {1}, init::constant(0.5)), b = model.param("b", {1}, init::zeros());
  Value loss = mean(square(a * x + b - target));
  std::vector<Update> updates;
  AdamAttrs attrs;

  explicit Line(const AdamAttrs& adam) : attrs(adam) {
    const auto slopes = gradients(loss, {a, b});
    const std::vector<AdamGroup> groups{{rate, {a}, {slopes[0]}}, {rate * 0.1, {b}, {slopes[1]}}};
    updates = adam_updates(optimizer, step, groups, attrs);
  }
  Parameters parameters() const {
    Parameters p = initial_parameters(model.declared(), 0);
    for (const auto& [name, tensor] : initial_parameters(optimizer.declared(), 0)) p.set(name, tensor);
    return p;
  }
};

constexpr std::array<float, 8> xs{-1, -0.7F, -0.4F, -0.1F, 0.2F, 0.5F, 0.8F, 1};
double rate_of(int t) { return 0.05 * (1 + t % 3); }

/// The same by hand, in double: a and b after some steps.
std::array<double, 2> fitted(int steps, const AdamAttrs& attrs) {
  std::array<double, 2> p{0.5, 0}, m{}, v{};
  for (int t = 1; t <= steps; ++t) {
    std::array<double, 2> slope{};
    for (const double x : xs) {
      const double error = p[0] * x + p[1] - static_cast<double>(3 * static_cast<float>(x) - 1);
      slope[0] += 2 * error * x / 8;
      slope[1] += 2 * error / 8;
    }
    for (std::size_t i = 0; i < 2; ++i) {
      m[i] = attrs.beta1 * m[i] + (1 - attrs.beta1) * slope[i];
      v[i] = attrs.beta2 * v[i] + (1 - attrs.beta2) * slope[i] * slope[i];
      const double rate = rate_of(t) * (i == 0 ? 1 : 0.1);
      p[i] -=
          rate * (m[i] / (1 - std::pow(attrs.beta1, t))) / (std::sqrt(v[i] / (1 - std::pow(attrs.beta2, t))) + 1e-8);
    }
  }
  return p;
}

std::vector<Device> devices() {
  std::vector<Device> all{Device::reference(), Device::cpu()};
  if (Device::cuda_count() > 0) all.push_back(Device::cuda());
  return all;
}

}  // namespace

TEST_CASE("adam trains a line on every device: the plan changes the parameters where they lie") {
  for (const AdamAttrs& attrs : {AdamAttrs{}, AdamAttrs{.beta1 = 0.5, .beta2 = 0.9}}) {
    for (const Device& device : devices()) {
      INFO(device.str());
      Line line(attrs);
      CHECK(line.updates.size() == (attrs.beta1 == 0 ? 4 : 6));
      const Plan made = plan(line.g, {{line.loss}}, line.updates, {.device = device, .fold = false});
      const auto kernels = made.kernels();
      if (device.kind != Device::Kind::reference) {
        CHECK(std::none_of(kernels.begin(), kernels.end(), [](const auto& k) { return k.starts_with("slice"); }));
      }
      const DeviceParameters parameters(device, line.parameters());
      Executor run(made, parameters);
      run.set(line.x, Tensor::from({8}, xs));
      Tensor target = Tensor::from({8}, xs);
      for (float& y : target.mutable_as<float>()) y = 3 * y - 1;
      run.set(line.target, target);
      constexpr int steps = 20;
      for (int t = 1; t <= steps; ++t) {
        run.set(line.rate, Tensor::full({DType::f32, {1}}, rate_of(t)));
        run.set(line.step, Tensor::full({DType::i64, {1}}, t));
        run.run();
      }
      const auto want = fitted(steps, attrs);
      CHECK(parameters.get("line/a").item() == doctest::Approx(want[0]).epsilon(1e-5));
      CHECK(parameters.get("line/b").item() == doctest::Approx(want[1]).epsilon(1e-5));
      CHECK(parameters.get().at("adam/second/line/a").item() > 0);
    }
  }
}

TEST_CASE("adam_updates says what does not fit") {
  Line line(AdamAttrs{});
  const std::vector<AdamGroup> uneven{{line.rate, {line.a, line.b}, {line.a}}};
  CHECK_THROWS_WITH_AS(adam_updates(line.optimizer, line.step, uneven), "adam 'adam': 2 parameters have 1 gradients",
                       GraphError);
  const std::vector<AdamGroup> no_parameter{{line.rate, {line.x}, {line.x}}};
  CHECK_THROWS_WITH_AS(adam_updates(line.optimizer, line.step, no_parameter),
                       "adam 'adam': value 0 of a group is no parameter", GraphError);
}
