#include "g2face/ops/affine_sample2d.hpp"

#include <algorithm>
#include <cmath>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

// Both ops take the same: images, maps, and the size of the result.
Types infer(const AffineSample2dAttrs& attrs, std::span<const Type> in) {
  const Shape &x = in[0].shape, &map = in[1].shape;
  check<ShapeError>(x.rank() == 4 && is_float(in[0].dtype), "images ", in[0].str(),
                    " must have rank 4 and a floating dtype (R1)");
  check<ShapeError>(in[1].dtype == in[0].dtype && map == Shape{x[0], 2, 3}, "map ", in[1].str(), " must be ",
                    in[0].dtype, "[", x[0], ",2,3] (R2)");
  check<ShapeError>(attrs.height > 0 && attrs.width > 0, "the result of ", attrs.height, "x", attrs.width,
                    " pixels must have one or more (R3)");
  return {{in[0].dtype, {x[0], x[1], attrs.height, attrs.width}}};
}

AffineSample2dAttrs with_size_of(Value images, AffineSample2dAttrs attrs) {
  attrs.height = images.shape()[2];
  attrs.width = images.shape()[3];
  return attrs;
}

/// Where the samples lie, from their centre: [height * width, 3], (column, row, 1).
Value points(Graph& g, DType dtype, std::int64_t height, std::int64_t width) {
  Tensor t({DType::f64, {height * width, 3}});
  double* to = t.mutable_as<double>().data();
  for (std::int64_t i = 0; i < height; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      *to++ = static_cast<double>(j) - 0.5 * static_cast<double>(width - 1);
      *to++ = static_cast<double>(i) - 0.5 * static_cast<double>(height - 1);
      *to++ = 1;
    }
  }
  return g.constant(t.to(dtype));
}

/// The gradient of <dy, affine_sample2d(x, map)> for map: a sample moves with its column's and its row's position.
Value map_gradient(Value x, Value map, Value dy, const AffineSample2dAttrs& slopes) {
  const std::int64_t samples = x.shape()[0], height = dy.shape()[2], width = dy.shape()[3];
  const Value at = points(*x.graph, x.dtype(), height, width);
  const auto row = [&](bool AffineSample2dAttrs::*axis) {
    // Between pixels the samples are linear along an axis: their slope does not change.
    if (slopes.*axis) return x.graph->constant(Tensor::zeros({x.dtype(), {samples, 1, 3}}));
    AffineSample2dAttrs attrs = with_size_of(dy, slopes);
    attrs.*axis = true;
    const Value moved = sum(dy * affine_sample2d(x, map, attrs), {.axes = {1}});
    return reshape(matmul(reshape(moved, {samples, height * width}), at), {samples, 1, 3});
  };
  return concat({row(&AffineSample2dAttrs::slope_x), row(&AffineSample2dAttrs::slope_y)}, 1);
}

void grad(GradRule& r, const AffineSample2dAttrs& attrs) {
  if (r.needs(0)) r.dx(0, affine_sample2d_grad(r.dy(), r.in(1), with_size_of(r.in(0), attrs)));
  if (r.needs(1)) r.dx(1, map_gradient(r.in(0), r.in(1), r.dy(), attrs));
}

void grad_grad(GradRule& r, const AffineSample2dAttrs& attrs) {
  if (r.needs(0)) r.dx(0, affine_sample2d(r.dy(), r.in(1), with_size_of(r.in(0), attrs)));
  if (r.needs(1)) r.dx(1, map_gradient(r.dy(), r.in(1), r.in(0), attrs));
}

/// The two pixels along an axis that a position lies between, and their weights.
struct Between {
  std::int64_t pixel[2] = {};
  double weight[2] = {};
};
Between between(double position, bool slope) {
  const double left = std::floor(position), share = position - left;
  const auto pixel = static_cast<std::int64_t>(left);
  return {{pixel, pixel + 1}, {slope ? -1 : 1 - share, slope ? 1 : share}};
}

