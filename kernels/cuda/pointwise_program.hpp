#pragma once
// Programs of the op pointwise as the kernel runs them: code for a machine with one accumulator. Most instructions use
// the result of the one before, so that nearly every value lives in the accumulator alone, which is in registers; the
// few that are used later are saved in slots of shared memory.

#include <cstdint>
#include <optional>
#include <vector>

#include "g2face/ops/pointwise.hpp"

namespace g2face::cuda {

constexpr int max_inputs = 12, max_results = 24, max_slots = 12, max_operations = 96;

/// The place of an operand: an input, a slot, or the accumulator.
constexpr int first_slot = max_inputs, accumulator = first_slot + max_slots;

enum class Action : std::uint8_t {
  load,             // accumulator = source
  save,             // slot `source` = accumulator
  store,            // result `source` = accumulator
  unary,            // accumulator = f(accumulator)
  binary,           // accumulator = f(accumulator, source)
  binary_reversed,  // accumulator = f(source, accumulator)
  select,           // accumulator = accumulator != 0 ? source : other
};

template <class T>
struct Operation {
  Action action = Action::load;
  std::uint8_t function = 0;  // Unary or Binary
  std::uint8_t source = 0, other = 0;
  T a = 0, b = 0;  // of a unary function
};

struct PointwiseProgram {
  std::vector<Operation<double>> operations;
  int slots = 0;

  /// Whether result 0 may lie where input i does: nothing reads the input once the result is stored.
  bool may_overwrite(int input) const;
};

/// Nothing if the program is larger than a kernel takes.
std::optional<PointwiseProgram> accumulator_program(const PointwiseAttrs& attrs, int inputs);

}  // namespace g2face::cuda
