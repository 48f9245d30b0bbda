#include "g2face/nn/layers.hpp"

#include <array>
#include <cmath>

#include "g2face/ops.hpp"
#include "ops/channels.hpp"

namespace g2face {
namespace {

void check_features(const Scope& s, Value x, std::string_view layer) {
  check<ShapeError>(x.shape().rank() == 2, layer, " '", s.path(), "': x ", x.shape(), " is not [N,features]");
}

Value convolve(const Scope& s, Value x, const ConvOptions& o, bool equalised, bool add_bias = true) {
  check<ShapeError>(x.shape().rank() == 4, equalised ? "equal_conv '" : "conv '", s.path(), "': x ", x.shape(),
                    " is not [N,C,H,W]");
  check<ShapeError>(o.groups > 0 && x.shape()[1] % o.groups == 0, "conv '", s.path(), "': groups ", o.groups,
                    " does not divide the ", x.shape()[1], " channels of x");
  const std::int64_t in = x.shape()[1] / o.groups;
  const double bound = 1 / std::sqrt(static_cast<double>(in * o.kernel * o.kernel));
  Value w = s.param("weight", {o.out, in, o.kernel, o.kernel},
                    o.weight_init.value_or(equalised ? init::normal() : init::uniform(bound)));
  if (equalised) w = affine(w, bound);
  Value y = conv2d(x, w, {.stride = {o.stride, o.stride}, .pad = {o.pad, o.pad}, .groups = o.groups});
  if (o.bias) {
    const Value b = s.param("bias", {o.out}, o.bias_init.value_or(equalised ? init::zeros() : init::uniform(bound)));
    if (add_bias) y = y + per_channel(b, y.shape());
  }
  return s.result(y);
}

// The value that a parameter has by now: a layer that is called twice in one graph moves its statistics twice.
Value current(const Scope& s, Value param) {
  for (const Update& u : s.updates()) {
    if (u.name == s.graph().node(param).name) return u.value;
  }
  return param;
}

Value variance_of(const Moments& m, double eps) { return affine(reciprocal(square(m.rstd)), 1, -eps); }

/// The moments of the whole batch, of which every rank has an equal part.
Moments over_ranks(const Moments& own, double eps) {
  if (!own.mean.graph->ranks()) return own;
  const Value means = all_gather(own.mean), average = mean(means, {.axes = {0}});
  const Value between = mean(square(means - average), {.axes = {0}});
  const Value variance = mean(all_gather(variance_of(own, eps)), {.axes = {0}}) + between;
  return {average, rsqrt(affine(variance, 1, eps))};
}

}  // namespace

Value linear(const Scope& s, Value x, std::int64_t out) {
  check_features(s, x, "linear");
  const std::int64_t in = x.shape()[1];
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  const Value w = s.param("weight", {out, in}, init::uniform(bound));
  const Value b = s.param("bias", {out}, init::uniform(bound));
  return s.result(matmul(x, w, {.transpose_b = true}) + b);
}

Value equal_linear(const Scope& s, Value x, std::int64_t out, const EqualLinearOptions& options) {
  check_features(s, x, "equal_linear");
  const std::int64_t in = x.shape()[1];
  const Value w = s.param("weight", {out, in}, init::normal(1 / options.lr_mul));
  const Value b = s.param("bias", {out}, init::constant(options.bias_init));
  const Value y = matmul(x, affine(w, options.lr_mul / std::sqrt(static_cast<double>(in))), {.transpose_b = true});
  if (!options.activation) return s.result(y + affine(b, options.lr_mul));
  return s.result(bias_act(y, affine(b, options.double_bias ? 2 * options.lr_mul : options.lr_mul)));
}

Value conv(const Scope& s, Value x, const ConvOptions& options) { return convolve(s, x, options, false); }

Value equal_conv(const Scope& s, Value x, const ConvOptions& options) { return convolve(s, x, options, true); }

Value conv_instance_norm(const Scope& s, Value x, const ConvOptions& options) {
  return instance_norm(convolve(s / "conv", x, options, false, false));
}

Value fused_leaky_relu(const Scope& s, Value x) {
  check<ShapeError>(x.shape().rank() >= 2, "fused_leaky_relu '", s.path(), "': x ", x.shape(), " is not [N,C,...]");
  return s.result(bias_act(x, s.param("bias", {x.shape()[1]}, init::zeros())));
}

Value prelu(const Scope& s, Value x) {
  check<ShapeError>(x.shape().rank() >= 2, "prelu '", s.path(), "': x ", x.shape(), " is not [N,C,...]");
  const Value w = per_channel(s.param("weight", {x.shape()[1]}, init::constant(0.25)), x.shape());
  const Value positive = relu(x);
  return s.result(positive + w * (x - positive));
}

Value batch_norm_layer(const Scope& s, Value x, const BatchNormOptions& options) {
  const Shape& shape = x.shape();
  check<ShapeError>(shape.rank() >= 2, "batch_norm_layer '", s.path(), "': x ", shape, " is not [N,C,...]");
  const std::int64_t channels = shape[1];
  const Value weight = s.param("weight", {channels}, init::ones());
  const Value bias = s.param("bias", {channels}, init::zeros());
  const Value mean = s.param("running_mean", {channels}, init::as_buffer(init::zeros()));
  const Value var = s.param("running_var", {channels}, init::as_buffer(init::ones()));
  const Value batches = s.param("num_batches_tracked", {}, init::buffer(Tensor::zeros({DType::i64, {}})));
  if (!s.training()) return s.result(batch_norm(x, mean, var, weight, bias, {.eps = options.eps}));

  const int ranks = ranks_of(s.graph().ranks());
  const double n = static_cast<double>(shape.numel() * ranks) / static_cast<double>(channels);
  check<ShapeError>(n > 1, "batch_norm_layer '", s.path(), "': x ", shape,
                    " has only one value for each channel, which has no variance to train with");
  MomentsAttrs over{.axes = {0}, .eps = options.eps};
  for (int axis = 2; axis < shape.rank(); ++axis) over.axes.push_back(axis);
  const Moments batch = over_ranks(moments(x, over), options.eps);
  const Value biased = variance_of(batch, options.eps);
  const auto blend = [&](Value old, Value now, double share) {
    return affine(current(s, old), 1 - options.momentum) + reshape(affine(now, share), {channels});
  };
  s.update(mean, blend(mean, batch.mean, options.momentum));
  s.update(var, blend(var, biased, options.momentum * n / (n - 1)));
  // Exact: there is no addition of integers.
  s.update(batches, cast(cast(current(s, batches), DType::f64) + 1.0, DType::i64));
  return s.result((x - batch.mean) * (batch.rstd * per_channel(weight, shape)) + per_channel(bias, shape));
}

Value blur_filter(const Scope& s, double gain) {
  constexpr std::array<double, 4> taps = {1, 3, 3, 1};
  std::array<float, 16> kernel{};
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    kernel[i] = static_cast<float>(taps[i / 4] * taps[i % 4] * gain / 64);
  }
  return s.param("kernel", {4, 4}, init::buffer(Tensor::from({4, 4}, kernel)));
}

}  // namespace g2face
