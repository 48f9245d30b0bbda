#pragma once
// A convolution and the elementwise program that follows it, so that what is between them need not be stored. Plans
// make it where a kernel takes both; models do not write it.

#include <span>
#include <string>
#include <vector>

#include "g2face/ops/conv2d.hpp"
#include "g2face/ops/pointwise.hpp"

namespace g2face {

struct Conv2dPointwiseAttrs {
  Conv2dAttrs conv;          // with kernel and input filled in
  PointwiseAttrs pointwise;  // of inputs: the convolution, then the others
  bool operator==(const Conv2dPointwiseAttrs&) const = default;
  std::string str() const;
};

///   x, w, others -> pointwise({conv2d(x, w), others...}): one value for each of its results
/// R1: there are x and w.  The rules of conv2d and pointwise hold.
/// Formula: the line above. Bitwise reproducible.
std::vector<Value> conv2d_pointwise(std::span<const Value> in, const Conv2dPointwiseAttrs& attrs);

extern const OpDef conv2d_pointwise_op;

}  // namespace g2face
