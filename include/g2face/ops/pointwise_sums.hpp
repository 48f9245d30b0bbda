#pragma once
// An elementwise program and sums of what it computes, so that what is only summed need not be stored. Plans make it
// where a kernel does both; models do not write it.

#include <span>
#include <string>
#include <vector>

#include "g2face/ops/pointwise.hpp"
#include "g2face/ops/reduce.hpp"

namespace g2face {

struct PointwiseSumsAttrs {
  struct Sum {
    int source = 0;  // register
    ReduceAttrs reduce;
    bool operator==(const Sum&) const = default;
  };
  PointwiseAttrs pointwise;
  std::vector<Sum> sums;
  bool operator==(const PointwiseSumsAttrs&) const = default;
  std::string str() const;
};

///   x... -> the results of pointwise(x...), then sum(register, reduce) for each of the sums
/// The rules of pointwise and reduce hold.  R4: the source of a sum is a register that is written.
/// Formula: the line above. Sums do not depend on the number of threads.
std::vector<Value> pointwise_sums(std::span<const Value> in, const PointwiseSumsAttrs& attrs);

extern const OpDef pointwise_sums_op;

}  // namespace g2face
