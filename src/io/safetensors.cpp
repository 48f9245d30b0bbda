#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include "g2face/parameters.hpp"
#include "io/atomic_file.hpp"
#include "io/input_file.hpp"
#include "io/safetensors_header.hpp"

// Format: 8 bytes little-endian length of the header, the header (JSON), then the data of all tensors without gaps.
// Source: https://github.com/huggingface/safetensors

namespace g2face {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is used in place");

constexpr std::uint64_t max_header_bytes = 100'000'000;
constexpr std::size_t prefix_bytes = 8;

struct Extent {
  const io::HeaderEntry* entry = nullptr;
  Type type;
  std::size_t begin = 0;
  std::size_t end = 0;
};

Extent extent_of(const io::HeaderEntry& entry, const std::string& file) {
  Extent extent{&entry, {*entry.dtype, {}}};
  std::size_t bytes = 0;
  try {
    extent.type.shape = Shape(std::span<const std::int64_t>(*entry.shape));
    bytes = TensorDesc{extent.type}.bytes();
  } catch (const ShapeError& error) {
    throw CheckpointError(str(file, ": ", io::in_quotes(entry.name), ": ", error.what()));
  }
  const std::vector<std::int64_t>& offsets = *entry.data_offsets;
  check<CheckpointError>(offsets.size() == 2, file, ": ", io::in_quotes(entry.name), ": data_offsets has ",
                         offsets.size(), " numbers, expected 2");
  check<CheckpointError>(offsets[0] <= offsets[1], file, ": ", io::in_quotes(entry.name), ": data_offsets [",
                         offsets[0], ",", offsets[1], "] end before they begin");
  extent.begin = static_cast<std::size_t>(offsets[0]);
  extent.end = static_cast<std::size_t>(offsets[1]);
  check<CheckpointError>(extent.end - extent.begin == bytes, file, ": ", io::in_quotes(entry.name), ": ",
                         extent.type.str(), " needs ", bytes, " bytes, but data_offsets span ",
                         extent.end - extent.begin);
  return extent;
}

// In the order of their data, which must fill `size` bytes exactly.
std::vector<Extent> extents_of(const io::Header& header, std::size_t size, const std::string& file) {
  std::vector<Extent> extents;
  extents.reserve(header.entries.size());
  for (const io::HeaderEntry& entry : header.entries) extents.push_back(extent_of(entry, file));
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::size_t covered = 0;
  for (const Extent& extent : extents) {
    check<CheckpointError>(extent.begin == covered, file, ": ", io::in_quotes(extent.entry->name), ": data begins at ",
                           extent.begin, ", which ", extent.begin < covered ? "overlaps" : "leaves a gap after",
                           " the data that ends at ", covered);
    check<CheckpointError>(extent.end <= size, file, ": ", io::in_quotes(extent.entry->name), ": data ends at ",
                           extent.end, ", but the file has only ", size, " bytes of data; is it truncated?");
    covered = extent.end;
  }
  check<CheckpointError>(covered == size, file, ": ", size - covered, " bytes after the data of the last tensor");
  return extents;
}

// Tensors show `bytes` in place if `owner` keeps them alive, and are copied otherwise.
Parameters parse(std::span<const std::uint8_t> bytes, const std::string& file,
                 const std::shared_ptr<const void>& owner) {
  check<CheckpointError>(bytes.size() >= prefix_bytes, file, ": ", bytes.size(),
                         " bytes are too few for a safetensors file");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), prefix_bytes);
  check<CheckpointError>(header_bytes <= max_header_bytes, file, ": header of ", header_bytes, " bytes, at most ",
                         max_header_bytes, " are accepted; not a safetensors file?");
  check<CheckpointError>(header_bytes <= bytes.size() - prefix_bytes, file, ": header of ", header_bytes,
                         " bytes in a file of ", bytes.size(), " bytes; is it truncated?");
  const auto text = bytes.subspan(prefix_bytes, static_cast<std::size_t>(header_bytes));
  const auto data = bytes.subspan(prefix_bytes + text.size());
  io::Header header = io::parse_header({reinterpret_cast<const char*>(text.data()), text.size()}, file);

  Parameters parameters;
  // An empty span may be null, and a tensor without elements needs an address all the same.
  const std::uint8_t* base = data.empty() ? bytes.data() : data.data();
  for (const Extent& extent : extents_of(header, data.size(), file)) {
    const std::uint8_t* begin = base + extent.begin;
    const bool aligned = reinterpret_cast<std::uintptr_t>(begin) % size_of(extent.type.dtype) == 0;
    Tensor tensor;
    if (owner && aligned) {
      tensor = Tensor::view(extent.type, begin, owner);
    } else {
      tensor = Tensor(extent.type);
      std::memcpy(tensor.mutable_data(), begin, tensor.bytes());
    }
    parameters.set(extent.entry->name, std::move(tensor));
  }
  parameters.metadata() = std::move(header.metadata);
  return parameters;
}

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

