#pragma once
// Named tensors: the only mutable state of a model. Stored as safetensors.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "g2face/tensor.hpp"

namespace g2face {

/// Tensors by name, sorted. Knows no graph.
class Parameters {
 public:
  /// Maps a safetensors file; tensors are views into the mapping and load lazily (copies if the file misaligns them).
  /// BOOL is read as u8. Throws CheckpointError naming the file, the field and what is wrong if the file is not
  /// strictly well formed: header of at most 100 MB, JSON without repeated or unknown keys, dtypes of this library,
  /// shapes that match the byte ranges, ranges without gaps or overlaps up to the end of the file.
  static Parameters load(const std::string& path);
  /// Writes a temporary file beside `file`, flushes it to disk and renames it; equal contents give equal bytes.
  /// Throws CheckpointError, "FILE: what: what to do", leaving `file` as it was.
  void save(const std::string& file) const;

  bool contains(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }
  /// Throws CheckpointError if there is none of that name.
  const Tensor& at(std::string_view name) const;
  Tensor& at(std::string_view name);
  void set(std::string name, Tensor tensor) { tensors_.insert_or_assign(std::move(name), std::move(tensor)); }
  void erase(std::string_view name);  // does nothing if there is none
  std::size_t size() const { return tensors_.size(); }
  auto begin() const { return tensors_.begin(); }
  auto end() const { return tensors_.end(); }
  std::int64_t element_count() const;

  /// The `__metadata__` of the file: text by name.
  std::map<std::string, std::string, std::less<>>& metadata() { return metadata_; }
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }

  /// Tells the system that the pages of a tensor, if it is a view into the mapped file, are not needed soon; reading it
  /// again is correct but slow.
  void release_pages(const Tensor& tensor) const;
  /// The same for all of them.
  void release_pages() const;

 private:
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::map<std::string, std::string, std::less<>> metadata_;
  std::shared_ptr<const void> mapping_;
  const void* mapping_begin_ = nullptr;
  std::size_t mapping_bytes_ = 0;
};

/// Reads a safetensors file from memory, as Parameters::load does; the tensors are copies. `name` stands in for the
/// file in messages.
Parameters parse_safetensors(std::span<const std::uint8_t> bytes, const std::string& name);

}  // namespace g2face
