#pragma once
// Steps around the call of a library, where it wants an operand in another layout than the plan has it.

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"

namespace g2face::cuda {

/// `step` reads input `input`, an f32 value of rank 4 that is row-major in the signature, in `layout`: it is packed
/// when it is known at load, else brought into the workspace in each run. For signatures of two inputs.
Step with_input_in(Layout layout, int input, Step step, const Signature& s);
/// `step` writes the only output in `layout`, into the workspace, from where it is brought into the row-major output.
Step with_output_in(Layout layout, Step step, const Signature& s);

}  // namespace g2face::cuda
