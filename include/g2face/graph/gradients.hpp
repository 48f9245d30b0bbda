#pragma once
// Gradients are more graph.

#include <span>
#include <vector>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// The gradients of y with respect to each of `wrt`, as values of the same graph; they can be differentiated again.
/// y has one element, or `dy` gives its cotangent, of the type of y. A value that y does not depend on has gradient
/// zero. Throws GraphError, naming the node, where the way to a wanted value leads through an op without a rule.
std::vector<Value> gradients(Value y, std::span<const Value> wrt, Value dy = {});
inline std::vector<Value> gradients(Value y, std::initializer_list<Value> wrt, Value dy = {}) {
  return gradients(y, std::span(wrt.begin(), wrt.size()), dy);
}
/// The same for several y at once: the gradient of the sum of <y, dy>.
std::vector<Value> gradients(std::span<const Value> y, std::span<const Value> dy, std::span<const Value> wrt);

}  // namespace g2face
