#include "kernels/affine_sample.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {
namespace {

constexpr std::int64_t grain = 16;  // rows

}  // namespace

MaybeStep affine_sample2d_cpu(const AffineSample2dAttrs& a, const Signature& s) {
  if (!cpu::all_f32(s)) return std::nullopt;
  const affine_sample::Problem p = affine_sample::problem(a, s.in[0].type.shape, s.out[0].type.shape);
  Step step;
  step.kernel = "affine_sample2d loops";
  step.run = [p, threads = s.threads](const Buffers& b, Stream&) {
    cpu::parallel_for(threads, p.samples * p.rows, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t n = r / p.rows;
        for (std::int64_t j = 0; j < p.columns; ++j) {
          affine_sample::sample_pixel(p, b.get<float>(1) + 6 * n, b.get<float>(0) + n * p.channels * p.image(),
                                      b.out_as<float>() + n * p.channels * p.result(), r % p.rows, j);
        }
      }
    });
  };
  return step;
}

MaybeStep affine_sample2d_grad_cpu(const AffineSample2dAttrs& a, const Signature& s) {
  if (!cpu::all_f32(s)) return std::nullopt;
  const affine_sample::Problem p = affine_sample::problem(a, s.out[0].type.shape, s.in[0].type.shape);
  Step step;
  step.kernel = "affine_sample2d_grad loops";
  step.run = [p, threads = s.threads](const Buffers& b, Stream&) {
    cpu::parallel_for(threads, p.samples * p.height, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t n = r / p.height;
        const float* const map = b.get<float>(1) + 6 * n;
        const affine_sample::Readers readers = affine_sample::Readers::of(map);
        for (std::int64_t c = 0; c < p.channels; c += affine_sample::lanes) {
          for (std::int64_t j = 0; j < p.width; ++j) {
            affine_sample::gather_pixel(p, map, readers, b.get<float>(0) + n * p.channels * p.result(),
                                        b.out_as<float>() + n * p.channels * p.image(), r % p.height, j, c);
          }
        }
      }
    });
  };
  return step;
}

}  // namespace g2face
