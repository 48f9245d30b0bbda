#pragma once
// One function for each format. `file` is the name in messages; `bytes` may also be memory that nothing is mapped to,
// which then outlives the result. All throw WeightFileError.

#include <filesystem>
#include <memory>
#include <string>

#include "io/input_file.hpp"
#include "weights_converter/weight_file.hpp"

namespace g2face::weights {

/// PyTorch 1.6 and later.
std::unique_ptr<WeightFile> open_torch_zip(io::MappedFile bytes, const std::string& file);
/// Before.
std::unique_ptr<WeightFile> open_torch_legacy(io::MappedFile bytes, const std::string& file);
std::unique_ptr<WeightFile> open_safetensors(io::MappedFile bytes, const std::string& file);
/// An index (model.safetensors.index.json) and the files beside it that it names.
std::unique_ptr<WeightFile> open_safetensors_shards(const io::MappedFile& bytes, const std::string& file);
/// The initializers of an ONNX model; their values may lie in other files in the folder of `file` or below it.
std::unique_ptr<WeightFile> open_onnx(io::MappedFile bytes, const std::string& file);
/// Exp_Pca.bin (io/basel_parts.hpp): expMU [V,3] and expPC [K,V,3].
std::unique_ptr<WeightFile> open_expression_basis(io::MappedFile bytes, const std::string& file);
/// std_exp.txt: numbers as text, expEV [K] in float64.
std::unique_ptr<WeightFile> open_numbers(const io::MappedFile& bytes, const std::string& file);
/// The numeric matrices of a MATLAB v5 file, as float64.
std::unique_ptr<WeightFile> open_matlab(const std::string& path);

}  // namespace g2face::weights
