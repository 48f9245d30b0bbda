#include "kernels/cuda/library_step.hpp"

#include <array>
#include <vector>

#include "g2face/error.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/layouts.hpp"

namespace g2face::cuda {
namespace {

bool lie_alike(const TensorDesc& a, const TensorDesc& b) {
  const Shape& s = a.type.shape;
  return storage_of(a) == storage_of(b) && (a.layout == b.layout || s[1] == 1 || s[2] * s[3] == 1);
}

auto reordering(const TensorDesc& from, const TensorDesc& to) {
  std::optional<Step> step = reorder_cuda({}, {.in = {&from, 1}, .out = {&to, 1}, .known = {}});
  check<PlanError>(step.has_value() && step->workspace == 0, "reorder: no kernel from ", from.layout, " to ",
                   to.layout);
  return std::move(step->run);
}

void pack(const TensorDesc& to, const void* from, void* packed) {
  const Shape& s = to.type.shape;
  const std::int64_t channels = s[1], pixels = s[2] * s[3];
  std::vector<float> moved(static_cast<std::size_t>(s.numel()));
  const auto* x = static_cast<const float*>(from);
  for (std::int64_t n = 0; n < s[0]; ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t p = 0; p < pixels; ++p) moved[static_cast<std::size_t>((n * pixels + p) * channels + c)] = *x++;
    }
  }
  convert(moved.data(), DType::f32, packed, storage_of(to), s.numel());
}

std::size_t after(std::size_t workspace) { return (workspace + 255) / 256 * 256; }

void* at(void* workspace, std::size_t offset) { return static_cast<std::byte*>(workspace) + offset; }

}  // namespace

Step with_input_in(Layout layout, int input, Step step, const Signature& s) {
  const auto i = static_cast<std::size_t>(input);
  const TensorDesc from = s.in[i], to{from.type, layout};
  check<PlanError>(s.in.size() == 2, step.kernel, ": has ", s.in.size(), " inputs, expected 2");
  if (lie_alike(from, to)) return step;
  if (s.known[i]) {
    step.packings.push_back({input, to.bytes(), [to](const void* x, void* packed) { pack(to, x, packed); }});
    return step;
  }
  const std::size_t offset = after(step.workspace);
  step.workspace = offset + to.bytes();
  step.run = [run = step.run, reorder = reordering(from, to), offset, i](const Buffers& b, Stream& stream) {
    void* const moved = at(b.workspace, offset);
    std::array<const void*, 2> in = {b.in[0], b.in[1]};
    reorder({{&in[i], 1}, {&moved, 1}}, stream);
    in[i] = moved;
    run({in, b.out, b.workspace}, stream);
  };
  return step;
}

Step with_output_in(Layout layout, Step step, const Signature& s) {
  const TensorDesc to = s.out[0], from{to.type, layout};
  if (lie_alike(from, to)) return step;
  const std::size_t offset = after(step.workspace);
  step.workspace = offset + from.bytes();
  step.run = [run = step.run, reorder = reordering(from, to), offset](const Buffers& b, Stream& stream) {
    void* const made = at(b.workspace, offset);
    run({b.in, {&made, 1}, b.workspace}, stream);
    const void* const in = made;
    reorder({{&in, 1}, b.out}, stream);
  };
  return step;
}

}  // namespace g2face::cuda
