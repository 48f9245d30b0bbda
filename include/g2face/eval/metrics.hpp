#pragma once
// How alike two images, identities or bit strings are: what `verify` prints. Images are [N,3,H,W] in -1..1; measures
// are taken over the whole batch, on values as they are (clamp first if they came from no file).

#include <span>

#include "g2face/tensor.hpp"

namespace g2face {

/// Mean absolute difference on the 0..1 scale (half of that on -1..1).
double mean_absolute_error(const Tensor& a, const Tensor& b);
/// Peak signal-to-noise ratio in dB for a peak of 2 (-1..1); infinite for equal images.
double psnr(const Tensor& a, const Tensor& b);
/// Structural similarity (Wang et al. 2004): Gaussian window 11x11 of sigma 1.5, K1 = 0.01, K2 = 0.03, mean over
/// channels and the windows that lie inside. H and W at least 11.
double ssim(const Tensor& a, const Tensor& b);
/// Cosine of two vectors of one length; 0 if one of them is zero.
double cosine(std::span<const float> a, std::span<const float> b);
/// Mean over the batch of [N,D].
double cosine(const Tensor& a, const Tensor& b);
/// Share of elements whose bits differ; an element counts as 1 if it is positive.
double bit_error_rate(const Tensor& a, const Tensor& b);
/// How far the weakest bit is from being misread: the smallest of the logits, each counted towards its true bit.
/// Negative if any bit is read wrong. Both [N,...]; a bit counts as 1 if it is positive.
double payload_margin(const Tensor& logits, const Tensor& bits);

}  // namespace g2face
