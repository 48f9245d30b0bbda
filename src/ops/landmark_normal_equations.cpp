#include "g2face/ops/landmark_normal_equations.hpp"

#include <algorithm>
#include <array>

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/broadcast.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/matmul.hpp"
#include "g2face/ops/reduce.hpp"
#include "g2face/ops/reshape.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/unary.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

using A = LandmarkNormalEquationsAttrs;

constexpr std::int64_t pose_size = 6;

Types infer(const A& a, std::span<const Type> in) {
  constexpr std::array<const char*, 8> names = {"mean",        "basis",        "precision", "rotation",
                                                "translation", "coefficients", "landmarks", "weights"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    check<ShapeError>(is_float(in[i].dtype) && in[i].dtype == in[0].dtype, names[i], " ", in[i].str(),
                      " must have a floating dtype, the same as mean ", in[0].str(), " (R1)");
  }
  const Shape &basis = in[1].shape, &coefficients = in[5].shape;
  check<ShapeError>(
      basis.rank() == 3 && basis[1] == 3 && in[0].shape == Shape{basis[0], 3} && in[2].shape == Shape{basis[2]},
      "mean ", in[0].shape, ", basis ", basis, " and precision ", in[2].shape, " must be [L,3], [L,3,K] and [K] (R2)");
  const std::int64_t faces = coefficients.rank() > 0 ? coefficients[0] : 0, points = basis[0], modes = basis[2];
  const std::array<Shape, 5> wanted = {
      Shape{faces, 3, 3}, {faces, 3}, {faces, modes}, {faces, points, 2}, {faces, points}};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    check<ShapeError>(in[3 + i].shape == wanted[i], names[3 + i], " ", in[3 + i].shape, " must be ", wanted[i], " for ",
                      faces, " faces of ", points, " landmarks and ", modes, " modes (R3)");
  }
  for (const double v : {a.focal, a.distance, a.scale}) {
    check<ShapeError>(v > 0, "focal ", a.focal, ", distance ", a.distance, " and scale ", a.scale,
                      " must be positive (R4)");
  }
  const DType dtype = in[0].dtype;
  const std::int64_t size = pose_size + modes;
  return {{dtype, {faces, size, size}}, {dtype, {faces, size}}, {dtype, {faces, points, 2}}, {dtype, {faces}}};
}

struct Robust {
  Value rho, slope;  // of u^2
};

Robust robust(const A& a, Value u2) {
  const double k2 = a.scale * a.scale;
  switch (a.loss) {
    case LandmarkLoss::squares:
      return {u2, affine(u2, 0, 1)};
    case LandmarkLoss::huber: {
      const Value k2s = u2.graph->constant(Tensor::scalar(k2, u2.dtype())), beyond = maximum(u2, k2s);
      return {2 * a.scale * sqrt(beyond) + minimum(u2, k2s) - 2 * k2, a.scale * rsqrt(beyond)};
    }
    case LandmarkLoss::geman_mcclure:
      break;
  }
  const Value share = k2 * reciprocal(u2 + k2);
  return {u2 * share, square(share)};
}

/// 1 on and above the diagonal.
Value upper_triangle(Graph& g, DType dtype, std::int64_t n) {
  Tensor mask = Tensor::zeros({DType::f64, {n, n}});
  for (std::int64_t i = 0; i < n; ++i) {
    std::fill_n(mask.mutable_as<double>().begin() + i * n + i, n - i, 1.0);
  }
  return g.constant(mask.to(dtype));
}

/// The precisions of all parameters on a diagonal: those of the pose are 0.
Value prior_matrix(Graph& g, Value precision) {
  const std::int64_t modes = precision.shape()[0], size = pose_size + modes;
  const Value none = g.constant(Tensor::zeros({precision.dtype(), {pose_size}}));
  Tensor eye = Tensor::zeros({DType::f64, {size, size}});
  for (std::int64_t i = 0; i < size; ++i) eye.mutable_as<double>()[static_cast<std::size_t>(i * (size + 1))] = 1;
  return g.constant(eye.to(precision.dtype())) * reshape(concat({none, precision}, 0), {size, 1});
}

