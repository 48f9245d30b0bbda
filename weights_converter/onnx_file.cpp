// ONNX models: the initializers of their graph.

#include <filesystem>
#include <map>

#include "io/atomic_file.hpp"
#include "io/safetensors_header.hpp"
#include "weights_converter/formats.hpp"
#include "weights_converter/onnx_tensor.hpp"
#include "weights_converter/protobuf.hpp"
#include "weights_converter/strided.hpp"

namespace g2face::weights {
namespace {

// Numbers of fields: of the model, and of its graph.
constexpr std::uint64_t graph_field = 7, initializer = 5, sparse_initializer = 15;

class Onnx final : public WeightFile {
 public:
  Onnx(io::MappedFile mapped, const std::string& file) : mapped_(std::move(mapped)) {
    path_ = file;
    format_ = "onnx";
    Bytes graph;
    bool found = false;
    ProtoReader model(mapped_.bytes, path_);
    for (ProtoField field; model.next(field);) {
      if (field.number != graph_field) continue;
      check<WeightFileError>(!found && field.wire == Wire::bytes, file, ": is no ONNX model with one graph");
      found = true;
      graph = field.bytes;
    }
    check<WeightFileError>(found, file, ": is no ONNX model: it has no graph");
    ProtoReader reader(graph, path_);
    for (ProtoField field; reader.next(field);) {
      check<WeightFileError>(field.number != sparse_initializer, file, ": has sparse initializers, which are not read");
      if (field.number != initializer) continue;
      check<WeightFileError>(field.wire == Wire::bytes, file, ": an initializer is damaged");
      add(parse_onnx_tensor(field.bytes, file));
    }
    check_names(tensors_, file);
    std::uint64_t content = mapped_.bytes.size();
    for (const auto& [location, other] : others_) content += other.bytes.size();
    check_volume(tensors_, content, file);
  }

  void read(const StoredTensor& tensor, std::span<std::byte> to) const override {
    const OnnxTensor& source = sources_.at(tensor.storage);
    check<WeightFileError>(to.size() == tensor.bytes(), path_, ": ", io::in_quotes(tensor.name), ": has ",
                           tensor.bytes(), " bytes, not ", to.size());
    if (!source.raw) return decode_onnx_values(source, path_, to);
    if (!to.empty()) std::memcpy(to.data(), source.raw->data(), to.size());
    io::release_pages(source.external ? others_.at(source.external->location) : mapped_, *source.raw);
  }
  std::span<const std::byte> in_place(const StoredTensor& tensor) const override {
    const OnnxTensor& source = sources_.at(tensor.storage);
    return source.raw ? std::as_bytes(*source.raw) : std::span<const std::byte>();
  }

 private:
  void add(OnnxTensor tensor) {
    if (tensor.external) tensor.raw = external(tensor);
    tensor.described.storage = sources_.size();
    tensors_.push_back(tensor.described);
    sources_.push_back(std::move(tensor));
  }

  Bytes external(const OnnxTensor& tensor) {
    const ExternalData& data = *tensor.external;
    const std::string where = str(path_, ": initializer ", io::in_quotes(tensor.described.name), ": its data in ",
                                  io::in_quotes(data.location));
    const Bytes bytes = other(data.location, where).bytes;
    check<WeightFileError>(data.offset <= bytes.size(), where, " begins at ", data.offset, ", but the file has only ",
                           bytes.size(), " bytes");
    const std::uint64_t length = data.length.value_or(bytes.size() - data.offset);
    check<WeightFileError>(length <= bytes.size() - data.offset, where, " ends beyond the ", bytes.size(),
                           " bytes of the file: is it truncated?");
    check<WeightFileError>(length == tensor.described.bytes(), where, " has ", length, " bytes, expected ",
                           tensor.described.bytes());
    return bytes.subspan(static_cast<std::size_t>(data.offset), static_cast<std::size_t>(length));
  }

  /// Another file, which lies in the folder of the model or below it, also when links are followed.
  const io::MappedFile& other(const std::string& location, const std::string& where) {
    namespace fs = std::filesystem;
    const auto known = others_.find(location);
    if (known != others_.end()) return known->second;
    const fs::path relative(location);
    bool inside = !location.empty() && relative.is_relative() && location.find('\0') == std::string::npos;
    for (const fs::path& part : relative) inside = inside && part != "..";
    check<WeightFileError>(inside, where, ": a model may only name files in its own folder");
    std::error_code error;
    const fs::path model = fs::path(path_).parent_path(), folder = fs::canonical(model.empty() ? "." : model, error);
    const fs::path file = error ? fs::path() : fs::canonical(folder / relative, error);
    check<WeightFileError>(!error, where, ": cannot be found: put it beside the model");
    const fs::path way = file.lexically_relative(folder);
    check<WeightFileError>(!way.empty() && *way.begin() != "..", where, ": a link leads out of the model's folder");
    try {
      return others_.emplace(location, io::map_file(file)).first->second;
    } catch (const io::FileError& e) {
      throw WeightFileError(str(where, ": ", e.what()));
    }
  }

  io::MappedFile mapped_;
  std::map<std::string, io::MappedFile> others_;  // by location
  std::vector<OnnxTensor> sources_;               // of the tensors
};

}  // namespace

std::unique_ptr<WeightFile> open_onnx(io::MappedFile bytes, const std::string& file) {
  return std::make_unique<Onnx>(std::move(bytes), file);
}

}  // namespace g2face::weights
