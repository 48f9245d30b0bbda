#pragma once
// Files that hold the weights of networks, whoever wrote them: what tensors they hold, and their values. Nothing in a
// file is ever executed, and a file is refused rather than guessed at.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/error.hpp"

namespace g2face::weights {

/// A file that cannot be read, is damaged, or asks for something it must not have. One line: "FILE: what: what to do".
struct WeightFileError : Error {
  using Error::Error;
};

enum class ElementType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

std::size_t size_of(ElementType type);
/// As NumPy and PyTorch say it: "float32", "bfloat16", "int64", "bool".
std::string_view name_of(ElementType type);

struct StoredTensor {
  std::string name;  // the keys that lead to it, joined by '/'
  ElementType type = ElementType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  // in elements of its storage, none negative
  std::int64_t storage_offset = 0;    // its first element in its storage
  std::size_t storage = 0;            // which storage of the file; the meaning is the reader's
  bool parameter = false;             // whether it was pickled as a torch.nn.Parameter

  std::size_t elements() const;
  std::size_t bytes() const { return elements() * size_of(type); }
  /// Whether its elements lie one after the other in row-major order.
  bool is_contiguous() const;
};

/// One opened file. Its names are unique, and every tensor has been found to lie inside the file. Reading is
/// const and may be done from several threads.
class WeightFile {
 public:
  virtual ~WeightFile() = default;

  const std::string& path() const { return path_; }
  /// "zip" or "legacy" (PyTorch from 1.6 on, and before), "safetensors", "safetensors shards", "onnx", "matlab",
  /// "expression basis" and "numbers" (parts of the Basel Face Model that are no MATLAB files).
  const std::string& format() const { return format_; }
  /// In the order in which the file names them.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }

  /// The values of a tensor of this file, little-endian, row-major and without gaps: exactly tensor.bytes() of them.
  virtual void read(const StoredTensor& tensor, std::span<std::byte> to) const = 0;
  /// The same bytes where the file is mapped, valid as long as this object, or nothing where they do not lie in the
  /// file in that form. Not necessarily aligned for their type.
  virtual std::span<const std::byte> in_place(const StoredTensor&) const { return {}; }

 protected:
  std::string path_, format_;
  std::vector<StoredTensor> tensors_;
};

/// Opens a file of any of these formats, told apart by their contents. The checksums of an archive are verified here,
/// once, so that what is read later is what was stored. Throws WeightFileError.
std::unique_ptr<WeightFile> open_weight_file(const std::string& path);

}  // namespace g2face::weights
