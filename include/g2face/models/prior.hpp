#pragma once
// StyleGAN2 by itself (Karras et al. 2020): faces of nobody, from noise. G2Face begins with what it has learned.

#include "g2face/models/generator.hpp"

namespace g2face {

/// Noise to the space of styles.   z [N,style_dim], standard normal -> w [N,style_dim]
/// z is brought to unit mean square, then `depth` fused linear layers, equalised with the multiplier mlp_lr_mul.
/// Parameters: style.1 ... style.depth, each weight [D,D] and bias [D], as the reference counts them. G2Face has
/// style_mlp() in this place.
Value mapping(const Scope& s, Value z, int depth, const ModelConfig& config = {});

/// The mean of w: the buffer w_avg [style_dim] of the mapping.
Value mean_style(const Scope& s, const ModelConfig& config = {});
/// Has a run move it:   w_avg' = decay w_avg + (1 - decay) mean(w)      w [N,style_dim]
void track_mean_style(const Scope& s, Value w, double decay, const ModelConfig& config = {});
/// Nearer to the mean is more usual, and better looking:   w_avg + psi (w - w_avg)      w [N,style_dim] -> as w
Value truncated_style(const Scope& s, Value w, double psi, const ModelConfig& config = {});

/// A picture from styles: generator() without photo, masks and hidden bits. Its parameters have the names and types of
/// those of the generator for which is_prior() (train/stages.hpp) holds.
///   styles [N,style_count,style_dim] or [N,style_dim] (the same for all) -> image [N,3,R,R], about -1..1, not clipped
/// Throws ShapeError.
Value synthesis(const Scope& s, Value styles, const GeneratorNoise& noise = {}, const ModelConfig& config = {});

}  // namespace g2face
