#include "weights_converter/weight_file.hpp"

#include "io/atomic_file.hpp"
#include "io/basel_parts.hpp"
#include "weights_converter/bytes.hpp"
#include "weights_converter/formats.hpp"

namespace g2face::weights {
namespace {

/// Whether `bytes` begin as an ONNX model does, with the field of its version.
bool may_be_onnx(Bytes bytes) { return bytes.size() > 2 && bytes[0] == 0x08 && bytes[1] > 0 && bytes[1] < 0x80; }

/// Whether `bytes` begin as safetensors do: with the length of a header, in 64 bits, and the header. Indices of shards
/// aside, no other format has that brace.
bool may_be_safetensors(Bytes bytes) {
  return bytes.size() > 8 && bytes[8] == '{' && number_at<std::uint32_t>(bytes, 4) == 0;
}

/// Whether there are digits, signs, points and white space alone at the beginning.
bool may_be_numbers(std::string_view text) {
  return text.substr(0, 64).find_first_not_of("0123456789+-.eE \t\r\n") == std::string_view::npos;
}

}  // namespace

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
  if (text.starts_with('{')) return open_safetensors_shards(file, path);
  if (may_be_safetensors(file.bytes)) return open_safetensors(std::move(file), path);
  if (io::expression_basis(file.bytes)) return open_expression_basis(std::move(file), path);
  if (text.size() > 8 && text[8] == '{') return open_safetensors(std::move(file), path);  // says what is wrong
  if (may_be_numbers(text)) return open_numbers(file, path);
  // What pickles begin with.
  if (std::string_view("\x80Lc(]}").find(text[0]) != std::string_view::npos)
    return open_torch_legacy(std::move(file), path);
  if (may_be_onnx(file.bytes)) return open_onnx(std::move(file), path);
  throw WeightFileError(str(path,
                            ": is none of the files that are read: give weights as PyTorch, safetensors, ONNX or "
                            "MATLAB v5 files hold them"));
}

}  // namespace g2face::weights
