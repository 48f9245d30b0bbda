#pragma once
// A 1x1 convolution whose input lies in several tensors, compiled per instruction set (see register_gemm.hpp). A copy
// of some pixels of all inputs stays in the L2 cache while the weights pass by.

#include <omp.h>

#include <cstddef>

#include "kernels/cpu/concat_conv2d_plan.hpp"
#include "kernels/cpu/register_gemm.hpp"

namespace g2face::cpu::concat_conv2d::G2FACE_ISA {
namespace {

using namespace cpu::G2FACE_ISA;

// Pixels [first, first + cut) of an image, as [piece][depth/16][pixel of the piece][16].
void gather_pixels(const Args& s, size_t image, size_t first, const Cut& cut, float* to) {
  const size_t pixels = s.plan.pixels;
  size_t lane = 0;
  for (size_t i = 0; i < s.inputs; ++i) {
    const float* x = static_cast<const float*>(s.x[i]) + image * s.lanes[i] * pixels * kLane + first * kBlock;
    for (size_t l = 0; l < s.lanes[i]; ++l, ++lane, x += pixels * kLane) {
      for (size_t piece = 0; piece < cut.pieces; ++piece) {
        const size_t begin = cut.begin(piece), length = cut.length(piece);
        float* dst = to + begin * s.plan.depth + lane * length * kLane;
        for (size_t p = 0; p < length; ++p) {
          Vec v;
          load_pixel(v, x + (begin + p) * kBlock, pixels * kBlock);
          store(dst + p * kLane, v);
        }
      }
    }
  }
}

}  // namespace

void run(const Args& s) {
  const Plan& p = s.plan;
#pragma omp parallel for num_threads(p.threads) schedule(dynamic)
  for (size_t index = 0; index < p.images * p.blocks; ++index) {
    const size_t image = index / p.blocks, first = index % p.blocks * p.block;
    const size_t count = min_of(p.block, p.pixels - first);
    const Cut cut(count);
    float* input = s.workspace + size_t(omp_get_thread_num()) * p.thread_floats;
    float* sums = input + p.input_floats;
    gather_pixels(s, image, first, cut, input);
    for (size_t c = 0; c < p.co; c += kPanel) {
      const size_t width = min_of(kPanel, p.co - c);
      for (size_t d = 0; d < p.depth; d += kDepth) {
        const size_t depth = min_of(kDepth, p.depth - d);
        const float* panel = s.packed + c * p.depth + d * width;
        for (size_t piece = 0; piece < cut.pieces; ++piece) {
          const size_t begin = cut.begin(piece), length = cut.length(piece);
          // The input is close by; what has to be fetched early is the next part of the panel.
          const float* next = panel + (depth + piece * depth / cut.pieces) * width;
          multiply(width, panel, input + begin * p.depth + d * length, next, depth, length, sums + begin * kLane,
                   count * kLane, d > 0);
        }
      }
      for (size_t r = 0; r < width / kLane; ++r) {
        float* y = s.y + (image * p.co + c + r * kLane) * p.pixels + first * kBlock;
        for (size_t i = 0; i < count; ++i) {
          Vec v;
          load(v, sums + (r * count + i) * kLane);
          store_pixel(y + i * kBlock, v, p.pixels * kBlock);
        }
      }
    }
  }
}

}  // namespace g2face::cpu::concat_conv2d::G2FACE_ISA