std::string header_text(const std::vector<std::pair<const std::string*, const Tensor*>>& tensors,
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
  for (const auto& [name, tensor] : tensors) {
    separate();
    const std::size_t end = offset + tensor->bytes();
    text += str(json_string(*name, file), ":{\"dtype\":\"", safetensors_name(tensor->dtype()),
                "\",\"shape\":", tensor->shape(), ",\"data_offsets\":[", offset, ",", end, "]}");
    offset = end;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data starts on a multiple of 8
  return text;
}

}  // namespace

Parameters parse_safetensors(std::span<const std::uint8_t> bytes, const std::string& name) {
  return parse(bytes, name, nullptr);
}

Parameters Parameters::load(const std::string& path) {
  io::MappedFile file;
  try {
    file = io::map_file(path);
  } catch (const io::FileError& error) {
    throw CheckpointError(error.what());
  }
  Parameters parameters = parse(file.bytes, path, file.mapping);
  parameters.mapping_ = std::move(file.mapping);
  parameters.mapping_begin_ = file.bytes.data();
  parameters.mapping_bytes_ = file.bytes.size();
  return parameters;
}

void Parameters::save(const std::string& file) const {
  std::vector<std::pair<const std::string*, const Tensor*>> tensors;
  for (const auto& [name, tensor] : tensors_) {
    check<CheckpointError>(static_cast<bool>(tensor), file, ": cannot write: ", io::in_quotes(name),
                           " has no value: set it first");
    check<CheckpointError>(name != "__metadata__", file, ": cannot write: a tensor is called __metadata__: rename it");
    tensors.emplace_back(&name, &tensor);
  }
  // Wide elements first, so that every tensor is aligned for its type although there are no gaps.
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return size_of(a.second->dtype()) > size_of(b.second->dtype());
  });
  const std::string header = header_text(tensors, metadata_, file);
  check<CheckpointError>(header.size() <= max_header_bytes, file, ": cannot write: the header needs ", header.size(),
                         " bytes, at most ", max_header_bytes, " are accepted: store fewer names or metadata");
  const std::uint64_t header_bytes = header.size();

  std::vector<std::span<const std::byte>> parts{std::as_bytes(std::span(&header_bytes, 1)),
                                                std::as_bytes(std::span(header))};
  for (const auto& [name, tensor] : tensors) {
    parts.emplace_back(static_cast<const std::byte*>(tensor->data()), tensor->bytes());
  }
  io::write_file<CheckpointError>(file, parts);
}

void Parameters::release_pages(const Tensor& tensor) const {
  const auto* mapping = static_cast<const std::uint8_t*>(mapping_begin_);
  const auto* data = static_cast<const std::uint8_t*>(tensor.data());
  if (std::less<>()(data, mapping) || !std::less<>()(data, mapping + mapping_bytes_)) return;
  io::release_pages({mapping_, {mapping, mapping_bytes_}}, {data, tensor.bytes()});
}

void Parameters::release_pages() const {
  const std::span bytes(static_cast<const std::uint8_t*>(mapping_begin_), mapping_bytes_);
  io::release_pages({mapping_, bytes}, bytes);
}

}  // namespace g2face
