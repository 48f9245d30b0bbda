#pragma once

#include <cstddef>
#include <span>

namespace g2face {

/// The published weight of each channel of feature map `slice` (0..4) of VGG16: 64, 128, 256, 512, 512 of them.
std::span<const float> lpips_channel_weights(std::size_t slice);

}  // namespace g2face
