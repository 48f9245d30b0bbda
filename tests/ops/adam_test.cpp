#include "g2face/ops/adam.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "g2face/plan/executor.hpp"
#include "op_check.hpp"

using namespace g2face;

namespace {

const CheckInput step{Shape{1}, {3, 4}, DType::i64}, rate{Shape{1}, {1e-3, 2e-3}};
CheckInput squares(const Shape& shape) { return {shape, {0, 1}}; }

}  // namespace

TEST_CASE("adam") {
  OpCheck c(adam_op, AdamAttrs{}, {.gradient = false});
  c.ok({step, rate, {7}, {7}, squares({7})});
  c.ok({step, rate, {3, 4}, {3, 4}, squares({3, 4}), {33}, {33}, squares({33}), {}, {}, squares({})});
  c.ok({step, rate, {5, 2}, {5, 2}, squares({5, 2}), {5, 2}}, AdamAttrs{.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-6});
  const CheckInput with_factor{Shape{2}, {0.25, 0.5}};
  c.ok({step, with_factor, {3, 4}, {3, 4}, squares({3, 4}), {33}, {33}, squares({33})});
  c.ok({step, with_factor, {5}, {5}, squares({5}), {5}}, AdamAttrs{.beta1 = 0.9});
  c.fails("R1", {rate, rate, {7}, {7}, {7}}, "step f32[1] must be i64[1]");
  c.fails("R2", {step, {3}, {7}, {7}, {7}}, "rate f32[3] must be f32[1] or f32[2]");
  c.fails("R3", {step, rate, {7}, {7}, {7}}, AdamAttrs{.beta2 = 1}, "beta1 0 and beta2 1");
  c.fails("R3", {step, rate, {7}, {7}, {7}}, AdamAttrs{.eps = 0}, "eps 0 positive");
  c.fails("R4", {step, rate}, "0 tensors");
  c.fails("R4", {step, rate, {7}, {7}, {7}}, AdamAttrs{.beta1 = 0.5}, "3 tensors are no whole number of parameters");
  c.fails("R5", {step, rate, {7}, {7}, {6}}, "parameter 0 is f32[7] and has a tensor f32[6]");
}

TEST_CASE("adam: the first step is the rate in the direction of the gradient, whatever its size") {
  Graph g;
  const Value t = g.constant(Tensor::full({DType::i64, {1}}, 1)),
              r = g.constant(Tensor::full({DType::f32, {1}}, 0.125));
  const Value p = g.input({DType::f32, {3}}, "p"), dp = g.input({DType::f32, {3}}, "dp");
  const std::vector<AdamTensors> tensors{{p, dp, g.constant(Tensor::zeros(p.type()))}};
  const Value next = adam(t, r, tensors)[0].parameter;
  for (const Device& device : {Device::reference(), Device::cpu()}) {
    Executor run(plan(g, {next}, {.device = device}));
    run.set(p, Tensor::from({3}, {1, 1, 1}));
    run.set(dp, Tensor::from({3}, {1e-4F, -1e4F, 0}));
    run.run();
    CHECK(relative_error(run.get(next), Tensor::from({3}, {0.875F, 1.125F, 1})) < 2e-5);  // eps counts beside 1e-4
  }
}

TEST_CASE("adam: a factor of 0 leaves everything as it is, whatever the gradient; a factor of 1 changes nothing") {
  for (const double beta1 : {0., 0.5}) {
    Graph g;
    const Value t = g.constant(Tensor::full({DType::i64, {1}}, 3)),
                r = g.constant(Tensor::full({DType::f32, {1}}, 0.125)), rates = g.input({DType::f32, {2}}, "rates");
    const auto input = [&](const char* name) { return g.input({DType::f32, {3}}, name); };
    const Value p = input("p"), dp = input("dp"), v = input("v"), m = input("m");
    const std::vector<AdamTensors> tensors{{p, dp, v, beta1 == 0 ? Value{} : m}};
    const AdamResult plain = adam(t, r, tensors, {.beta1 = beta1})[0];
    const AdamResult scaled = adam(t, rates, tensors, {.beta1 = beta1})[0];
    std::vector<Value> outputs{plain.parameter, plain.second, scaled.parameter, scaled.second};
    if (beta1 != 0) outputs.insert(outputs.end(), {plain.first, scaled.first});
    std::vector<Device> devices{Device::reference(), Device::cpu()};
    if (Device::cuda_count() > 0) devices.push_back(Device::cuda());
    for (const Device& device : devices) {
      INFO(device.str());
      Executor run(plan(g, outputs, {.device = device}));
      const Tensor old = Tensor::from({3}, {1, -2, 0.3F}), squares = Tensor::from({3}, {0.1F, 0, 2}),
                   slope = Tensor::from({3}, {0.7F, -3, 1e-3F});
      const auto go = [&](float factor, const Tensor& gradient) {
        run.set(rates, Tensor::from({2}, {0.125F, factor}));
        run.set(p, old);
        run.set(dp, gradient);
        run.set(v, squares);
        run.set(m, slope);
        run.run();
      };
      go(0, Tensor::from({3}, {INFINITY, NAN, 1}));
      const auto is = [&](Value result, const Tensor& want) {
        const Tensor got = run.get(result);
        return got.str() == want.to(got.dtype()).str();
      };
      CHECK(is(scaled.parameter, old));
      CHECK(is(scaled.second, squares));
      if (beta1 != 0) CHECK(is(scaled.first, slope));
      go(1, slope);
      CHECK(run.get(scaled.parameter).str() == run.get(plain.parameter).str());
      CHECK(run.get(scaled.second).str() == run.get(plain.second).str());
    }
  }
}

TEST_CASE("adam: steps count from 1") {
  Graph g;
  const Value t = g.input({DType::i64, {1}}, "t"), p = g.input({DType::f32, {2}}, "p");
  const std::vector<AdamTensors> tensors{{p, p, p}};
  const Value next = adam(t, g.constant(Tensor::full({DType::f32, {1}}, 1)), tensors)[0].parameter;
  std::vector<Device> devices{Device::reference(), Device::cpu()};
  if (Device::cuda_count() > 0) devices.push_back(Device::cuda());
  for (const Device& device : devices) {
    INFO(device.str());
    Executor run(plan(g, {next}, {.device = device}));
    run.set(t, Tensor::zeros(t.type()));
    run.set(p, Tensor::from({2}, {1, 2}));
    if (device.kind == Device::Kind::cuda) {
      run.run();
      const Tensor result = run.get(next);
      for (const float v : result.as<float>()) CHECK(std::isnan(v));
    } else {
      CHECK_THROWS_WITH_AS(run.run(), "adam: step 0 must be at least 1", Error);
    }
  }
}
