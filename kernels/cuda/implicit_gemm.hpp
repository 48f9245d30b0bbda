#pragma once
// Convolutions as matrix products, without the matrix of patches in memory: rows are output pixels, columns are output
// channels, and the sum runs over taps and input channels. Here a room describes its convolution and gets a Step;
// implicit_gemm.cuh is the kernel.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"
#include "g2face/ops/conv2d.hpp"
#include "kernels/cuda/gemm_program.hpp"
#include "kernels/cuda/step.hpp"

namespace g2face::cuda {

/// Output pixels whose windows meet the same taps. A convolution has one phase; its gradient for x with stride 2 has
/// four, interleaved in y: pixel (i, j) of a phase is pixel (first_row + i * out_step_h, ...) of y.
struct GemmPhase {
  int kernel_h = 1, kernel_w = 1;        // taps
  int pad_h = 0, pad_w = 0;              // tap (u, v) of pixel (i, j) reads row i * stride_h - pad_h + u of x
  int height = 0, width = 0;             // pixels
  int first_row = 0, first_column = 0;   // of y
  int first_tap_h = 0, first_tap_w = 0;  // tap (u, v) is tap (first_tap_h + u * tap_step_h, ...) of w
  int steps = 0;                         // pieces of the sum that the kernel takes at once
  std::int64_t weights = 0;              // where its packed weights begin, in elements
};

struct GemmConv {
  static constexpr int max_sources = 4, max_phases = 4;

  int batch = 0, height = 0, width = 0;  // of every source
  int sources = 1;                       // values whose channels are joined
  int channels[max_sources] = {};
  int padded[max_sources] = {};  // channels in packed weights: filled up to whole steps unless gathered
  int stride_h = 1, stride_w = 1;
  int outs = 0, out_height = 0, out_width = 0;  // y
  int out_step_h = 1, out_step_w = 1;
  int tap_step_h = 1, tap_step_w = 1;
  int phases = 1;
  GemmPhase phase[max_phases];
  std::int64_t w_out = 0, w_channel = 0;  // strides of w between output and input channels; taps are row-major
  int w_width = 1;                        // taps in a row of w
  std::int64_t x_sample = 0, x_channel = 0, x_row = 0, x_column = 0;  // strides of x, if gathered
};

/// Nothing: too many phases or sources, or images too large for the kernel's indices.
std::optional<GemmConv> gemm_of_conv2d(const Conv2dAttrs& a, const Shape& x, const Shape& w, const Shape& y);
std::optional<GemmConv> gemm_of_input_grad(const Conv2dAttrs& a, const Shape& dy, const Shape& w, const Shape& dx);
std::optional<GemmConv> gemm_of_concat(std::span<const Shape> xs, const Shape& w);

/// A tile of the kernel, by its place in the table of its arithmetic, and the parts into which sums are split: they
/// become partial sums of f32 in the workspace, and a second pass adds them in order.
struct GemmChoice {
  int variant = 0, splits = 1;
};

/// The step of a signature whose last input is w and whose others are sources. Every operand is f32; images are nhwc,
/// in 32 or 16 bits, or have one pixel; a single source may also be nchw. Products are of bf16 or f16 where an image is
/// stored so, of tf32 if the precision is not strict or fast, else of f32. Nothing: an operand is something else.
/// `choice`: for tests; without one, the fastest by estimate.
std::optional<Step> implicit_gemm_step(const std::string& op, const GemmConv& conv, const Signature& s,
                                       std::optional<GemmChoice> choice = std::nullopt,
                                       const GemmEpilogue* epilogue = nullptr);
/// The same with the dozen choices of the lowest estimates, the best first.
std::vector<Step> implicit_gemm_steps(const std::string& op, const GemmConv& conv, const Signature& s,
                                      const GemmEpilogue* epilogue = nullptr);
/// How many variants `choice` may name for a signature.
int implicit_gemm_variants(const Signature& s);

}  // namespace g2face::cuda
