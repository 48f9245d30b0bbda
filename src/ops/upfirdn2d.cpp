#include "g2face/ops/upfirdn2d.hpp"

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

Types infer(const Upfirdn2dAttrs& a, std::span<const Type> in) {
  const Shape &x = in[0].shape, &f = in[1].shape;
  check<ShapeError>(x.rank() == 4 && f.rank() == 2 && is_float(in[0].dtype) && in[0].dtype == in[1].dtype, "x ",
                    in[0].str(), " and f ", in[1].str(), " must have ranks 4 and 2 and the same floating dtype (R1)");
  check<ShapeError>(a.up_x > 0 && a.up_y > 0 && a.down_x > 0 && a.down_y > 0, "factors must be positive, but they are ",
                    a.str(), " (R2)");
  const std::int64_t height = x[2] * a.up_y + a.pad_y0 + a.pad_y1, width = x[3] * a.up_x + a.pad_x0 + a.pad_x1;
  check<ShapeError>(f[0] > 0 && f[1] > 0 && f[0] <= height && f[1] <= width, "f ", f, " does not fit x ", x,
                    ", which upsampled and padded is ", height, "x", width, " (R3)");
  return {{in[0].dtype, {x[0], x[1], (height - f[0]) / a.down_y + 1, (width - f[1]) / a.down_x + 1}}};
}

void grad(GradRule& r, const Upfirdn2dAttrs& a) {
  check<GraphError>(!r.needs(1), "upfirdn2d has no gradient for its filter f, and one was asked for");
  const Shape x = r.in(0).shape(), f = r.in(1).shape(), y = r.dy().shape();
  r.dx(0, upfirdn2d(r.dy(), r.in(1),
                    {.up_x = a.down_x,
                     .up_y = a.down_y,
                     .down_x = a.up_x,
                     .down_y = a.up_y,
                     .pad_x0 = f[1] - a.pad_x0 - 1,
                     .pad_x1 = x[3] * a.up_x - y[3] * a.down_x + a.pad_x0 - a.up_x + 1,
                     .pad_y0 = f[0] - a.pad_y0 - 1,
                     .pad_y1 = x[2] * a.up_y - y[2] * a.down_y + a.pad_y0 - a.up_y + 1,
                     .correlate = !a.correlate}));
}

void reference(const Upfirdn2dAttrs& a, const ReferenceArgs& args) {
  const Shape &in = args.in_shape(0), &taps = args.in_shape(1), &out = args.out_shape();
  const std::int64_t planes = in[0] * in[1], in_h = in[2], in_w = in[3], out_h = out[2], out_w = out[3];
  const std::int64_t taps_h = taps[0], taps_w = taps[1], last_tap = taps_h * taps_w - 1;
  const double* f = args.in_data[1];
  double* y = args.out_data[0];
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    const double* x = args.in_data[0] + plane * in_h * in_w;
    for (std::int64_t i = 0; i < out_h; ++i) {
      for (std::int64_t j = 0; j < out_w; ++j) {
        double sum = 0;
        for (std::int64_t u = 0; u < taps_h; ++u) {
          const std::int64_t row = i * a.down_y + u - a.pad_y0;  // among the rows with zeros between
          if (row < 0 || row >= in_h * a.up_y || row % a.up_y != 0) continue;
          for (std::int64_t v = 0; v < taps_w; ++v) {
            const std::int64_t column = j * a.down_x + v - a.pad_x0;
            if (column < 0 || column >= in_w * a.up_x || column % a.up_x != 0) continue;
            const std::int64_t tap = u * taps_w + v;
            sum += f[a.correlate ? tap : last_tap - tap] * x[row / a.up_y * in_w + column / a.up_x];
          }
        }
        *y++ = sum;
      }
    }
  }
}

}  // namespace

std::string Upfirdn2dAttrs::str() const {
  return g2face::str("up ", up_y, "x", up_x, ", down ", down_y, "x", down_x, ", pad y ", pad_y0, " ", pad_y1, " x ",
                     pad_x0, " ", pad_x1, correlate ? ", correlate" : "");
}

Value upfirdn2d(Value x, Value f, const Upfirdn2dAttrs& attrs) { return x.graph->add(upfirdn2d_op, {x, f}, attrs); }

const OpDef upfirdn2d_op = define_op<Upfirdn2dAttrs, infer, grad, reference>("upfirdn2d")
                               .with_cpu<Upfirdn2dAttrs, upfirdn2d_cpu>()
                               .with_cpu_layouts<Upfirdn2dAttrs, upfirdn2d_cpu_layouts>()
                               .with_cuda<Upfirdn2dAttrs, upfirdn2d_cuda>()
                               .with_cuda_layouts<Upfirdn2dAttrs, upfirdn2d_cuda_layouts>();

}  // namespace g2face
