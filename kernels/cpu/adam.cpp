// All tensors are one range of elements to the threads, so that many small ones share the work as well.

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/simd.hpp"

namespace g2face {
namespace {

constexpr std::int64_t grain = 1 << 14;  // elements that pay for waking the other threads

struct Constants {
  float beta1, rest1, beta2, rest2, eps, step_size, second_scale, factor;
};

/// Elements of one parameter. Results may lie where inputs do; m is null without a first moment.
struct Args {
  const float *p, *g, *v, *m;
  float *new_p, *new_v, *new_m;
  std::int64_t n;
};

/// What a step with a factor of 0 does.
void keep(const Args& a) {
  if (a.new_p != a.p) std::copy_n(a.p, a.n, a.new_p);
  if (a.new_v != a.v) std::copy_n(a.v, a.n, a.new_v);
  if (a.new_m != a.m) std::copy_n(a.m, a.n, a.new_m);
}

struct Loop {
  G2FACE_INLINE void operator()(const Constants& c, const Args& a) const {
    if (a.m == nullptr) {  // NOLINT(bugprone-branch-clone): the check does not look into the loops
#pragma omp simd
      for (std::int64_t i = 0; i < a.n; ++i) {
        const float g = a.g[i] * c.factor, v = c.beta2 * a.v[i] + c.rest2 * (g * g);
        a.new_p[i] = a.p[i] - c.step_size * (g / (std::sqrt(v) * c.second_scale + c.eps));
        a.new_v[i] = v;
      }
    } else {
#pragma omp simd
      for (std::int64_t i = 0; i < a.n; ++i) {
        const float g = a.g[i] * c.factor, v = c.beta2 * a.v[i] + c.rest2 * (g * g);
        const float m = c.beta1 * a.m[i] + c.rest1 * g;
        a.new_p[i] = a.p[i] - c.step_size * (m / (std::sqrt(v) * c.second_scale + c.eps));
        a.new_v[i] = v;
        a.new_m[i] = m;
      }
    }
  }
};

}  // namespace

MaybeStep adam_cpu(const AdamAttrs& a, const Signature& s) {
  const bool has_first = a.beta1 != 0;
  const int each = has_first ? 4 : 3, scalars = 2;
  std::vector<std::int64_t> begins = {0};  // of each parameter in the range of all
  for (std::size_t i = scalars; i < s.in.size(); i += static_cast<std::size_t>(each)) {
    begins.push_back(begins.back() + s.in[i].type.shape.numel());
  }
  Step step;
  step.kernel = str("adam ", cpu::name_of(cpu::best_isa()), ' ', begins.size() - 1, " tensors");
  step.run = [=, loop = cpu::pick<Loop>(), threads = s.threads, has_factor = s.in[1].type.shape.numel() == 2](
                 const Buffers& b, Stream&) {
    const std::int64_t t = *b.get<std::int64_t>(0);
    check<Error>(t >= 1, "adam: step ", t, " must be at least 1");
    const double rate = *b.get<float>(1), steps = static_cast<double>(t);
    const Constants c{static_cast<float>(a.beta1),
                      static_cast<float>(1 - a.beta1),
                      static_cast<float>(a.beta2),
                      static_cast<float>(1 - a.beta2),
                      static_cast<float>(a.eps),
                      static_cast<float>(rate / (1 - std::pow(a.beta1, steps))),
                      static_cast<float>(1 / std::sqrt(1 - std::pow(a.beta2, steps))),
                      has_factor ? b.get<float>(1)[1] : 1.f};
    cpu::parallel_for(threads, begins.back(), grain, [&](std::int64_t begin, std::int64_t end) {
      auto k = std::upper_bound(begins.begin(), begins.end(), begin) - begins.begin() - 1;
      for (; begin < end; ++k) {
        const std::int64_t first = begins[static_cast<std::size_t>(k)];
        const std::int64_t last = std::min(end, begins[static_cast<std::size_t>(k) + 1]), at = begin - first;
        const int in = scalars + static_cast<int>(k) * each, out = static_cast<int>(k) * (each - 1);
        const Args part = {b.get<float>(in) + at,
                           b.get<float>(in + 1) + at,
                           b.get<float>(in + 2) + at,
                           has_first ? b.get<float>(in + 3) + at : nullptr,
                           b.out_as<float>(out) + at,
                           b.out_as<float>(out + 1) + at,
                           has_first ? b.out_as<float>(out + 2) + at : nullptr,
                           last - begin};
        if (c.factor == 0) {
          keep(part);
        } else {
          loop(c, part);
        }
        begin = last;
      }
    });
  };
  for (int k = 0; k + 1 < static_cast<int>(begins.size()); ++k) {
    const int in = scalars + k * each, out = k * (each - 1);
    step.in_place.push_back({in, out});
    step.in_place.push_back({in + 2, out + 1});
    if (has_first) step.in_place.push_back({in + 3, out + 2});
  }
  return step;
}

}  // namespace g2face
