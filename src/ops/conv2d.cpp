#include "g2face/ops/conv2d.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

std::int64_t output_extent(const Conv2dAttrs& a, std::size_t axis, std::int64_t input) {
  return (input + 2 * a.pad[axis] - a.kernel[axis]) / a.stride[axis] + 1;
}

void check_types(const Type& a, const char* a_name, const Type& b, const char* b_name) {
  check<ShapeError>(a.shape.rank() == 4 && b.shape.rank() == 4 && is_float(a.dtype) && a.dtype == b.dtype, a_name, " ",
                    a.str(), " and ", b_name, " ", b.str(), " must have rank 4 and the same floating dtype (R1)");
}

void check_groups(const Conv2dAttrs& a, std::int64_t in, std::int64_t out) {
  check<ShapeError>(a.groups > 0 && in % a.groups == 0 && out % a.groups == 0, "groups ", a.groups, " does not divide ",
                    in, " input and ", out, " output channels (R3)");
}

void check_window(const Conv2dAttrs& a) {
  for (std::size_t i = 0; i < 2; ++i) {
    check<ShapeError>(a.stride[i] > 0 && a.pad[i] >= 0 && a.kernel[i] > 0, "strides and kernel must be positive and ",
                      "pads not negative, but they are ", a.str(), " (R4)");
    check<ShapeError>(a.kernel[i] <= a.input[i] + 2 * a.pad[i], "kernel ", a.kernel[0], "x", a.kernel[1],
                      " does not fit input ", a.input[0], "x", a.input[1], " with pad ", a.pad[0], "x", a.pad[1],
                      " (R4)");
  }
}

void check_cotangent(const Conv2dAttrs& a, const Shape& dy) {
  const std::int64_t h = output_extent(a, 0, a.input[0]), w = output_extent(a, 1, a.input[1]);
  check<ShapeError>(dy[2] == h && dy[3] == w, "dy ", dy, " must be ", h, "x", w, ", the size of conv2d for ", a.str(),
                    " (R5)");
}

Types infer_conv2d(const Conv2dAttrs& a, std::span<const Type> in) {
  check_types(in[0], "x", in[1], "w");
  const Shape &x = in[0].shape, &w = in[1].shape;
  check_groups(a, x[1], w[0]);
  check<ShapeError>(w[1] * a.groups == x[1], "w ", w, " takes ", w[1] * a.groups, " channels, but x ", x, " has ", x[1],
                    " (R2)");
  check_window(a);
  return {{in[0].dtype, {x[0], w[0], output_extent(a, 0, x[2]), output_extent(a, 1, x[3])}}};
}

Types infer_input_grad(const Conv2dAttrs& a, std::span<const Type> in) {
  check_types(in[0], "dy", in[1], "w");
  const Shape &dy = in[0].shape, &w = in[1].shape;
  check<ShapeError>(dy[1] == w[0], "w ", w, " gives ", w[0], " channels, but dy ", dy, " has ", dy[1], " (R2)");
  check_groups(a, w[1] * a.groups, w[0]);
  check_window(a);
  check_cotangent(a, dy);
  return {{in[0].dtype, {dy[0], w[1] * a.groups, a.input[0], a.input[1]}}};
}

Types infer_weight_grad(const Conv2dAttrs& a, std::span<const Type> in) {
  check_types(in[0], "x", in[1], "dy");
  const Shape &x = in[0].shape, &dy = in[1].shape;
  check<ShapeError>(x[0] == dy[0], "x ", x, " and dy ", dy, " must have the same batch (R2)");
  check_groups(a, x[1], dy[1]);
  check_window(a);
  check_cotangent(a, dy);
  return {{in[0].dtype, {dy[1], x[1] / a.groups, a.kernel[0], a.kernel[1]}}};
}

void grad_conv2d(GradRule& r, const Conv2dAttrs& a) {
  if (r.needs(0)) r.dx(0, conv2d_input_grad(r.dy(), r.in(1), a));
  if (r.needs(1)) r.dx(1, conv2d_weight_grad(r.in(0), r.dy(), a));
}

