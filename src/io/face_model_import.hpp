#pragma once
// Face models of others, in the common format of models/face_model.hpp.

#include <span>
#include <string>

#include "g2face/parameters.hpp"

namespace g2face::io {

/// Reads a model in any of these formats, which it recognises by its contents:
///   BFM_model_front.mat of Deep3DFaceRecon (MATLAB v5): meanshape, idBase, exBase, meantex, texBase, tri, point_buf,
///     keypoints, frontmask2_idx, tri_mask2, skinmask; decimetres, colours 0..255, indices from 1
///   the files that Deep3DFaceRecon makes that one of, all together and in any order (basel_parts.hpp): the result has
///     the same tensors
///   the light model of ICT-FaceKit packed as safetensors: neutral [V,3], identity [Ki,V,3], expression [Ke,V,3],
///     triangles, landmarks68, and if they are there part, uv and triangles_uv; centimetres
/// The result is recentred, in decimetres, with indices from 0, and says in its metadata what it is. Throws
/// CheckpointError, "FILE: what", for anything else and for tables that do not fit together.
Parameters import_face_model(std::span<const std::string> paths);
inline Parameters import_face_model(const std::string& path) { return import_face_model(std::span(&path, 1)); }

}  // namespace g2face::io
