// What a program in the epilogue of a product reads and where, and whether it is one of those that are compiled there.
// (That its numbers fit into int, implicit_gemm.cu has seen.)

#include <array>

#include "kernels/cuda/gemm_epilogue.cuh"
#include "kernels/cuda/gemm_program.hpp"

namespace g2face::cuda {
namespace {

// Extents as [N,C,H,W], by NumPy's rule.
std::array<std::int64_t, 4> extents_of(const Shape& s) {
  std::array<std::int64_t, 4> extents = {1, 1, 1, 1};
  for (int i = 0; i < s.rank(); ++i) extents[static_cast<std::size_t>(4 - s.rank() + i)] = s[i];
  return extents;
}

EpilogueOperand operand_of(const TensorDesc& d, const Shape& y) {
  const auto [samples, channels, height, width] = extents_of(d.type.shape);
  const std::int64_t pixels = height * width;
  EpilogueOperand operand;
  operand.channel = channels == 1 && y[1] != 1 ? 0 : 1;
  operand.pixel = pixels == 1 ? 0 : static_cast<int>(channels);
  operand.sample = samples == 1 ? 0 : channels * pixels;
  operand.narrow = is_narrow(d.layout);
  return operand;
}

// Whether the operands lie as the compiled program takes them: whole ones in the storage of the results.
template <class P>
bool has_roles(const GemmProgram& program, bool in_16_bits) {
  for (std::size_t i = 1; i < std::size(P::in); ++i) {
    const EpilogueOperand& in = program.in[i];
    const bool of_pixel = in.pixel != 0, of_channel = in.channel != 0;
    const bool fits = P::in[i] == Role::whole     ? of_pixel && of_channel && in.narrow == in_16_bits
                      : P::in[i] == Role::channel ? of_channel && !of_pixel && !in.narrow
                                                  : of_pixel && !of_channel && !in.narrow;
    if (!fits) return false;
  }
  return true;
}

template <class... P>
void find_compiled(std::tuple<P...>*, const PointwiseAttrs& attrs, std::size_t inputs, bool in_16_bits,
                   GemmProgram& program) {
  int place = 0;
  const auto is_it = [&]<class Program>() {
    static_assert(std::size(Program::steps) <= most_compiled_steps && Program::in[0] == Role::whole);
    if (inputs == std::size(Program::in) && has_structure<Program>(attrs) && has_roles<Program>(program, in_16_bits)) {
      program.compiled = place;
    }
    ++place;
  };
  (is_it.template operator()<P>(), ...);
  if (program.compiled < 0) return;
  for (std::size_t i = 0; i < attrs.program.size(); ++i) {
    program.a[i] = static_cast<float>(attrs.program[i].unary.a);
    program.b[i] = static_cast<float>(attrs.program[i].unary.b);
  }
}

}  // namespace

GemmProgram program_of(const GemmEpilogue& epilogue, const Shape& y, bool in_16_bits) {
  GemmProgram program;
  program.code = code_of<float>(epilogue.program);
  program.pixels = static_cast<int>(y[2] * y[3]);
  program.outs = static_cast<int>(y[1]);
  for (std::size_t i = 0; i < epilogue.others.size(); ++i) program.in[i + 1] = operand_of(epilogue.others[i], y);
  find_compiled(static_cast<EpiloguePrograms*>(nullptr), *epilogue.attrs, epilogue.others.size() + 1, in_16_bits,
                program);
  return program;
}

std::optional<Layout> epilogue_layout(const Shape& other, const Shape& y, Layout features) {
  if (other.rank() > 4) return std::nullopt;
  const auto [samples, channels, height, width] = extents_of(other);
  const bool of_pixel = height == y[2] && width == y[3], repeats = height * width == 1;
  if ((samples != 1 && samples != y[0]) || (channels != 1 && channels != y[1]) || (!of_pixel && !repeats)) {
    return std::nullopt;
  }
  if (of_pixel && !repeats && channels == y[1]) return features;
  return repeats || channels == 1 ? std::optional(Layout::nchw) : std::nullopt;
}

}  // namespace g2face::cuda
