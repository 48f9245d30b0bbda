#pragma once

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

enum class Resample : std::uint8_t { none, up, down };

struct ModulatedConv2dAttrs {
  Resample resample = Resample::none;
  bool demodulate = true;
  double weight_scale = 1;  // multiplies w before anything else: 1 / sqrt(C kh kw) in the reference
  double eps = 1e-8;
  bool operator==(const ModulatedConv2dAttrs&) const = default;
  std::string str() const;
};

/// Convolution whose weight is scaled for each sample by a style over its input channels and, if demodulated, brought
/// back to unit norm for each output channel.
///   y[n,o] = d[n,o] * conv(W, s[n,:] x[n]),  W = weight_scale w,  d[n,o] = rsqrt(sum_c s[n,c]^2 Q[o,c] + eps),
///   Q[o,c] = sum over taps of W[o,c]^2;  d = 1 without demodulation
///   x [N,C,H,W], w [O,C,k,k], s [N,C], f [kh,kw] -> none: y [N,O,H,W]; up: [N,O,2H,2W]; down: [N,O,H/2,W/2]
/// none: stride 1, pad k/2.  up: transposed convolution with stride 2 and no padding, then upfirdn2d by 4 f with pads
/// ((p+1)/2 + 1, p/2 + 1), p = (kf - 2) - (k - 1).  down: upfirdn2d by f with pads ((p+1)/2, p/2),
/// p = (kf - 2) + (k - 1), then stride 2 without padding. f is the normalised blur filter; it is not an input (and must
/// not be given) for `none`.
/// R1: x and w have rank 4, s rank 2.  R2: w takes C channels and has an odd square kernel.  R3: s is [N,C].
/// R4: the same floating dtype.  R5: f is given, of rank 2, exactly when resampling.  R6: down needs H, W >= 2.
/// Formula: the shared-weight form above (never a grouped convolution), which is what kernels compute.
/// Source: Karras et al. 2020 (StyleGAN2), section 2; reference ModulatedConv2d.
Value modulated_conv2d(Value x, Value w, Value s, const ModulatedConv2dAttrs& attrs);
Value modulated_conv2d(Value x, Value w, Value s, Value f, const ModulatedConv2dAttrs& attrs);

extern const OpDef modulated_conv2d_op;

}  // namespace g2face
