#pragma once
// Steps of the optimizer, for any number of tensors at once.

#include <span>
#include <string>
#include <vector>

#include "g2face/graph/graph.hpp"

namespace g2face {

struct AdamAttrs {
  double beta1 = 0;      // 0 as in G2Face: the first moment is the gradient, and is neither kept nor read
  double beta2 = 0.999;  // of the mean of squares
  double eps = 1e-8;
  bool operator==(const AdamAttrs&) const = default;
  std::string str() const;
};

/// What Adam needs of a parameter. `first` is absent (no value) with beta1 = 0.
struct AdamTensors {
  Value parameter, gradient, second, first = {};
};
/// The same after the step.
struct AdamResult {
  Value parameter, second, first = {};
};

/// One step of Adam (Kingma and Ba 2015) with its corrections of the bias, as PyTorch computes it:
///   m' = beta1 m + (1 - beta1) f g      v' = beta2 v + (1 - beta2) (f g)^2
///   p' = p - rate (m' / (1 - beta1^t)) / (sqrt(v' / (1 - beta2^t)) + eps)
///   step [1] = t = 1, 2, ...; rate [1], or rate and f [2]; of each parameter p, g, v, m of one shape -> p', v', m'
/// f is 1 unless it is given. Where it is 0 all results are what they replace, bit for bit, whatever g is (LossScale).
/// R1: step is i64[1].  R2: rate is f32[1] or f32[2].  R3: beta1 and beta2 are at least 0 and below 1, eps is positive.
/// R4: there is a parameter, and each has all its tensors.  R5: the tensors of a parameter are f32 and have one shape.
/// Step and rate are inputs, so one plan serves all of training; parameters with another rate are another node. State
/// is f32 whatever the precision. Results may take the memory of what they replace. On CUDA a node is one launch for
/// each 50 tensors or so, and a step below 1 gives NaN; elsewhere that stops the run with an Error. No gradient.
std::vector<AdamResult> adam(Value step, Value rate, std::span<const AdamTensors> parameters,
                             const AdamAttrs& attrs = {});

extern const OpDef adam_op;

}  // namespace g2face
