// Elementwise programs (pointwise_program.hpp).

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/pointwise_program.hpp"

namespace g2face {

MaybeStep pointwise_cpu(const PointwiseAttrs& a, const Signature& s) {
  if (!cpu::all_f32(s) || !cpu::suits_program(a, s.in, s.out)) return std::nullopt;
  Step step;
  step.kernel = str("pointwise ", cpu::name_of(cpu::best_isa()));
  if (a.shape.numel() == 0) {
    step.run = [](const Buffers&, Stream&) {};
    return step;
  }
  const std::shared_ptr<const cpu::Program> p = cpu::compile(a, {}, s.out[0], s.in);
  step.in_place = cpu::in_place_inputs(a, *p);
  const int threads = a.shape.numel() < (1 << 14) ? 1 : s.threads;
  const std::int64_t buffer_floats = p->buffers * p->tile;
  step.workspace = static_cast<std::size_t>(threads * buffer_floats) * sizeof(float);
  step.run = [p, threads, buffer_floats](const Buffers& b, Stream&) {
    const cpu::Geometry& g = p->geometry;
    const std::int64_t tiles = g.planes * g.tiles_down * g.tiles_across;
    cpu::parallel_parts(threads, tiles, [&](int part, std::int64_t begin, std::int64_t end) {
      cpu::run_tiles(*p, b, begin, end, static_cast<float*>(b.workspace) + part * buffer_floats);
    });
  };
  return step;
}

LayoutChoices pointwise_cpu_layouts(const PointwiseAttrs& a, std::span<const Type> in, std::span<const Type> out) {
  LayoutChoices choices;
  const Layout native = cpu::native_layout();
  if (cpu::fits(a.shape, native)) {
    LayoutChoice blocked = cpu::plain_choice(in, out);
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (in[i].shape.rank() == 4 && in[i].shape[1] == a.shape[1]) blocked.in[i] = native;
    }
    for (std::size_t i = 0; i < a.results.size(); ++i) blocked.out[i] = native;
    choices.push_back(std::move(blocked));
  }
  choices.push_back(cpu::plain_choice(in, out));
  return choices;
}

}  // namespace g2face
