#pragma once
// Tensors in memory as a file of somebody's, under the names that these give them.

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "g2face/models/networks.hpp"
#include "weights_converter/conversion.hpp"

namespace g2face::test {

class MemoryFile final : public weights::WeightFile {
 public:
  explicit MemoryFile(std::string name, std::string format = "zip") {
    path_ = std::move(name);
    format_ = std::move(format);
  }
  MemoryFile& add(const std::string& name, weights::ElementType type, std::vector<std::int64_t> shape, const void* data,
                  std::size_t bytes) {
    weights::StoredTensor t;
    t.name = name;
    t.type = type;
    t.shape = std::move(shape);
    t.storage = values_.size();
    tensors_.push_back(std::move(t));
    values_.emplace_back(static_cast<const std::byte*>(data), static_cast<const std::byte*>(data) + bytes);
    return *this;
  }
  MemoryFile& add(const std::string& name, const Tensor& t) {
    using weights::ElementType;
    const ElementType type = t.dtype() == DType::f32    ? ElementType::f32
                             : t.dtype() == DType::f64  ? ElementType::f64
                             : t.dtype() == DType::f16  ? ElementType::f16
                             : t.dtype() == DType::bf16 ? ElementType::bf16
                             : t.dtype() == DType::i64  ? ElementType::i64
                             : t.dtype() == DType::i32  ? ElementType::i32
                                                        : ElementType::u8;
    return add(name, type, {t.shape().begin(), t.shape().end()}, t.data(), t.bytes());
  }
  void read(const weights::StoredTensor& tensor, std::span<std::byte> to) const override {
    const std::vector<std::byte>& from = values_.at(tensor.storage);
    check(to.size() == from.size(), "asked for ", to.size(), " bytes of ", from.size());
    std::memcpy(to.data(), from.data(), from.size());
  }

 private:
  std::vector<std::vector<std::byte>> values_;
};

/// A source as open_source() makes it.
inline weights::Source source_of(MemoryFile file, const weights::ConvertOptions& options = {}) {
  weights::Source source;
  source.mapping = &weights::mapping_for(file, options);
  source.file = std::make_shared<MemoryFile>(std::move(file));
  return source;
}

/// `parameters` under the names of a file: each pair is what a name begins with in the model, and in the file. Others
/// are left out.
inline MemoryFile file_of(const std::string& name, const Parameters& parameters,
                          const std::vector<std::pair<std::string, std::string>>& prefixes) {
  MemoryFile file(name);
  for (const auto& [key, tensor] : parameters) {
    for (const auto& [in_model, in_file] : prefixes) {
      if (!key.starts_with(in_model)) continue;
      file.add(in_file + key.substr(in_model.size()), tensor);
      break;
    }
  }
  return file;
}

}  // namespace g2face::test
