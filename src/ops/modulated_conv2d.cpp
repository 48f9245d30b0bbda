#include "g2face/ops/modulated_conv2d.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/conv2d.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/transpose.hpp"
#include "g2face/ops/unary.hpp"
#include "g2face/ops/upfirdn2d.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

// What the blur beside a resampling convolution pads along one axis. Halves round down for negative numbers too.
std::int64_t excess(Resample resample, std::int64_t filter, std::int64_t kernel) {
  return resample == Resample::up ? (filter - 2) - (kernel - 1) : (filter - 2) + (kernel - 1);
}
std::int64_t half(std::int64_t v) { return v >> 1; }

Types infer(const ModulatedConv2dAttrs& a, std::span<const Type> in) {
  const Shape &x = in[0].shape, &w = in[1].shape, &s = in[2].shape;
  check<ShapeError>(x.rank() == 4 && w.rank() == 4 && s.rank() == 2, "x ", x, ", w ", w, " and s ", s,
                    " must have ranks 4, 4 and 2 (R1)");
  check<ShapeError>(w[1] == x[1], "w ", w, " takes ", w[1], " channels, but x ", x, " has ", x[1], " (R2)");
  check<ShapeError>(w[2] == w[3] && w[2] % 2 == 1, "w ", w, " must have an odd square kernel (R2)");
  check<ShapeError>(s == Shape{x[0], x[1]}, "s ", s, " must be [", x[0], ",", x[1], "], a style for each channel of x ",
                    x, " (R3)");
  for (const Type& t : in) {
    check<ShapeError>(is_float(t.dtype) && t.dtype == in[0].dtype, "an input ", t.str(), " and x ", in[0].str(),
                      " must have the same floating dtype (R4)");
  }
  const bool resampled = a.resample != Resample::none;
  check<ShapeError>(in.size() == (resampled ? 4u : 3u) && (!resampled || in[3].shape.rank() == 2),
                    "a filter f [kh,kw] belongs to resampling up or down and to nothing else (R5)");
  check<ShapeError>(a.resample != Resample::down || (x[2] >= 2 && x[3] >= 2), "x ", x, " is too small to halve (R6)");
  switch (a.resample) {
    case Resample::up:
      return {{in[0].dtype, {x[0], w[0], 2 * x[2], 2 * x[3]}}};
    case Resample::down:
      return {{in[0].dtype, {x[0], w[0], x[2] / 2, x[3] / 2}}};
    case Resample::none:
      break;
  }
  return {{in[0].dtype, {x[0], w[0], x[2], x[3]}}};
}

// The filtered and resampled convolution with one weight for all samples.
Value resampled_conv(Value x, Value w, std::span<const Value> in, Resample resample) {
  const std::int64_t k = w.shape()[2];
  if (resample == Resample::none) return conv2d(x, w, {.pad = {k / 2, k / 2}});
  const Value f = in[3];
  const std::int64_t py = excess(resample, f.shape()[0], k), px = excess(resample, f.shape()[1], k);
  if (resample == Resample::up) {
    const Value y = conv_transpose2d(x, transpose(w, {1, 0, 2, 3}), {.stride = {2, 2}});
    return upfirdn2d(
        y, affine(f, 4),
        {.pad_x0 = half(px + 1) + 1, .pad_x1 = half(px) + 1, .pad_y0 = half(py + 1) + 1, .pad_y1 = half(py) + 1});
  }
  const Value blurred =
      upfirdn2d(x, f, {.pad_x0 = half(px + 1), .pad_x1 = half(px), .pad_y0 = half(py + 1), .pad_y1 = half(py)});
  return conv2d(blurred, w, {.stride = {2, 2}});
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const ModulatedConv2dAttrs& a) {
  const Value x = in[0], w = affine(in[1], a.weight_scale), s = in[2];
  const std::int64_t n = x.shape()[0], c = x.shape()[1], o = w.shape()[0];
  const Value y = resampled_conv(x * reshape(s, {n, c, 1, 1}), w, in, a.resample);
  if (!a.demodulate) return {y};
  const Value q = sum(square(w), {.axes = {2, 3}});  // of parameters alone, so that it folds at load
  const Value d = rsqrt(matmul(square(s), q, {.transpose_b = true}) + a.eps);
  return {y * reshape(d, {n, o, 1, 1})};
}

}  // namespace

std::string ModulatedConv2dAttrs::str() const {
  constexpr std::string_view resamples[] = {"none", "up", "down"};
  return g2face::str("resample ", resamples[static_cast<std::size_t>(resample)], demodulate ? ", demodulated" : "",
                     ", weight_scale ", exact(weight_scale), ", eps ", exact(eps));
}

Value modulated_conv2d(Value x, Value w, Value s, const ModulatedConv2dAttrs& attrs) {
  return x.graph->add(modulated_conv2d_op, {x, w, s}, attrs);
}

Value modulated_conv2d(Value x, Value w, Value s, Value f, const ModulatedConv2dAttrs& attrs) {
  return x.graph->add(modulated_conv2d_op, {x, w, s, f}, attrs);
}

const OpDef modulated_conv2d_op = define_fused_op<ModulatedConv2dAttrs, infer, formula>("modulated_conv2d");

}  // namespace g2face