void grad_input_grad(GradRule& r, const Conv2dAttrs& a) {
  if (r.needs(0)) r.dx(0, conv2d(r.dy(), r.in(1), a));
  if (r.needs(1)) r.dx(1, conv2d_weight_grad(r.dy(), r.in(0), a));
}

void grad_weight_grad(GradRule& r, const Conv2dAttrs& a) {
  if (r.needs(0)) r.dx(0, conv2d_input_grad(r.in(1), r.dy(), a));
  if (r.needs(1)) r.dx(1, conv2d(r.in(0), r.dy(), a));
}

// The outputs i of a window's tap u that read inside an input of `extent`.
struct Span {
  std::int64_t begin, end;
};
Span inside(std::int64_t tap, std::int64_t pad, std::int64_t stride, std::int64_t extent, std::int64_t outputs) {
  const auto first_at_least = [&](std::int64_t row) { return row > 0 ? (row + stride - 1) / stride : 0; };
  return {first_at_least(pad - tap), std::min(outputs, first_at_least(extent + pad - tap))};
}

// The three ops are the same trilinear sum, read for different unknowns: calls f(x index, w index, y index) for each
// product in it. x, w, y are the shapes of convolution, of which padding is no part.
template <class F>
void for_each_product(const Conv2dAttrs& a, const Shape& x, const Shape& w, const Shape& y, F f) {
  const std::int64_t samples = y[0], outs = y[1], channels = w[1], kernel_h = w[2], kernel_w = w[3];
  const std::int64_t in_channels = x[1], in_h = x[2], in_w = x[3], out_h = y[2], out_w = y[3];
  for (std::int64_t n = 0; n < samples; ++n) {
    for (std::int64_t o = 0; o < outs; ++o) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t channel = o / (outs / a.groups) * channels + c;
        for (std::int64_t u = 0; u < kernel_h; ++u) {
          const Span rows = inside(u, a.pad[0], a.stride[0], in_h, out_h);
          for (std::int64_t v = 0; v < kernel_w; ++v) {
            const Span columns = inside(v, a.pad[1], a.stride[1], in_w, out_w);
            const std::int64_t wi = ((o * channels + c) * kernel_h + u) * kernel_w + v;
            for (std::int64_t i = rows.begin; i < rows.end; ++i) {
              const std::int64_t xi = ((n * in_channels + channel) * in_h + i * a.stride[0] + u - a.pad[0]) * in_w;
              const std::int64_t yi = ((n * outs + o) * out_h + i) * out_w;
              for (std::int64_t j = columns.begin; j < columns.end; ++j) {
                f(xi + j * a.stride[1] + v - a.pad[1], wi, yi + j);
              }
            }
          }
        }
      }
    }
  }
}

void reference_conv2d(const Conv2dAttrs& a, const ReferenceArgs& args) {
  const double *x = args.in_data[0], *w = args.in_data[1];
  double* y = args.out_data[0];
  std::fill_n(y, args.out_shape().numel(), 0.0);
  for_each_product(a, args.in_shape(0), args.in_shape(1), args.out_shape(),
                   [&](auto xi, auto wi, auto yi) { y[yi] += w[wi] * x[xi]; });
}

void reference_input_grad(const Conv2dAttrs& a, const ReferenceArgs& args) {
  const double *dy = args.in_data[0], *w = args.in_data[1];
  double* dx = args.out_data[0];
  std::fill_n(dx, args.out_shape().numel(), 0.0);
  for_each_product(a, args.out_shape(), args.in_shape(1), args.in_shape(0),
                   [&](auto xi, auto wi, auto yi) { dx[xi] += w[wi] * dy[yi]; });
}

void reference_weight_grad(const Conv2dAttrs& a, const ReferenceArgs& args) {
  const double *x = args.in_data[0], *dy = args.in_data[1];
  double* dw = args.out_data[0];
  std::fill_n(dw, args.out_shape().numel(), 0.0);
  for_each_product(a, args.in_shape(0), args.out_shape(), args.in_shape(1),
                   [&](auto xi, auto wi, auto yi) { dw[wi] += x[xi] * dy[yi]; });
}

