#pragma once
// How different do two images look: LPIPS v0.1 (Zhang et al. 2018) on the features of VGG16.

#include <span>
#include <vector>

#include "g2face/models/config.hpp"
#include "g2face/nn/scope.hpp"

namespace g2face {

/// The five feature maps of VGG16 after relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3.
///   image [N,3,H,W], scaled; H, W >= 16 -> [N,width,H,W], [N,2 width,H/2,W/2], ... [N,8 width,H/16,W/16]
/// Parameters: net.sliceK.I.weight and .bias, I being the index in torchvision's features.
std::vector<Value> vgg_features(const Scope& s, Value image, std::int64_t width);

/// A distance for each pair.   a, b [N,3,H,W], -1..1 -> [N,1,1,1], not negative
/// At each of five depths features are scaled to unit length at each pixel; the squared differences are weighted by
/// channel (linK.model.1.weight) and averaged over pixels; the result is the sum (stages "per_layer.0" to ".4", [N]).
/// The channel weights begin with the published ones, so only VGG16 has to be trained or loaded.
/// Unlike the reference, gradients are finite where all features of a pixel are zero.
Value lpips(const Scope& s, Value a, Value b, const ModelConfig& config = {});

/// The same in two steps, for an image that is compared more than once: the five maps of features of unit length, and
/// the distance between two images that have these.   image [N,3,H,W], -1..1
std::vector<Value> lpips_features(const Scope& s, Value image, const ModelConfig& config = {});
Value lpips_distance(const Scope& s, std::span<const Value> a, std::span<const Value> b);

}  // namespace g2face
