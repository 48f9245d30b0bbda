#pragma once
// One tensor of an ONNX model (TensorProto), whichever of the ways its values are written.
// Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

#include <optional>
#include <string>

#include "weights_converter/bytes.hpp"
#include "weights_converter/weight_file.hpp"

namespace g2face::weights {

/// A part of another file.
struct ExternalData {
  std::string location;  // relative to the model
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};

struct OnnxTensor {
  StoredTensor described;
  std::optional<Bytes> raw;              // the values as they are
  std::optional<ExternalData> external;  // likewise, elsewhere
  Bytes message;                         // otherwise they are to be decoded from here
};

/// Checks all that can be known without the external file. Throws WeightFileError, beginning with `file`.
OnnxTensor parse_onnx_tensor(Bytes message, const std::string& file);

/// Decodes the values that the message holds, which parse_onnx_tensor has counted.
void decode_onnx_values(const OnnxTensor& tensor, const std::string& file, std::span<std::byte> to);

}  // namespace g2face::weights
