#include <algorithm>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/raster.hpp"

namespace g2face {
namespace {

struct Problem {
  std::int64_t samples, vertices, channels, height, width, faces;
  bool shared;  // attributes are the same for all samples
  std::int64_t pixels() const { return height * width; }
  std::int64_t attributes(std::int64_t n) const { return shared ? 0 : n * vertices * channels; }
};

Problem problem(const Signature& s, const Shape& attributes) {
  const Shape& ids = s.in[4].type.shape;
  return {ids[0], attributes[1], attributes[2], ids[1], ids[2], s.in[2].type.shape[0], attributes[0] == 1};
}

/// A pixel of a sample and the corners of what it shows.
struct Shown {
  std::int64_t n, at;
  std::int32_t v[3];
};

/// Rows [begin, end) of all samples: f(shown) where there is a triangle, else none(n, at).
template <class F, class None>
void for_each_pixel(const Problem& p, const Buffers& b, std::int64_t begin, std::int64_t end, const F& f,
                    const None& none) {
  const raster::Faces faces{b.get<std::int32_t>(2), p.faces, p.vertices};
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int32_t* const ids = b.get<std::int32_t>(4) + i * p.width;
    Shown shown{i / p.height, i % p.height * p.width, {}};
    for (std::int64_t column = 0; column < p.width; ++column, ++shown.at) {
      if (faces.corners(ids[column], shown.v)) {
        f(shown);
      } else {
        none(shown.n, shown.at);
      }
    }
  }
}

constexpr std::int64_t grain = 16;  // rows

}  // namespace

MaybeStep interpolate_cpu(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const Problem p = problem(s, s.in[0].type.shape);
  Step step;
  step.kernel = "interpolate loops";
  step.run = [p, threads = s.threads](const Buffers& b, Stream&) {
    const float *const attributes = b.get<float>(0), *const weights = b.get<float>(1);
    float* const y = b.out_as<float>();
    cpu::parallel_for(threads, p.samples * p.height, grain, [&](std::int64_t begin, std::int64_t end) {
      for_each_pixel(
          p, b, begin, end,
          [&](const Shown& shown) {
            const float* const w = weights + shown.n * 3 * p.pixels() + shown.at;
            const float* const own = attributes + p.attributes(shown.n);
            const float *const a0 = own + shown.v[0] * p.channels, *const a1 = own + shown.v[1] * p.channels,
                               *const a2 = own + shown.v[2] * p.channels;
            const float w0 = w[0], w1 = w[p.pixels()], w2 = w[2 * p.pixels()];
            float* to = y + shown.n * p.channels * p.pixels() + shown.at;
            for (std::int64_t c = 0; c < p.channels; ++c, to += p.pixels()) *to = w0 * a0[c] + w1 * a1[c] + w2 * a2[c];
          },
          [&](std::int64_t n, std::int64_t at) {
            float* to = y + n * p.channels * p.pixels() + at;
            for (std::int64_t c = 0; c < p.channels; ++c, to += p.pixels()) *to = 0;
          });
    });
  };
  return step;
}

// A thread has whole samples: the sums are those of the pixels in their order.
MaybeStep interpolate_attributes_grad_cpu(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const Problem p = problem(s, s.out[0].type.shape);
  Step step;
  step.kernel = "interpolate_attributes_grad loops";
  step.run = [p, threads = s.threads](const Buffers& b, Stream&) {
    const float *const dy = b.get<float>(0), *const weights = b.get<float>(1);
    const std::int64_t size = p.vertices * p.channels;
    float* const gradient = b.out_as<float>();
    cpu::parallel_for(threads, p.samples, 1, [&](std::int64_t begin, std::int64_t end) {
      std::fill(gradient + begin * size, gradient + end * size, 0.f);
      for_each_pixel(
          p, b, begin * p.height, end * p.height,
          [&](const Shown& shown) {
            for (int k = 0; k < 3; ++k) {
              const float w = weights[(shown.n * 3 + k) * p.pixels() + shown.at];
              const float* from = dy + shown.n * p.channels * p.pixels() + shown.at;
              float* const to = gradient + shown.n * size + shown.v[k] * p.channels;
              for (std::int64_t c = 0; c < p.channels; ++c, from += p.pixels()) to[c] += w * *from;
            }
          },
          [](std::int64_t, std::int64_t) {});
    });
  };
  return step;
}

MaybeStep interpolate_weights_grad_cpu(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const Problem p = problem(s, s.in[1].type.shape);
  Step step;
  step.kernel = "interpolate_weights_grad loops";
  step.run = [p, threads = s.threads](const Buffers& b, Stream&) {
    const float *const dy = b.get<float>(0), *const attributes = b.get<float>(1);
    float* const gradient = b.out_as<float>();
    cpu::parallel_for(threads, p.samples * p.height, grain, [&](std::int64_t begin, std::int64_t end) {
      for_each_pixel(
          p, b, begin, end,
          [&](const Shown& shown) {
            for (int k = 0; k < 3; ++k) {
              const float* const a = attributes + p.attributes(shown.n) + shown.v[k] * p.channels;
              const float* from = dy + shown.n * p.channels * p.pixels() + shown.at;
              float sum = 0;
              for (std::int64_t c = 0; c < p.channels; ++c, from += p.pixels()) sum += a[c] * *from;
              gradient[(shown.n * 3 + k) * p.pixels() + shown.at] = sum;
            }
          },
          [&](std::int64_t n, std::int64_t at) {
            for (int k = 0; k < 3; ++k) gradient[(n * 3 + k) * p.pixels() + at] = 0;
          });
    });
  };
  return step;
}

}  // namespace g2face
