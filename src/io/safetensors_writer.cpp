#include "io/safetensors_writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/safetensors_header.hpp"

namespace g2face::io {
namespace {

std::size_t bytes_of(const NamedType& tensor) { return TensorDesc{tensor.type}.bytes(); }

std::string_view safetensors_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "F32";
    case DType::f64:
      return "F64";
    case DType::bf16:
      return "BF16";
    case DType::f16:
      return "F16";
    case DType::i64:
      return "I64";
    case DType::i32:
      return "I32";
    case DType::u8:
      break;
  }
  return "U8";
}

std::string json_string(const std::string& text, const std::string& file) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw CheckpointError(str(file, ": cannot write: ", io::in_quotes(text), " is not UTF-8: rename it"));
  }
}

std::string header_text(std::span<const NamedType* const> tensors,
                        const std::map<std::string, std::string, std::less<>>& metadata, const std::string& file) {
  std::string text = "{";
  const auto separate = [&text] {
    if (text.back() != '{') text += ',';
  };
  if (!metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& [name, value] : metadata) {
      separate();
      text += json_string(name, file) + ":" + json_string(value, file);
    }
    text += '}';
  }
  std::size_t offset = 0;
  for (const NamedType* tensor : tensors) {
    separate();
    const std::size_t end = offset + bytes_of(*tensor);
    text += str(json_string(tensor->name, file), ":{\"dtype\":\"", safetensors_name(tensor->type.dtype),
                "\",\"shape\":", tensor->type.shape, ",\"data_offsets\":[", offset, ",", end, "]}");
    offset = end;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data starts on a multiple of 8
  return text;
}

}  // namespace

void write_safetensors(const std::string& file, std::span<const NamedType> tensors,
                       const std::map<std::string, std::string, std::less<>>& metadata,
                       const std::function<std::span<const std::byte>(const NamedType&)>& contents) {
  std::vector<const NamedType*> order;
  order.reserve(tensors.size());
  std::uintmax_t bytes = 0;
  for (const NamedType& tensor : tensors) {
    check<CheckpointError>(tensor.name != "__metadata__", file,
                           ": cannot write: a tensor is called __metadata__: rename it");
    order.push_back(&tensor);
    bytes += bytes_of(tensor);
  }
  // Wide elements first, so that every tensor is aligned for its type although there are no gaps.
  std::stable_sort(order.begin(), order.end(), [](const NamedType* a, const NamedType* b) {
    return size_of(a->type.dtype) > size_of(b->type.dtype);
  });
  const std::string header = header_text(order, metadata, file);
  check<CheckpointError>(header.size() <= max_header_bytes, file, ": cannot write: the header needs ", header.size(),
                         " bytes, at most ", max_header_bytes, " are accepted: store fewer names or metadata");
  const std::uint64_t header_bytes = header.size();
  try {
    write_atomically(file, sizeof(header_bytes) + header.size() + bytes, [&](const WritePart& write) {
      write(std::as_bytes(std::span(&header_bytes, 1)));
      write(std::as_bytes(std::span(header)));
      for (const NamedType* tensor : order) {
        const std::span<const std::byte> data = contents(*tensor);
        check<CheckpointError>(data.size() == bytes_of(*tensor), file, ": cannot write: ", in_quotes(tensor->name),
                               " came with ", data.size(), " bytes instead of ", bytes_of(*tensor));
        write(data);
      }
    });
  } catch (const FileError& error) {
    throw CheckpointError(error.what());
  }
}

}  // namespace g2face::io
