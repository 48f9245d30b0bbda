// Opens what is to be converted.

#include <cstring>

#include "g2face/models/networks.hpp"
#include "io/atomic_file.hpp"
#include "io/face_model_import.hpp"
#include "io/sha256.hpp"
#include "weights_converter/convert.hpp"

namespace g2face::weights {
namespace {

ElementType element_type(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return ElementType::f64;
    case DType::f32:
      return ElementType::f32;
    case DType::bf16:
      return ElementType::bf16;
    case DType::f16:
      return ElementType::f16;
    case DType::i64:
      return ElementType::i64;
    case DType::i32:
      return ElementType::i32;
    case DType::u8:
      break;
  }
  return ElementType::u8;
}

/// Tensors in memory as a file.
class TensorsOfFile final : public WeightFile {
 public:
  TensorsOfFile(std::string path, std::string format, const Parameters& parameters) : parameters_(parameters) {
    path_ = std::move(path);
    format_ = std::move(format);
    for (const auto& [name, tensor] : parameters_) {
      StoredTensor t{.name = name, .type = element_type(tensor.dtype()), .shape = {}, .strides = {}};
      t.shape.assign(tensor.shape().begin(), tensor.shape().end());
      std::int64_t stride = 1;
      t.strides.resize(t.shape.size());
      for (std::size_t axis = t.shape.size(); axis-- > 0; stride *= t.shape[axis]) t.strides[axis] = stride;
      tensors_.push_back(std::move(t));
    }
  }
  void read(const StoredTensor& tensor, std::span<std::byte> to) const override {
    const std::span<const std::byte> from = in_place(tensor);
    check<WeightFileError>(to.size() == from.size(), path_, ": ", tensor.name, " takes ", from.size(), " bytes, not ",
                           to.size());
    if (!to.empty()) std::memcpy(to.data(), from.data(), from.size());
  }
  std::span<const std::byte> in_place(const StoredTensor& tensor) const override {
    const Tensor& t = parameters_.at(tensor.name);
    return {static_cast<const std::byte*>(t.data()), t.bytes()};
  }

 private:
  Parameters parameters_;
};

std::string hash_of(const std::string& path) {
  try {
    return io::sha256_of_file(path);
  } catch (const io::FileError& error) {
    throw WeightFileError(error.what());
  }
}

Parameters metadata_of(const Parameters& parameters) {
  Parameters facts;
  facts.metadata() = parameters.metadata();
  return facts;
}

}  // namespace

Source open_source(const std::string& path, const ConvertOptions& options) {
  Source source;
  source.sha256 = std::async(std::launch::async, hash_of, path).share();
  std::shared_ptr<const WeightFile> file = open_weight_file(path);
  source.mapping = &mapping_for(*file, options);
  if (source.mapping->face_model) {
    const Parameters model = io::import_face_model(path);
    source.facts = metadata_of(model);
    source.file = std::make_shared<TensorsOfFile>(path, file->format(), model);
    return source;
  }
  if (file->format() == "safetensors") source.facts = metadata_of(Parameters::load(path));
  source.file = std::move(file);
  return source;
}

ConvertReport convert(const std::vector<std::string>& inputs, const std::string& output,
                      const ConvertOptions& options) {
  std::vector<Source> sources;
  sources.reserve(inputs.size());
  for (const std::string& path : inputs) sources.push_back(open_source(path, options));
  return convert(std::move(sources), output, options);
}

}  // namespace g2face::weights
