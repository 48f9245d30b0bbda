#pragma once
// Weights that anybody can make again bit for bit: the recorded results of the reference (tests/golden) were computed
// with them. They are as good as random, but every stage of every network has healthy activations.

#include <string>

#include "g2face/fill.hpp"
#include "g2face/nn/scope.hpp"

namespace g2face {

struct ReferenceFill {
  std::string name;  // what fill() takes; the recorded networks have names of their own ("generator256/...")
  double scale = 0, offset = 0;
  bool constant = false;  // keeps its initial value: blur filters, counters, published channel weights
};
/// How a parameter named "<network>/<entry>" is filled. In words, with s = sqrt(3) (a fill of scale s has variance 1):
/// plain convolutions and linear layers get variance gain / fan_in; equalised ones variance 1 (1 / lr_mul^2 in the
/// style network); weights of norms 1 +- 0.3 (the last one of each residual branch of the ResNets 0.25 +- 0.1);
/// running means and most biases +- 0.1; running variances 1 +- 0.5; PReLU 0.25 +- 0.1; strengths of noise and hiding
/// +- 0.2. Throws GraphError if the network has no rule for the entry.
ReferenceFill reference_fill(const Declared& declared);
/// The value.
Tensor reference_value(const Declared& declared);

}  // namespace g2face
