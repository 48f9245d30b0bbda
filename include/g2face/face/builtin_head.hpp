#pragma once
// A head that is written here, so that synthetic faces need nobody's scans: a closed-form surface on a fixed mesh, in
// the common format of face models (models/face_model.hpp). docs/synthetic_faces.md shows it and says what it is not.

#include "g2face/parameters.hpp"

namespace g2face {

/// The head as a face model: about 7,000 vertices, 48 identity modes for coefficients N(0,1) (how much a measure of the
/// head changes by one standard deviation: half of the difference between the heads at +1 and -1), 22 blendshapes for
/// coefficients 0..1 named as ARKit does where it has the shape, no texture modes. Parts: 0 face, 1 head and neck (ears
/// too), 2 and 3 eyeballs (3 is the one at x > 0), 4 inside of the mouth, 5 teeth. It has 68 landmarks, uv and skin.
/// The names of modes are in __metadata__: "identity_names", and the facts' expression_names.
/// Computed in double with +, -, *, / and sqrt, then rounded to f32: the same bits on every machine whose compiler does
/// not fuse products and sums. Takes about half a second.
Parameters builtin_head();

}  // namespace g2face
