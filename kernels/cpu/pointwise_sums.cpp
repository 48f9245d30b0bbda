// Elementwise programs whose results are summed on the way (pointwise_program.hpp).

#include <algorithm>
#include <array>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/pointwise_program.hpp"

namespace g2face {

MaybeStep pointwise_sums_cpu(const PointwiseSumsAttrs& a, const Signature& s) {
  const PointwiseAttrs& program = a.pointwise;
  const TensorDesc result{{DType::f32, program.shape}, cpu::native_layout()};
  const std::size_t results = program.results.size();
  bool ok = cpu::all_f32(s) && cpu::fits(program.shape, result.layout) && program.shape.rank() == 4 &&
            program.shape.numel() > 0 && program.shape[2] * program.shape[3] > 1 &&
            cpu::suits_program(program, s.in, std::array{result});
  for (std::size_t i = 0; i < s.out.size(); ++i)
    ok = ok && s.out[i].layout == (i < results ? result.layout : Layout::nchw);
  // Of each pixel's block of channels a lane is one; the pixels of an image are summed, and images if all are.
  for (const auto& sum : a.sums)
    ok = ok && (sum.reduce.axes == std::vector{2, 3} || sum.reduce.axes == std::vector{0, 2, 3});
  if (!ok) return std::nullopt;

  const std::shared_ptr<const cpu::Program> p = cpu::compile(program, a.sums, result, s.in);
  Step step;
  step.kernel = str("pointwise_sums ", cpu::name_of(cpu::best_isa()));
  step.in_place = cpu::in_place_inputs(program, *p);
  const int threads = program.shape.numel() < (1 << 14) ? 1 : s.threads;
  std::int64_t largest = 0;
  for (const cpu::Sum& sum : p->sums) largest = std::max(largest, sum.size);
  const std::int64_t lanes = static_cast<std::int64_t>(p->sums.size()) * p->geometry.columns;
  cpu::Workspace workspace;
  const auto bytes = [](std::int64_t count, std::size_t size) { return static_cast<std::size_t>(count) * size; };
  const std::size_t memory = workspace.add(bytes(threads * p->buffers * p->tile, sizeof(float)));
  const std::size_t partial = workspace.add(bytes(p->geometry.planes * p->segments * lanes, sizeof(double)));
  const std::size_t totals = workspace.add(bytes(largest, sizeof(double)));
  step.workspace = workspace.total();
  step.run = [=](const Buffers& b, Stream&) {
    cpu::run_sums(*p, b, threads, static_cast<float*>(cpu::at(b.workspace, memory)),
                  static_cast<double*>(cpu::at(b.workspace, partial)),
                  static_cast<double*>(cpu::at(b.workspace, totals)));
  };
  return step;
}

LayoutChoices pointwise_sums_cpu_layouts(const PointwiseSumsAttrs& a, std::span<const Type> in,
                                         std::span<const Type> out) {
  return {pointwise_cpu_layouts(a.pointwise, in, out).front()};
}

}  // namespace g2face
