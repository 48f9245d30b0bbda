#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>

#include "g2face/parameters.hpp"
#include "io/atomic_file.hpp"
#include "io/input_file.hpp"
#include "io/safetensors_header.hpp"
#include "io/safetensors_writer.hpp"

// Format: 8 bytes little-endian length of the header, the header (JSON), then the data of all tensors without gaps.
// Source: https://github.com/huggingface/safetensors

namespace g2face {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is used in place");

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
  check<CheckpointError>(header_bytes <= io::max_header_bytes, file, ": header of ", header_bytes, " bytes, at most ",
                         io::max_header_bytes, " are accepted; not a safetensors file?");
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
  std::vector<io::NamedType> tensors;
  tensors.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) {
    check<CheckpointError>(static_cast<bool>(tensor), file, ": cannot write: ", io::in_quotes(name),
                           " has no value: set it first");
    tensors.push_back({name, tensor.type()});
  }
  io::write_safetensors(file, tensors, metadata_, [this](const io::NamedType& stored) {
    const Tensor& tensor = at(stored.name);
    return std::span(static_cast<const std::byte*>(tensor.data()), tensor.bytes());
  });
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
