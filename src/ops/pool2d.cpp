#include "g2face/ops/pool2d.hpp"

#include <algorithm>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

std::int64_t pooled_extent(const Pool2dAttrs& a, std::size_t axis, std::int64_t input) {
  const std::int64_t span = input + 2 * a.pad[axis] - a.kernel[axis];
  std::int64_t out = span / a.stride[axis] + 1;
  // Rounded up, a last window that begins behind the input is dropped.
  if (a.ceil_mode && span % a.stride[axis] != 0 && out * a.stride[axis] < input + a.pad[axis]) ++out;
  return out;
}

Shape pooled_shape(const Pool2dAttrs& a, const Type& x) {
  check<ShapeError>(x.shape.rank() == 4 && is_float(x.dtype), "x ", x.str(),
                    " must have rank 4 and a floating dtype (R1)");
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t extent = x.shape[static_cast<int>(i) + 2];
    check<ShapeError>(a.kernel[i] > 0 && a.stride[i] > 0 && a.pad[i] >= 0 && 2 * a.pad[i] <= a.kernel[i],
                      "kernel and stride must be positive and 0 <= 2 pad <= kernel, but they are ", a.str(), " (R2)");
    check<ShapeError>(extent > 0 && extent + 2 * a.pad[i] >= a.kernel[i], "x ", x.shape, " has no window for ", a.str(),
                      " (R2)");
  }
  return {x.shape[0], x.shape[1], pooled_extent(a, 0, x.shape[2]), pooled_extent(a, 1, x.shape[3])};
}

Types infer_max(const Pool2dAttrs& a, std::span<const Type> in) { return {{in[0].dtype, pooled_shape(a, in[0])}}; }

Types infer_grad(const Pool2dAttrs& a, std::span<const Type> in) {
  const Type pooled{in[0].dtype, pooled_shape(a, in[0])};
  check<ShapeError>(in[1] == pooled, "dy ", in[1].str(), " must be ", pooled.str(), ", which x ", in[0].shape,
                    " pools to (R3)");
  return {in[0]};
}

Types infer_pick(const Pool2dAttrs& a, std::span<const Type> in) {
  const Shape pooled = pooled_shape(a, in[0]);
  check<ShapeError>(in[1] == in[0], "g ", in[1].str(), " must be as x ", in[0].str(), " (R4)");
  return {{in[0].dtype, pooled}};
}

void grad_max(GradRule& r, const Pool2dAttrs& a) { r.dx(0, max_pool2d_grad(r.in(0), r.dy(), a)); }
void grad_grad(GradRule& r, const Pool2dAttrs& a) {
  if (r.needs(1)) r.dx(1, max_pool2d_pick(r.in(0), r.dy(), a));
}
void grad_pick(GradRule& r, const Pool2dAttrs& a) {
  if (r.needs(1)) r.dx(1, max_pool2d_grad(r.in(0), r.dy(), a));
}

// Calls f(index in y, index in x) with the first maximum of each window.
template <class F>
void for_each_maximum(const Pool2dAttrs& a, const double* x, const Shape& in, const Shape& out, F f) {
  const std::int64_t planes = in[0] * in[1], in_h = in[2], in_w = in[3], out_h = out[2], out_w = out[3];
  std::int64_t at = 0;
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    for (std::int64_t i = 0; i < out_h; ++i) {
      const std::int64_t top = i * a.stride[0] - a.pad[0];
      for (std::int64_t j = 0; j < out_w; ++j) {
        const std::int64_t left = j * a.stride[1] - a.pad[1];
        std::int64_t best = -1;
        for (std::int64_t u = std::max<std::int64_t>(top, 0); u < std::min(top + a.kernel[0], in_h); ++u) {
          for (std::int64_t v = std::max<std::int64_t>(left, 0); v < std::min(left + a.kernel[1], in_w); ++v) {
            const std::int64_t here = (plane * in_h + u) * in_w + v;
            if (best < 0 || x[here] > x[best]) best = here;
          }
        }
        f(at++, best);
      }
    }
  }
}

void reference_max(const Pool2dAttrs& a, const ReferenceArgs& args) {
  for_each_maximum(a, args.in_data[0], args.in_shape(0), args.out_shape(),
                   [&](auto yi, auto xi) { args.out_data[0][yi] = args.in_data[0][xi]; });
}

void reference_grad(const Pool2dAttrs& a, const ReferenceArgs& args) {
  std::fill_n(args.out_data[0], args.out_shape().numel(), 0.0);
  for_each_maximum(a, args.in_data[0], args.in_shape(0), args.in_shape(1),
                   [&](auto yi, auto xi) { args.out_data[0][xi] += args.in_data[1][yi]; });
}

void reference_pick(const Pool2dAttrs& a, const ReferenceArgs& args) {
  for_each_maximum(a, args.in_data[0], args.in_shape(0), args.out_shape(),
                   [&](auto yi, auto xi) { args.out_data[0][yi] = args.in_data[1][xi]; });
}

}  // namespace

std::string Pool2dAttrs::str() const {
  return g2face::str("kernel ", kernel[0], "x", kernel[1], ", stride ", stride[0], "x", stride[1], ", pad ", pad[0],
                     "x", pad[1], ceil_mode ? ", ceil" : "");
}

Value max_pool2d(Value x, const Pool2dAttrs& attrs) { return x.graph->add(max_pool2d_op, {x}, attrs); }
Value max_pool2d_grad(Value x, Value dy, const Pool2dAttrs& attrs) {
  return x.graph->add(max_pool2d_grad_op, {x, dy}, attrs);
}
Value max_pool2d_pick(Value x, Value g, const Pool2dAttrs& attrs) {
  return x.graph->add(max_pool2d_pick_op, {x, g}, attrs);
}

const OpDef max_pool2d_op = define_op<Pool2dAttrs, infer_max, grad_max, reference_max>("max_pool2d")
                                .with_cpu<Pool2dAttrs, max_pool2d_cpu>()
                                .with_cpu_layouts<Pool2dAttrs, max_pool2d_cpu_layouts>()
                                .with_cuda<Pool2dAttrs, max_pool2d_cuda>()
                                .with_cuda_layouts<Pool2dAttrs, max_pool2d_cuda_layouts>();
const OpDef max_pool2d_grad_op = define_op<Pool2dAttrs, infer_grad, grad_grad, reference_grad>("max_pool2d_grad")
                                     .with_cpu<Pool2dAttrs, max_pool2d_grad_cpu>()
                                     .with_cpu_layouts<Pool2dAttrs, max_pool2d_cpu_layouts>()
                                     .with_cuda<Pool2dAttrs, max_pool2d_grad_cuda>();
const OpDef max_pool2d_pick_op = define_op<Pool2dAttrs, infer_pick, grad_pick, reference_pick>("max_pool2d_pick")
                                     .with_cpu<Pool2dAttrs, max_pool2d_pick_cpu>()
                                     .with_cpu_layouts<Pool2dAttrs, max_pool2d_cpu_layouts>()
                                     .with_cuda<Pool2dAttrs, max_pool2d_pick_cuda>();

}  // namespace g2face
