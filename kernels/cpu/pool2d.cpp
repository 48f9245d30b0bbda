#include <algorithm>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {
namespace {

struct Problem {
  Pool2dAttrs attrs;
  std::int64_t planes, lanes;  // planes of vectors of `lanes` channels
  std::int64_t in[2], out[2];  // extents: vertical, horizontal
  std::int64_t in_size() const { return in[0] * in[1] * lanes; }
  std::int64_t out_size() const { return out[0] * out[1] * lanes; }
};

Problem problem(const Pool2dAttrs& a, const Shape& x, const Shape& y, std::int64_t block) {
  return {a, x[0] * x[1] / block, block, {x[2], x[3]}, {y[2], y[3]}};
}

/// The part of a window that lies inside the input.
struct Window {
  std::int64_t top, bottom, left, right;
};

Window window(const Problem& p, std::int64_t i, std::int64_t j) {
  const std::int64_t y = i * p.attrs.stride[0] - p.attrs.pad[0], x = j * p.attrs.stride[1] - p.attrs.pad[1];
  return {std::max<std::int64_t>(y, 0), std::min(y + p.attrs.kernel[0], p.in[0]), std::max<std::int64_t>(x, 0),
          std::min(x + p.attrs.kernel[1], p.in[1])};
}

struct PlaneArgs {
  const Problem* p;
  const float* x;
  float* y;
};

template <int lanes>
struct Maximum {
  G2FACE_INLINE void operator()(const PlaneArgs& a) const {
    const Problem& p = *a.p;
    float* y = a.y;
    for (std::int64_t i = 0; i < p.out[0]; ++i) {
      for (std::int64_t j = 0; j < p.out[1]; ++j, y += lanes) {
        const Window w = window(p, i, j);
        float best[lanes];
        const float* first = a.x + (w.top * p.in[1] + w.left) * lanes;
        for (int l = 0; l < lanes; ++l) best[l] = first[l];
        for (std::int64_t u = w.top; u < w.bottom; ++u) {
          for (std::int64_t v = w.left; v < w.right; ++v) {
            const float* x = a.x + (u * p.in[1] + v) * lanes;
            for (int l = 0; l < lanes; ++l) best[l] = x[l] > best[l] ? x[l] : best[l];
          }
        }
        for (int l = 0; l < lanes; ++l) y[l] = best[l];
      }
    }
  }
};

/// Calls f(output element, input element) with the first maximum of each window of a plane.
template <class F>
void for_each_maximum(const Problem& p, const float* x, const F& f) {
  for (std::int64_t i = 0; i < p.out[0]; ++i) {
    for (std::int64_t j = 0; j < p.out[1]; ++j) {
      const Window w = window(p, i, j);
      for (std::int64_t l = 0; l < p.lanes; ++l) {
        std::int64_t best = (w.top * p.in[1] + w.left) * p.lanes + l;
        for (std::int64_t u = w.top; u < w.bottom; ++u) {
          for (std::int64_t v = w.left; v < w.right; ++v) {
            const std::int64_t here = (u * p.in[1] + v) * p.lanes + l;
            if (x[here] > x[best]) best = here;
          }
        }
        f((i * p.out[1] + j) * p.lanes + l, best);
      }
    }
  }
}

int threads_for(const Problem& p, int threads) { return p.planes * p.in_size() < (1 << 14) ? 1 : threads; }

}  // namespace

MaybeStep max_pool2d_cpu(const Pool2dAttrs& a, const Signature& s) {
  const auto block = cpu::common_block({s.in, s.out});
  if (!cpu::all_f32(s) || !block) return std::nullopt;
  const Problem p = problem(a, s.in[0].type.shape, s.out[0].type.shape, *block);
  const auto loop = *block == 16  ? cpu::pick<Maximum<16>>()
                    : *block == 8 ? cpu::pick<Maximum<8>>()
                                  : cpu::pick<Maximum<1>>();
  Step step;
  step.kernel = str("max_pool2d ", cpu::name_of(cpu::best_isa()));
  step.run = [p, loop, threads = threads_for(p, s.threads)](const Buffers& b, Stream&) {
    cpu::parallel_for(threads, p.planes, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        loop({&p, b.get<float>(0) + i * p.in_size(), b.out_as<float>() + i * p.out_size()});
      }
    });
  };
  return step;
}

MaybeStep max_pool2d_grad_cpu(const Pool2dAttrs& a, const Signature& s) {
  const auto block = cpu::common_block({s.in, s.out});
  if (!cpu::all_f32(s) || !block) return std::nullopt;
  const Problem p = problem(a, s.in[0].type.shape, s.in[1].type.shape, *block);
  Step step;
  step.kernel = "max_pool2d_grad loops";
  step.run = [p, threads = threads_for(p, s.threads)](const Buffers& b, Stream&) {
    cpu::parallel_for(threads, p.planes, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const float* dy = b.get<float>(1) + i * p.out_size();
        float* dx = b.out_as<float>() + i * p.in_size();
        std::fill_n(dx, p.in_size(), 0.f);
        for_each_maximum(p, b.get<float>(0) + i * p.in_size(),
                         [&](std::int64_t at_y, std::int64_t at_x) { dx[at_x] += dy[at_y]; });
      }
    });
  };
  return step;
}

MaybeStep max_pool2d_pick_cpu(const Pool2dAttrs& a, const Signature& s) {
  const auto block = cpu::common_block({s.in, s.out});
  if (!cpu::all_f32(s) || !block) return std::nullopt;
  const Problem p = problem(a, s.in[0].type.shape, s.out[0].type.shape, *block);
  Step step;
  step.kernel = "max_pool2d_pick loops";
  step.run = [p, threads = threads_for(p, s.threads)](const Buffers& b, Stream&) {
    cpu::parallel_for(threads, p.planes, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const float* g = b.get<float>(1) + i * p.in_size();
        float* y = b.out_as<float>() + i * p.out_size();
        for_each_maximum(p, b.get<float>(0) + i * p.in_size(),
                         [&](std::int64_t at_y, std::int64_t at_x) { y[at_y] = g[at_x]; });
      }
    });
  };
  return step;
}

LayoutChoices max_pool2d_cpu_layouts(const Pool2dAttrs&, std::span<const Type> in, std::span<const Type> out) {
  return cpu::native_then_plain(in, out);
}

}  // namespace g2face
