#include "tolerance.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace g2face::golden {
namespace {

struct Row {
  const char* families;
  double output, gradient;
};
constexpr Row rows[] = {
    {"ab", 1e-6, 1e-6}, {"cdef", 3e-6, 5e-6}, {"g", 5e-6, 3e-5}, {"h", 1e-5, 3e-5},
    {"ij", 3e-6, 1e-5}, {"l", 2e-6, 5e-6},    {"n", 5e-6, 2e-5}, {"o", 1e-5, 1e-5},
};
constexpr double in_double = 1e-6;

double single_precision(const OpResult& r) {
  const Row* row = nullptr;
  for (const Row& candidate : rows)
    if (std::string_view(candidate.families).find(r.family) != std::string_view::npos) row = &candidate;
  if (!row) return in_double;
  if (r.result == Result::output) return row->output;
  if (r.family != 'h') return row->gradient;
  // Second derivatives of the minibatch deviation sqrt(d^2 + 1e-8) are ill-conditioned near d = 0, most of all in
  // groups of two; biases inside the residual blocks reach the penalty through nothing else.
  if (r.result == Result::r1_gradient && r.name.starts_with("convs.") && r.name.ends_with(".bias"))
    return r.batch == 2 ? 2e-1 : 2e-3;
  if (r.result == Result::second_order && r.op == "minibatch_stddev" && r.batch == 2) return 2e-2;
  return r.result == Result::gradient ? row->gradient : 1e-4;
}

}  // namespace

double op_limit(const OpResult& r, const Arithmetic& arithmetic) {
  double limit = single_precision(r);
  // Winograd convolutions round more, so that now and then a value of the thirteen layers of LPIPS takes the other side
  // of its ReLU: the gradient is then that of another linear piece (README of networks, section 5: about 1e-3).
  const bool kinks = r.family == 'n' && r.op.starts_with("LPIPS") && r.result != Result::output;
  if (kinks && arithmetic.precision == Precision::fast) limit = std::max(limit, 5e-3);
  if (arithmetic.in_double()) return std::min(limit, in_double);
  const double depth = r.family == 'n' ? 2 : 1;  // LPIPS is thirteen layers in a row, other cases are up to four
  return std::max(limit, std::min(1e-2, 1e-2 * depth * arithmetic.roughness()));
}

NetworkLimits network_limits(const Arithmetic& arithmetic, int networks) {
  if (arithmetic.rough()) {
    const bool tf32 = arithmetic.precision == Precision::tf32;
    const double in_a_row = std::sqrt(networks), output = (tf32 ? 2e-3 : 1e-2) * in_a_row;
    return {.output = output,
            .stage = (tf32 ? 5e-3 : 2e-2) * in_a_row,
            .logit = 2e-2,
            .bits = output / std::numbers::pi,  // how often normal logits with such errors change sign
            .grey_levels = 1,
            .levels = arithmetic.roughness() < 1 ? 2. : 8.};
  }
  // Winograd convolutions round about four times as much as plain ones; a whole network shows half of that.
  if (arithmetic.precision == Precision::fast) return {.output = 1e-5, .stage = 2e-5};
  return {};
}

}  // namespace g2face::golden
