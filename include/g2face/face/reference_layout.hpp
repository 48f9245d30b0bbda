#pragma once
// Other face models with as many modes as the reference's, so that its network of 257 coefficients can speak of them.

#include "g2face/parameters.hpp"

namespace g2face {

/// `file` as a face model (models/face_model.hpp, with 68 landmarks) with 80 modes of identity, 64 of expression, 80 of
/// texture.
///   modes beyond these are left out; those that are missing are zeros, and do nothing
///   a model without texture gets one: a painted mean (skin, lips, brows, eyes, by parts and landmarks), and modes that
///   make the skin lighter, redder, yellower, as a whole and in smooth waves; for coefficients N(0,1)
/// A model that has these sizes comes out as it is. Throws CheckpointError for one that is none, or has not 68
/// landmarks.
Parameters reference_layout(const Parameters& file);

}  // namespace g2face
