#pragma once

#include "g2face/models/config.hpp"
#include "g2face/nn/scope.hpp"

namespace g2face {

/// Who is it, by the network that config.identity_network names: arcface() or mobilefacenet(). Everything that judges
/// identity asks here, and calls the scope "arcface" whichever network it is.
///   image [N,3,H,W], -1..1 -> [N,identity_dim], not normalised
/// arcface() gets the whole image (which it resizes by nearest neighbour) unless config.identity_crop names a part:
/// then that, resampled to arcface_size.
Value identity_network(const Scope& s, Value image, const ModelConfig& config = {});

}  // namespace g2face
