#pragma once
// How far a result may be from its recorded value.

#include <cstdint>
#include <string>

#include "g2face/plan/plan.hpp"

namespace g2face::golden {

/// The arithmetic under test.
struct Arithmetic {
  Device device = Device::cpu();
  Precision precision = Precision::strict;
  int threads = 0;

  bool in_double() const { return device.kind == Device::Kind::reference; }
  /// How coarsely products round their inputs, bfloat16 being 1: tf32 and f16 have three bits more.
  double roughness() const {
    if (in_double() || precision == Precision::strict || precision == Precision::fast) return 0;
    return precision == Precision::bf16 ? 1 : 0.125;
  }
  /// Gradients are then not compared: docs/goldens.md says why.
  bool rough() const { return roughness() > 0; }
};

enum class Result : std::uint8_t { output, gradient, second_order, r1_gradient };

/// What a limit for an operator case depends on.
struct OpResult {
  char family = 0;  // 'a' .. 'p'
  Result result = Result::output;
  std::string name = {};  // of the input or parameter, without kind: "convs.1.conv1.1.bias"
  std::string op = {};
  std::int64_t batch = 0;  // extent 0 of the first input
};

/// The limit of the relative L2 error in README section 4 of the golden files. On the reference device, whose only
/// errors are the rounding of the recorded numbers, 1e-6; for outputs with products of bf16 1e-2, with those of tf32 or
/// f16 an eighth of that.
double op_limit(const OpResult& r, const Arithmetic& arithmetic);

/// Largest gradient that is zero in exact arithmetic, relative to the largest one of the weight it belongs to.
inline constexpr double zero_gradient_limit = 1e-5;

/// Limits for whole networks, section 10 of their README, where products are rounded, too; of results of several
/// networks in a row, with errors that add up like independent ones.
struct NetworkLimits {
  double output = 5e-6;       // relative L2 error of outputs
  double stage = 1e-5;        // of samples and statistics of stages
  double logit = 5e-5;        // largest absolute error of the extractor's logits, whose root mean square is about 1
  double bits = 0;            // share of bits that may be read wrong
  double grey_levels = 2e-3;  // share of saved 8-bit values that may differ: an error of 5e-6 tips that many
  double levels = 1;          // by how much each of them may
};
NetworkLimits network_limits(const Arithmetic& arithmetic, int networks = 1);

/// What pictures and identities must keep in rough arithmetic, against those of exact arithmetic.
inline constexpr double least_psnr = 50;  // dB, of pictures in -1..1
inline constexpr double least_cosine = 0.999;

}  // namespace g2face::golden