// The extents of a convolution's image or kernel, for the settings; what is wrong with other ranks, infer says.
void fill_in(std::array<std::int64_t, 2>& extents, Value v) {
  if (v.shape().rank() == 4) extents = {v.shape()[2], v.shape()[3]};
}

}  // namespace

std::string Conv2dAttrs::str() const {
  return g2face::str("stride ", stride[0], "x", stride[1], ", pad ", pad[0], "x", pad[1], ", groups ", groups,
                     ", kernel ", kernel[0], "x", kernel[1], ", input ", input[0], "x", input[1]);
}

Value conv2d(Value x, Value w, const Conv2dAttrs& attrs) {
  Conv2dAttrs a = attrs;
  fill_in(a.input, x);
  fill_in(a.kernel, w);
  return x.graph->add(conv2d_op, {x, w}, a);
}

Value conv2d_input_grad(Value dy, Value w, const Conv2dAttrs& attrs) {
  Conv2dAttrs a = attrs;
  fill_in(a.kernel, w);
  return dy.graph->add(conv2d_input_grad_op, {dy, w}, a);
}

Value conv2d_weight_grad(Value x, Value dy, const Conv2dAttrs& attrs) {
  Conv2dAttrs a = attrs;
  fill_in(a.input, x);
  return x.graph->add(conv2d_weight_grad_op, {x, dy}, a);
}

Value conv_transpose2d(Value x, Value w, const Conv2dAttrs& attrs) {
  Conv2dAttrs a = attrs;
  if (x.shape().rank() == 4 && w.shape().rank() == 4) {
    for (std::size_t i = 0; i < 2; ++i) {
      const int axis = static_cast<int>(i) + 2;
      a.input[i] = (x.shape()[axis] - 1) * a.stride[i] + w.shape()[axis] - 2 * a.pad[i];
    }
  }
  return conv2d_input_grad(x, w, a);
}

const OpDef conv2d_op = define_op<Conv2dAttrs, infer_conv2d, grad_conv2d, reference_conv2d>("conv2d")
                            .with_cpu<Conv2dAttrs, conv2d_cpu>()
                            .with_cpu_layouts<Conv2dAttrs, conv2d_cpu_layouts>()
                            .with_cuda<Conv2dAttrs, conv2d_cuda>()
                            .with_cuda_others<Conv2dAttrs, conv2d_cuda_others>()
                            .with_cuda_layouts<Conv2dAttrs, conv2d_cuda_layouts>();
const OpDef conv2d_input_grad_op =
    define_op<Conv2dAttrs, infer_input_grad, grad_input_grad, reference_input_grad>("conv2d_input_grad")
        .with_cpu<Conv2dAttrs, conv2d_input_grad_cpu>()
        .with_cpu_layouts<Conv2dAttrs, conv2d_cpu_layouts>()
        .with_cuda<Conv2dAttrs, conv2d_input_grad_cuda>()
        .with_cuda_others<Conv2dAttrs, conv2d_input_grad_cuda_others>()
        .with_cuda_layouts<Conv2dAttrs, conv2d_input_grad_cuda_layouts>();
const OpDef conv2d_weight_grad_op =
    define_op<Conv2dAttrs, infer_weight_grad, grad_weight_grad, reference_weight_grad>("conv2d_weight_grad")
        .with_cpu<Conv2dAttrs, conv2d_weight_grad_cpu>()
        .with_cpu_layouts<Conv2dAttrs, conv2d_weight_grad_cpu_layouts>()
        .with_cuda<Conv2dAttrs, conv2d_weight_grad_cuda>()
        .with_cuda_others<Conv2dAttrs, conv2d_weight_grad_cuda_others>()
        .with_cuda_layouts<Conv2dAttrs, conv2d_weight_grad_cuda_layouts>();

}  // namespace g2face
