#pragma once
// Blocking of the gradients of convolution weights, shared by the steps that call them and by every instruction set.

#include <cstddef>
#include <cstdint>

namespace g2face::cpu::winograd {

enum class GradKind : std::uint8_t {
  conv1x1,          // no transform: matrix products over pixels
  conv3x3,          // stride 1: F(4x4,3x3)
  conv3x3_stride2,  // four phases of the image, F(4x4,2x2), whose taps beyond the third are left out
  conv4x4_stride2,
};

struct GradShape {
  GradKind kind;
  int n, ci, co, h, w, out_h, out_w;  // h, w of the image; ci and co are multiples of 16
  int pad, taps;                      // taps: of the kernel, in each direction
};

struct GradPlan {
  std::size_t slots, out;                   // slots of a transformed tile, outputs per tile edge
  std::size_t tiles_y, tiles_x, tiles;      // of all images
  bool phases_together;                     // sums of all phases at once
  std::size_t block;                        // tiles that are transformed before their products are added
  std::size_t x_stride, dy_stride;          // floats between slots of the transformed image and gradient
  std::size_t sum_stride;                   // floats between slots of the sums
  std::size_t x_floats, dy_floats, floats;  // workspace: transformed image, transformed gradient, sums
};

/// Depends on the shape alone, and so do the bits of the result.
GradPlan make_plan(const GradShape& shape);

struct GradArgs {
  const float *x, *dy;  // in blocks of 16 channels for avx512, of 8 for the others
  float* dw;            // [co][ci][taps][taps]
  float* workspace;
  GradShape shape;
  GradPlan plan;
  int threads;
};

namespace avx512 {
void run_weight_grad(const GradArgs& args);
}
namespace avx2 {
void run_weight_grad(const GradArgs& args);
}
namespace base {
void run_weight_grad(const GradArgs& args);
}

}  // namespace g2face::cpu::winograd