std::vector<Value> formula(Graph& g, std::span<const Value> in, const A& a) {
  const Value mean = in[0], basis = in[1], precision = in[2], rotation = in[3], translation = in[4], c = in[5];
  const std::int64_t points = basis.shape()[0], modes = basis.shape()[2], faces = c.shape()[0];
  const std::int64_t size = pose_size + modes;
  const auto part = [](Value v, std::int64_t i) { return slice_axis(v, 2, i, 1); };

  const Value offsets = matmul(c, reshape(basis, {points * 3, modes}), {.transpose_b = true});
  const Value shape = reshape(offsets, {faces, points, 3}) + mean;
  const Value turned = matmul(shape, rotation, {.transpose_b = true});
  const Value p = turned + reshape(translation, {faces, 1, 3});
  const Value nearest = g.constant(Tensor::scalar(a.distance / 100, mean.dtype()));
  const Value inverse = reciprocal(maximum(affine(part(p, 2), -1, a.distance), nearest));
  const Value scale = a.focal * inverse, zero = affine(scale, 0);
  const Value x = part(p, 0) * scale, y = part(p, 1) * scale;
  const Value residual_x = x + a.centre_x - part(in[6], 0), residual_y = y + a.centre_y - part(in[6], 1);

  const Value w = reshape(in[7], {faces, points, 1});
  const Robust r = robust(a, w * (square(residual_x) + square(residual_y)));
  const Value weight = w * r.slope;

  // A row of J for each coordinate, from its derivative `by` to the point p.
  const Value qx = part(turned, 0), qy = part(turned, 1), qz = part(turned, 2);
  const auto row = [&](const std::array<Value, 3>& by) {
    const Value to_point = concat(by, 2);
    const Value to_shape = reshape(matmul(to_point, rotation), {faces, points, 3, 1});
    const Value to_modes = sum(to_shape * basis, {.axes = {2}});
    const Value turn_x = qy * by[2] - qz * by[1], turn_y = qz * by[0] - qx * by[2], turn_z = qx * by[1] - qy * by[0];
    return concat({turn_x, turn_y, turn_z, to_point, to_modes}, 2);
  };
  const Value jx = row({scale, zero, x * inverse}), jy = row({zero, scale, y * inverse});

  const Value squares = matmul(jx, weight * jx, {.transpose_a = true}) + matmul(jy, weight * jy, {.transpose_a = true});
  const Value hessian = (squares + prior_matrix(g, precision)) * upper_triangle(g, mean.dtype(), size);
  const Value forces = sum(weight * (residual_x * jx + residual_y * jy), {.axes = {1}});
  const Value prior = concat({g.constant(Tensor::zeros({mean.dtype(), {faces, pose_size}})), precision * c}, 1);
  const Value cost = 0.5 * (sum(r.rho, {.axes = {1, 2}}) + sum(precision * square(c), {.axes = {1}}));
  return {hessian, -(forces + prior), concat({residual_x, residual_y}, 2), cost};
}

}  // namespace

std::string LandmarkNormalEquationsAttrs::str() const {
  constexpr std::array<const char*, 3> names = {"squares", "huber", "geman_mcclure"};
  return g2face::str("focal ", exact(focal), ", centre ", exact(centre_x), " ", exact(centre_y), ", distance ",
                     exact(distance), ", ", names.at(static_cast<std::size_t>(loss)), " ", exact(scale));
}

LandmarkNormalEquations landmark_normal_equations(const LandmarkModelValues& model, const LandmarkPoseValues& pose,
                                                  Value landmarks, Value weights, const A& attrs) {
  const Value h = landmarks.graph->add(landmark_normal_equations_op,
                                       {model.mean, model.basis, model.precision, pose.rotation, pose.translation,
                                        pose.coefficients, landmarks, weights},
                                       attrs);
  return {h, {h.graph, h.node, 1}, {h.graph, h.node, 2}, {h.graph, h.node, 3}};
}

const OpDef landmark_normal_equations_op = define_fused_op<A, infer, formula>("landmark_normal_equations")
                                               .with_cpu<A, landmark_normal_equations_cpu>()
                                               .with_cuda<A, landmark_normal_equations_cuda>();

}  // namespace g2face
