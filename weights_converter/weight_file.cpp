#include "weights_converter/weight_file.hpp"

#include <algorithm>
#include <array>

#include "io/atomic_file.hpp"
#include "weights_converter/bytes.hpp"
#include "weights_converter/formats.hpp"

namespace g2face::weights {
namespace {

struct TypeRow {
  std::string_view name;
  std::size_t size;
};
constexpr std::array<TypeRow, 13> types{{{"float64", 8},
                                         {"float32", 4},
                                         {"float16", 2},
                                         {"bfloat16", 2},
                                         {"int64", 8},
                                         {"int32", 4},
                                         {"int16", 2},
                                         {"int8", 1},
                                         {"uint64", 8},
                                         {"uint32", 4},
                                         {"uint16", 2},
                                         {"uint8", 1},
                                         {"bool", 1}}};

/// Whether `bytes` begin as an ONNX model does, with the field of its version.
bool may_be_onnx(Bytes bytes) { return bytes.size() > 2 && bytes[0] == 0x08 && bytes[1] > 0 && bytes[1] < 0x80; }

}  // namespace

std::size_t size_of(ElementType type) { return types[static_cast<std::size_t>(type)].size; }
std::string_view name_of(ElementType type) { return types[static_cast<std::size_t>(type)].name; }

std::size_t StoredTensor::elements() const {
  // A dimension of 0 may stand beside others whose product alone could not be counted.
  if (std::ranges::find(shape, 0) != shape.end()) return 0;
  std::size_t n = 1;
  for (const std::int64_t size : shape) n *= static_cast<std::size_t>(size);
  return n;
}

bool StoredTensor::is_contiguous() const {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

std::unique_ptr<WeightFile> open_weight_file(const std::string& path) {
  io::MappedFile file;
  try {
    file = io::map_file(path);
  } catch (const io::FileError& e) {
    throw WeightFileError(e.what());
  }
  const std::string_view text = text_of(file.bytes);
  if (text.starts_with("PK")) return open_torch_zip(std::move(file), path);
  if (text.starts_with("MATLAB")) return open_matlab(path);
  if (text.starts_with('{')) return open_safetensors_shards(std::move(file), path);
  if (text.size() > 8 && text[8] == '{') return open_safetensors(std::move(file), path);
  // What pickles begin with.
  if (std::string_view("\x80Lc(]}").find(text[0]) != std::string_view::npos)
    return open_torch_legacy(std::move(file), path);
  if (may_be_onnx(file.bytes)) return open_onnx(std::move(file), path);
  throw WeightFileError(str(path,
                            ": is none of the files that are read: give weights as PyTorch, safetensors, ONNX or "
                            "MATLAB v5 files hold them"));
}

}  // namespace g2face::weights
