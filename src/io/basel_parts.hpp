#pragma once
// The Basel Face Model 2009 as Basel and its users hand it out: in parts, of which Deep3DFaceRecon makes one file.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/tensor.hpp"

namespace g2face::io {

/// Exp_Pca.bin: the number K of modes as int32, then float32 numbers: 3V of a mean, and 3V for each mode. V follows
/// from the size of the file.
struct ExpressionBasis {
  std::int64_t modes = 0, vertices = 0;
  std::span<const std::uint8_t> mean, basis;  // parts of the file
};
/// Nothing if the bytes cannot be such a file.
std::optional<ExpressionBasis> expression_basis(std::span<const std::uint8_t> bytes);

/// Finite numbers as text, with white space between them (std_exp.txt). Nothing if there is anything else, or no
/// number.
std::optional<std::vector<double>> numbers_in_text(std::string_view text);

/// The variables of BFM_model_front.mat, computed of its sources as Deep3DFaceRecon computes them, in double:
///   01_MorphableModel.mat  shapePC, shapeEV, shapeMU, texPC, texEV, texMU   V points; modes, deviations, means
///   Exp_Pca.bin            modes of expressions for U of them
///   std_exp.txt            their deviations
///   BFM_exp_idx.mat        trimIndex   which of the V points the U are, from 1
///   BFM_front_idx.mat      idx         which of the U points belong to the front, from 1
///   facemodel_info.mat     tri, point_buf, keypoints, and if they are there frontmask2_idx, tri_mask2, skinmask
/// A basis is modes times deviations, lengths become decimetres (1e-5), and of the modes the first 80 of identity, 64
/// of expression and 80 of texture stay. Files are told apart by what is in them. Throws CheckpointError that lists the
/// files that are missing, or names the one that does not fit the others.
std::map<std::string, Tensor, std::less<>> front_of_basel_parts(std::span<const std::string> paths);

}  // namespace g2face::io