/// Calls f(place in the image that is sampled, place in the samples, weight) for plane 0 of each image.
template <class F>
void for_each_tap(const AffineSample2dAttrs& attrs, const Shape& images, const Shape& samples,
                  std::span<const double> maps, F f) {
  const std::int64_t height = images[2], width = images[3];
  const auto centre = [](std::int64_t extent) { return 0.5 * static_cast<double>(extent - 1); };
  for (std::int64_t n = 0; n < samples[0]; ++n) {
    const std::span<const double> m = maps.subspan(static_cast<std::size_t>(6 * n), 6);
    for (std::int64_t i = 0; i < samples[2]; ++i) {
      for (std::int64_t j = 0; j < samples[3]; ++j) {
        const double px = static_cast<double>(j) - centre(samples[3]), py = static_cast<double>(i) - centre(samples[2]);
        const double column = m[0] * px + m[1] * py + m[2] + centre(width);
        const double row = m[3] * px + m[4] * py + m[5] + centre(height);
        if (!(column > -1 && column < static_cast<double>(width) && row > -1 && row < static_cast<double>(height)))
          continue;
        const Between x = between(column, attrs.slope_x), y = between(row, attrs.slope_y);
        for (const std::size_t v : {0u, 1u}) {
          for (const std::size_t u : {0u, 1u}) {
            if (x.pixel[u] < 0 || x.pixel[u] >= width || y.pixel[v] < 0 || y.pixel[v] >= height) continue;
            f((n * images[1] * height + y.pixel[v]) * width + x.pixel[u],
              (n * samples[1] * samples[2] + i) * samples[3] + j, x.weight[u] * y.weight[v]);
          }
        }
      }
    }
  }
}

void reference(const AffineSample2dAttrs& attrs, const ReferenceArgs& args) {
  std::fill(args.out().begin(), args.out().end(), 0.0);
  const Shape &x = args.in_shape(0), &y = args.out_shape();
  for_each_tap(attrs, x, y, args.in(1), [&](std::int64_t from, std::int64_t to, double weight) {
    for (std::int64_t c = 0; c < x[1]; ++c)
      args.out_data[0][to + c * y[2] * y[3]] += weight * args.in_data[0][from + c * x[2] * x[3]];
  });
}

void reference_grad(const AffineSample2dAttrs& attrs, const ReferenceArgs& args) {
  std::fill(args.out().begin(), args.out().end(), 0.0);
  const Shape &x = args.out_shape(), &y = args.in_shape(0);
  for_each_tap(attrs, x, y, args.in(1), [&](std::int64_t to, std::int64_t from, double weight) {
    for (std::int64_t c = 0; c < x[1]; ++c)
      args.out_data[0][to + c * x[2] * x[3]] += weight * args.in_data[0][from + c * y[2] * y[3]];
  });
}

}  // namespace

std::string AffineSample2dAttrs::str() const {
  return g2face::str(height, "x", width, slope_x ? " slope x" : "", slope_y ? " slope y" : "");
}

Value affine_sample2d(Value x, Value map, const AffineSample2dAttrs& attrs) {
  return x.graph->add(affine_sample2d_op, {x, map}, attrs);
}
Value affine_sample2d_grad(Value dy, Value map, const AffineSample2dAttrs& attrs) {
  return dy.graph->add(affine_sample2d_grad_op, {dy, map}, attrs);
}

const OpDef affine_sample2d_op = define_op<AffineSample2dAttrs, infer, grad, reference>("affine_sample2d")
                                     .with_cpu<AffineSample2dAttrs, affine_sample2d_cpu>()
                                     .with_cuda<AffineSample2dAttrs, affine_sample2d_cuda>();
const OpDef affine_sample2d_grad_op =
    define_op<AffineSample2dAttrs, infer, grad_grad, reference_grad>("affine_sample2d_grad")
        .with_cpu<AffineSample2dAttrs, affine_sample2d_grad_cpu>()
        .with_cuda<AffineSample2dAttrs, affine_sample2d_grad_cuda>();

}  // namespace g2face
