// safetensors, alone and in shards: an index says which tensor lies in which of several files.

#include <filesystem>
#include <map>
#include <set>

#include "io/atomic_file.hpp"
#include "io/json_text.hpp"
#include "io/safetensors_header.hpp"
#include "weights_converter/formats.hpp"
#include "weights_converter/strided.hpp"

namespace g2face::weights {
namespace {

ElementType type_of(const io::HeaderEntry& entry, const std::string& file) {
  using enum ElementType;
  static const std::map<std::string_view, ElementType> types{
      {"F64", f64}, {"F32", f32}, {"F16", f16}, {"BF16", bf16}, {"I64", i64}, {"I32", i32},     {"I16", i16},
      {"I8", i8},   {"U64", u64}, {"U32", u32}, {"U16", u16},   {"U8", u8},   {"BOOL", boolean}};
  const auto found = types.find(entry.type_name);
  check<WeightFileError>(found != types.end(), file, ": ", io::in_quotes(entry.name), ": elements of type ",
                         entry.type_name, " are not read");
  return found->second;
}

class Safetensors final : public WeightFile {
 public:
  Safetensors(io::MappedFile mapped, const std::string& file) : mapped_(std::move(mapped)) {
    path_ = file;
    format_ = "safetensors";
    try {
      const auto [header, data] = io::split_safetensors(mapped_.bytes, file, io::HeaderTypes::all);
      std::vector<io::DataExtent> extents;
      for (const io::HeaderEntry& entry : header.entries) {
        extents.push_back(io::data_extent(entry, file));
        add(entry, extents.back());
      }
      io::check_coverage(std::move(extents), data.size(), file);
      data_ = data;
    } catch (const CheckpointError& e) {
      throw WeightFileError(e.what());
    }
  }

  void read(const StoredTensor& tensor, std::span<std::byte> to) const override {
    const std::span<const std::byte> bytes = in_place(tensor);
    check<WeightFileError>(to.size() == bytes.size(), path_, ": ", io::in_quotes(tensor.name), ": has ", bytes.size(),
                           " bytes, not ", to.size());
    if (!bytes.empty()) std::memcpy(to.data(), bytes.data(), bytes.size());
    io::release_pages(mapped_, data_.subspan(begins_[tensor.storage], bytes.size()));
  }
  std::span<const std::byte> in_place(const StoredTensor& tensor) const override {
    return std::as_bytes(data_.subspan(begins_.at(tensor.storage), tensor.bytes()));
  }

 private:
  void add(const io::HeaderEntry& entry, const io::DataExtent& extent) {
    StoredTensor tensor{entry.name, type_of(entry, path_), *entry.shape, {}, 0, tensors_.size(), false};
    const std::size_t bytes = extent.end - extent.begin, size = size_of(tensor.type);
    tensor.strides.resize(tensor.shape.size());
    const bool fits = bytes % size == 0 && lies_in(tensor, std::max<std::size_t>(bytes / size, 1)) &&
                      tensor.elements() == bytes / size;
    check<WeightFileError>(fits, path_, ": ", io::in_quotes(entry.name), ": its shape does not fit the ", bytes,
                           " bytes of its data");
    tensor.strides = contiguous_strides(tensor.shape);
    tensors_.push_back(std::move(tensor));
    begins_.push_back(extent.begin);
  }

  io::MappedFile mapped_;
  Bytes data_;
  std::vector<std::size_t> begins_;  // of the tensors, in the data
};

class Shards final : public WeightFile {
 public:
  Shards(const io::MappedFile& index, const std::string& file) {
    path_ = file;
    format_ = "safetensors shards";
    std::map<std::string, std::set<std::string, std::less<>>> names;  // that the index gives, by shard
    for (auto& [name, shard] : weight_map(index, file)) names[shard].insert(name);
    for (const auto& [shard, expected] : names) open(shard, expected);
    check_names(tensors_, path_);
  }

  void read(const StoredTensor& tensor, std::span<std::byte> to) const override {
    const auto& [shard, stored] = origins_.at(tensor.storage);
    shards_[shard]->read(shards_[shard]->tensors()[stored], to);
  }
  std::span<const std::byte> in_place(const StoredTensor& tensor) const override {
    const auto& [shard, stored] = origins_.at(tensor.storage);
    return shards_[shard]->in_place(shards_[shard]->tensors()[stored]);
  }

 private:
  static std::map<std::string, std::string> weight_map(const io::MappedFile& index, const std::string& file) {
    constexpr std::size_t most_bytes = std::size_t{16} << 20;
    check<WeightFileError>(index.bytes.size() <= most_bytes, file, ": an index of ", index.bytes.size(),
                           " bytes, at most ", most_bytes, " are accepted");
    try {
      return io::string_map(text_of(index.bytes), "weight_map");
    } catch (const Error& e) {
      throw WeightFileError(str(file, ": ", e.what(), "; expected the index of sharded safetensors"));
    }
  }

  void open(const std::string& shard, const std::set<std::string, std::less<>>& expected) {
    const std::filesystem::path name(shard);
    // A shard lies beside its index: a path could lead anywhere.
    check<WeightFileError>(name.has_filename() && name == name.filename() && shard != "." && shard != "..", path_,
                           ": the shard ", io::in_quotes(shard), " is no name of a file beside the index");
    const std::string path = (std::filesystem::path(path_).parent_path() / name).string();
    try {
      shards_.push_back(open_safetensors(io::map_file(path), path));
    } catch (const io::FileError& e) {
      throw WeightFileError(str(path_, ": cannot read a shard: ", e.what()));
    }
    const std::vector<StoredTensor>& stored = shards_.back()->tensors();
    for (std::size_t i = 0; i < stored.size(); ++i) {
      check<WeightFileError>(expected.contains(stored[i].name), path, ": ", io::in_quotes(stored[i].name),
                             ": the index does not say that it lies here");
      StoredTensor tensor = stored[i];
      tensor.storage = origins_.size();
      tensors_.push_back(std::move(tensor));
      origins_.emplace_back(shards_.size() - 1, i);
    }
    check<WeightFileError>(stored.size() == expected.size(), path, ": has ", stored.size(),
                           " tensors, but the index names ", expected.size(), " of this file");
  }

  std::vector<std::unique_ptr<WeightFile>> shards_;
  std::vector<std::pair<std::size_t, std::size_t>> origins_;  // shard, and which tensor of it
};

}  // namespace

std::unique_ptr<WeightFile> open_safetensors(io::MappedFile bytes, const std::string& file) {
  return std::make_unique<Safetensors>(std::move(bytes), file);
}

std::unique_ptr<WeightFile> open_safetensors_shards(const io::MappedFile& bytes, const std::string& file) {
  return std::make_unique<Shards>(bytes, file);
}

}  // namespace g2face::weights
