// Parameters, a loss, and gradient descent: fits y = a x + b to points on the line y = 3 x - 1.

#include <cmath>
#include <g2face/g2face.hpp>
#include <iostream>

using namespace g2face;

int main() {
  Graph g;
  const Scope model(g, "line");
  const Value x = g.input({DType::f32, {8}}, "x"), target = g.input({DType::f32, {8}}, "target");
  const Value a = model.param("a", {1}, init::zeros()), b = model.param("b", {1}, init::zeros());
  const Value loss = mean(square(a * x + b - target));
  const auto grads = gradients(loss, model.trainable());

  Parameters parameters = initial_parameters(model.declared(), /*seed=*/0);
  // fold = false: parameters change between runs.
  Executor run(plan(g, {loss, grads[0], grads[1]}, {.fold = false}), &parameters);
  run.set(x, Tensor::from({8}, {-1, -0.7F, -0.4F, -0.1F, 0.2F, 0.5F, 0.8F, 1}));
  run.set(target, Tensor::from({8}, {-4, -3.1F, -2.2F, -1.3F, -0.4F, 0.5F, 1.4F, 2}));

  for (int step = 0; step < 200; ++step) {
    run.run();
    parameters.at("line/a").mutable_as<float>()[0] -= 0.3F * run.get(grads[0]).as<float>()[0];
    parameters.at("line/b").mutable_as<float>()[0] -= 0.3F * run.get(grads[1]).as<float>()[0];
  }
  const double fitted_a = parameters.at("line/a").item(), fitted_b = parameters.at("line/b").item();
  std::cout << "fitted   a = " << fitted_a << ", b = " << fitted_b << "\nexpected a = 3, b = -1\n";
  return std::abs(fitted_a - 3) < 1e-3 && std::abs(fitted_b + 1) < 1e-3 ? 0 : 1;
}
