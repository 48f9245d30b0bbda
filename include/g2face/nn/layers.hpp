#pragma once
// Layers: functions over a Scope that declare their parameters under the names that PyTorch's modules give them, with
// the same initial values. Each marks its result (Scope::result).

#include <optional>

#include "g2face/nn/scope.hpp"

namespace g2face {

/// y = x weight^T + bias        x [N,in] -> y [N,out]
/// Parameters: weight [out,in] and bias [out], uniform within 1/sqrt(in). Throws ShapeError if x has not rank 2.
Value linear(const Scope& s, Value x, std::int64_t out);

struct EqualLinearOptions {
  double lr_mul = 1;
  double bias_init = 0;
  bool activation = false;
  bool double_bias = false;
};
/// A linear layer with an equalised learning rate: the weight is kept at unit variance and scaled where it is used.
///   y = x (weight lr_mul / sqrt(in))^T + bias lr_mul        x [N,in] -> y [N,out]
/// With activation a fused leaky ReLU follows (slope 0.2, gain sqrt 2). The reference has two versions of that: one
/// adds the bias once, the other, that of the style network, twice (`double_bias`; without activation it has no
/// effect). Parameters: weight [out,in], normal with standard deviation 1/lr_mul; bias [out] = bias_init.
Value equal_linear(const Scope& s, Value x, std::int64_t out, const EqualLinearOptions& options = {});

struct ConvOptions {
  std::int64_t out = 0;
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t pad = 0;
  std::int64_t groups = 1;
  bool bias = true;
  std::optional<Init> weight_init = {}, bias_init = {};  // in place of those below
};
///   x [N,C,H,W] -> y [N,out,(H+2pad-kernel)/stride+1,(W+2pad-kernel)/stride+1]
/// Parameters: weight [out,C/groups,kernel,kernel] and bias [out], uniform within 1/sqrt(C/groups kernel^2).
Value conv(const Scope& s, Value x, const ConvOptions& options);
/// The same with an equalised learning rate: the weight is used times 1/sqrt(C/groups kernel^2).
/// Parameters: weight, standard normal; bias [out] = 0.
Value equal_conv(const Scope& s, Value x, const ConvOptions& options);
/// instance_norm(conv(s / "conv", x)), the unit of the pyramid and of the fusion masks. The norm takes away what a
/// bias adds, so conv.bias is declared, as checkpoints have it, but not computed with: its gradient is exactly zero.
/// Marks nothing, since an activation may follow.
Value conv_instance_norm(const Scope& s, Value x, const ConvOptions& options);

/// bias_act with slope 0.2 and gain sqrt 2.  Parameter: bias [C] = 0.
Value fused_leaky_relu(const Scope& s, Value x);
/// x where it is positive, else weight * x.  x [N,C,...].  Parameter: weight [C] = 0.25.
Value prelu(const Scope& s, Value x);

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;
};
/// Normalises each channel of x [N,C,...]: by the stored statistics, or in training mode by those of the batch, which
/// then also move the stored ones: new = (1 - momentum) old + momentum batch, with the unbiased variance n/(n-1).
/// Several calls in one graph move them one after another.
/// Parameters: weight [C] = 1, bias [C] = 0; buffers running_mean [C] = 0, running_var [C] = 1 and
/// num_batches_tracked, an i64 of shape [], which training counts up.
/// Throws ShapeError if x has rank < 2, or in training mode only one value for each channel.
Value batch_norm_layer(const Scope& s, Value x, const BatchNormOptions& options = {});

/// The blur filter of StyleGAN2: the outer product of [1,3,3,1] with itself, of sum `gain`.  Buffer: kernel [4,4].
Value blur_filter(const Scope& s, double gain = 1);

}  // namespace g2face
