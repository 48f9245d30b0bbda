// Opens what is to be converted.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "g2face/face/align.hpp"
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

std::shared_future<std::string> hashing(const std::string& path) {
  return std::async(std::launch::async, hash_of, path).share();
}

const StoredTensor* find(const WeightFile& file, std::string_view name) {
  const auto found = std::ranges::find(file.tensors(), name, &StoredTensor::name);
  return found == file.tensors().end() ? nullptr : &*found;
}

/// The landmarks that Deep3DFaceRecon aligns faces with are built in: a file with others would be left out unnoticed.
void require_built_in(const WeightFile& file, const StoredTensor& lm) {
  constexpr std::int64_t count = 68;
  const bool fits = lm.type == ElementType::f64 && lm.shape == std::vector<std::int64_t>{count, 3};
  check<WeightFileError>(fits, file.path(), ": 'lm' is no table of ", count, " points in float64");
  std::vector<double> points(3 * count);
  file.read(lm, std::as_writable_bytes(std::span(points)));
  // Of the eyes the mean of two corners; rows of the file, from 0.
  constexpr std::array<std::array<std::size_t, 2>, 5> rows = {{{36, 39}, {42, 45}, {30, 30}, {48, 48}, {54, 54}}};
  constexpr double rounding = 1e-6;  // of the built-in numbers, and plenty
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto of = [&](std::size_t axis) {
      return (points[3 * rows[i][0] + axis] + points[3 * rows[i][1] + axis]) / 2;
    };
    const Point3& built_in = reference_face()[i];
    const bool same = std::abs(of(0) - built_in.x) < rounding && std::abs(of(1) - built_in.y) < rounding &&
                      std::abs(of(2) - built_in.z) < rounding;
    check<WeightFileError>(same, file.path(), ": 'lm' gives (", of(0), ", ", of(1), ", ", of(2), ") for point ", i + 1,
                           " of five, but faces are aligned with (", built_in.x, ", ", built_in.y, ", ", built_in.z,
                           "): this is not the table that the networks were trained with");
  }
}

Source face_model_source(const Mapping& mapping, const std::vector<std::string>& paths, const std::string& format) {
  const Parameters model = io::import_face_model(paths);
  return {.file = std::make_shared<TensorsOfFile>(paths[0], format, model),
          .mapping = &mapping,
          .facts = metadata_of(model),
          .sha256 = hashing(paths[0])};
}

}  // namespace

std::vector<Source> open_sources(const std::vector<std::string>& paths, const ConvertOptions& options) {
  std::vector<Source> sources;
  std::vector<std::string> basel;  // parts of that model
  std::vector<Source::Part> parts;
  const Mapping* basel_mapping = nullptr;
  for (const std::string& path : paths) {
    std::shared_ptr<const WeightFile> file = open_weight_file(path);
    const StoredTensor* lm = file->tensors().size() == 1 ? find(*file, "lm") : nullptr;
    // Who says --map bfm for all files of that model's folder means this one too.
    const bool is_landmarks = lm && (options.map == "auto" || options.map == "bfm");
    const Mapping& mapping = is_landmarks ? mapping_of("similarity-lm3d") : mapping_for(*file, options);
    if (is_landmarks) require_built_in(*file, *lm);
    if (mapping.name == "bfm" && !find(*file, "meanshape")) {
      basel.push_back(path);
      parts.push_back({path, file->format(), hashing(path)});
      basel_mapping = &mapping;
    } else if (mapping.face_model) {
      sources.push_back(face_model_source(mapping, {path}, file->format()));
    } else {
      Source& source = sources.emplace_back(Source{.file = file, .mapping = &mapping, .sha256 = hashing(path)});
      if (file->format() == "safetensors") source.facts = metadata_of(Parameters::load(path));
    }
  }
  if (!basel.empty()) {
    Source& source = sources.emplace_back(face_model_source(*basel_mapping, basel, parts[0].format));
    source.sha256 = parts[0].sha256;
    source.parts.assign(parts.begin() + 1, parts.end());
  }
  return sources;
}

ConvertReport convert(const std::vector<std::string>& inputs, const std::string& output,
                      const ConvertOptions& options) {
  return convert(open_sources(inputs, options), output, options);
}

}  // namespace g2face::weights
