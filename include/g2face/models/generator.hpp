#pragma once
// The anonymizing generator: a StyleGAN2 decoder that is led by styles (who and how) and fed with the features of the
// photo (where and in what light) and with bits to hide.

#include <string>
#include <utility>
#include <vector>

#include "g2face/models/config.hpp"
#include "g2face/nn/scope.hpp"

namespace g2face {

/// The noise that each styled convolution adds, times a learned strength. The reference draws it anew in every call,
/// also at test time; here the caller decides:
///   {}                       none is added
///   {.values = {...}}        one [N,1,h,w] for each styled convolution, in the order of generator_noise()
///   {.seed = seed}           seed i64 [1]: standard normal, from a stream of its own for each convolution
struct GeneratorNoise {
  std::vector<Value> values = {};
  Value seed = {};
};

/// Name ("conv1", "convs.0", ...) and size h = w (4, 8, 8, 16, 16, ..., R, R) of each styled convolution.
std::vector<std::pair<std::string, std::int64_t>> generator_noise(const ModelConfig& config = {});

/// Another person's face with the pose, expression, light and background of `image`, with `bits` hidden in it.
///   image [N,3,R,R], -1..1; styles [N,style_count,style_dim] or [N,style_dim] (the same for all); bits
///   [N,bit_rows,32], 0 or 1 -> image [N,3,R,R], about -1..1, not clipped
/// At 4x4 the learned constant is blended with the features; then a styled convolution and colours. At each further
/// level: a styled convolution that doubles the size, the blend, a second styled convolution, colours added to those
/// of the level below. Levels 8 to R/2 have two injections of bits: one is seen by the mask, one is added to the
/// blend. Styles: 0 and 1 at 4x4; then i (first convolution), i+1 (second), i+2 (colours) with i = 1, 3, 5, ...
/// The paper's DPIM and IFF modules; reference Generator (parameters: its state dict). Throws ShapeError.
Value generator(const Scope& s, Value image, Value styles, Value bits, const GeneratorNoise& noise = {},
                const ModelConfig& config = {});

}  // namespace g2face
