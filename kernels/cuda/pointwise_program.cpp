#include "kernels/cuda/pointwise_program.hpp"

#include <algorithm>

namespace g2face::cuda {
namespace {

using Instruction = PointwiseInstruction;

class Compiler {
 public:
  Compiler(const PointwiseAttrs& attrs, int inputs) : attrs_(attrs), inputs_(inputs) {
    const std::size_t registers = static_cast<std::size_t>(inputs) + attrs.program.size();
    last_use_.assign(registers, -1);
    slot_.assign(registers, -1);
    for (std::size_t i = 0; i < attrs.program.size(); ++i) {
      for (const int r : attrs.program[i].source) last_use_[static_cast<std::size_t>(r)] = static_cast<int>(i);
    }
  }

  std::optional<PointwiseProgram> run() {
    for (int i = 0; i < count(); ++i) compile(i);
    for (int input = 0; input < inputs_; ++input) {
      if (!is_result(input)) continue;
      emit({Action::load, 0, place(input)});
      store(input);
    }
    const bool fits = inputs_ <= max_inputs && attrs_.results.size() <= max_results && program_.slots <= max_slots &&
                      program_.operations.size() <= max_operations;
    return fits ? std::optional(program_) : std::nullopt;
  }

 private:
  int count() const { return static_cast<int>(attrs_.program.size()); }
  const Instruction& instruction(int i) const { return attrs_.program[static_cast<std::size_t>(i)]; }
  bool is_result(int r) const {
    return std::find(attrs_.results.begin(), attrs_.results.end(), r) != attrs_.results.end();
  }
  void emit(const Operation<double>& operation) { program_.operations.push_back(operation); }

  std::uint8_t place(int r) const {
    if (r == held_) return accumulator;
    return static_cast<std::uint8_t>(r < inputs_ ? r : first_slot + slot_[static_cast<std::size_t>(r)]);
  }

  void store(int r) {
    for (std::size_t i = 0; i < attrs_.results.size(); ++i) {
      if (attrs_.results[i] == r) emit({Action::store, 0, static_cast<std::uint8_t>(i)});
    }
  }

  /// Whether the result of instruction i has to outlive the accumulator: only the next instruction finds it there.
  bool is_needed_later(int i) const {
    const int r = inputs_ + i, last = last_use_[static_cast<std::size_t>(r)];
    if (last > i + 1) return true;
    // A condition displaces what select chooses from.
    return last == i + 1 && instruction(last).kind == Instruction::Kind::select && instruction(last).source[0] != r;
  }

  void save(int r) {
    if (free_.empty()) free_.push_back(program_.slots++);
    slot_[static_cast<std::size_t>(r)] = free_.back();
    free_.pop_back();
    emit({Action::save, 0, static_cast<std::uint8_t>(slot_[static_cast<std::size_t>(r)])});
  }

  void bring(int r) {
    if (held_ != r) emit({Action::load, 0, place(r)});
    held_ = r;
  }

  void compile(int i) {
    const Instruction& in = instruction(i);
    const auto& s = in.source;
    switch (in.kind) {
      case Instruction::Kind::unary:
        bring(s[0]);
        emit({Action::unary, static_cast<std::uint8_t>(in.unary.kind), 0, 0, in.unary.a, in.unary.b});
        break;
      case Instruction::Kind::binary: {
        const bool reversed = held_ == s[1] && held_ != s[0];
        if (!reversed) bring(s[0]);
        emit({reversed ? Action::binary_reversed : Action::binary, static_cast<std::uint8_t>(in.binary),
              place(reversed ? s[0] : s[1])});
        break;
      }
      case Instruction::Kind::select:
        bring(s[0]);
        emit({Action::select, 0, place(s[1]), place(s[2])});
        break;
    }
    for (const int r : s) {
      const auto k = static_cast<std::size_t>(r);
      if (slot_[k] < 0 || last_use_[k] != i) continue;
      free_.push_back(slot_[k]);
      slot_[k] = -1;
    }
    held_ = inputs_ + i;
    store(held_);
    if (is_needed_later(i)) save(held_);
  }

  const PointwiseAttrs& attrs_;
  const int inputs_;
  std::vector<int> last_use_, slot_;  // of registers
  std::vector<int> free_;             // slots
  int held_ = -1;                     // the register in the accumulator
  PointwiseProgram program_;
};

}  // namespace

bool PointwiseProgram::may_overwrite(int input) const {
  const auto stores = [](const auto& o) { return o.action == Action::store && o.source == 0; };
  const auto reads = [&](const auto& o) {
    switch (o.action) {
      case Action::load:
      case Action::binary:
      case Action::binary_reversed:
        return o.source == input;
      case Action::select:
        return o.source == input || o.other == input;
      default:
        return false;
    }
  };
  return std::none_of(std::find_if(operations.begin(), operations.end(), stores), operations.end(), reads);
}

std::optional<PointwiseProgram> accumulator_program(const PointwiseAttrs& attrs, int inputs) {
  return Compiler(attrs, inputs).run();
}

}  // namespace g2face::cuda
