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

Type type_of(const io::DataExtent& extent, const std::string& file) {
  const io::HeaderEntry& entry = *extent.entry;
  Type type{*entry.dtype, {}};
  std::size_t bytes = 0;
  try {
    type.shape = Shape(std::span<const std::int64_t>(*entry.shape));
    bytes = TensorDesc{type}.bytes();
  } catch (const ShapeError& error) {
    throw CheckpointError(str(file, ": ", io::in_quotes(entry.name), ": ", error.what()));
  }
  check<CheckpointError>(extent.end - extent.begin == bytes, file, ": ", io::in_quotes(entry.name), ": ", type.str(),
                         " needs ", bytes, " bytes, but data_offsets span ", extent.end - extent.begin);
  return type;
}

// Tensors show `bytes` in place if `owner` keeps them alive, and are copied otherwise.
Parameters parse(std::span<const std::uint8_t> bytes, const std::string& file,
                 const std::shared_ptr<const void>& owner) {
  auto [header, data] = io::split_safetensors(bytes, file, io::HeaderTypes::of_library);
  std::vector<io::DataExtent> extents;
  std::vector<Type> types;
  for (const io::HeaderEntry& entry : header.entries) {
    extents.push_back(io::data_extent(entry, file));
    types.push_back(type_of(extents.back(), file));
  }
  io::check_coverage(extents, data.size(), file);

  Parameters parameters;
  // An empty span may be null, and a tensor without elements needs an address all the same.
  const std::uint8_t* base = data.empty() ? bytes.data() : data.data();
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const std::uint8_t* begin = base + extents[i].begin;
    const bool aligned = reinterpret_cast<std::uintptr_t>(begin) % size_of(types[i].dtype) == 0;
    Tensor tensor;
    if (owner && aligned) {
      tensor = Tensor::view(types[i], begin, owner);
    } else {
      tensor = Tensor(types[i]);
      std::memcpy(tensor.mutable_data(), begin, tensor.bytes());
    }
    parameters.set(extents[i].entry->name, std::move(tensor));
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
