// MATLAB v5 files: their numeric matrices, as float64 in row-major order.

#include <cstring>

#include "io/matlab.hpp"
#include "io/safetensors_header.hpp"
#include "weights_converter/formats.hpp"
#include "weights_converter/strided.hpp"

namespace g2face::weights {
namespace {

class Matlab final : public WeightFile {
 public:
  explicit Matlab(const std::string& path) try : file_(path) {
    path_ = path;
    format_ = "matlab";
    for (const io::MatlabFile::Variable& v : file_.matrices()) {
      StoredTensor tensor{v.name, ElementType::f64, {v.rows, v.columns}, {}, 0, tensors_.size(), false};
      tensor.strides = contiguous_strides(tensor.shape);
      tensors_.push_back(std::move(tensor));
    }
    check_names(tensors_, path);
  } catch (const CheckpointError& e) {
    throw WeightFileError(e.what());
  }

  void read(const StoredTensor& tensor, std::span<std::byte> to) const override {
    try {
      const g2face::Tensor values = file_.matrix(tensor.name);
      check<WeightFileError>(to.size() == values.bytes() && to.size() == tensor.bytes(), path_, ": ",
                             io::in_quotes(tensor.name), ": has ", values.bytes(), " bytes, not ", to.size());
      std::memcpy(to.data(), values.data(), values.bytes());
    } catch (const CheckpointError& e) {
      throw WeightFileError(e.what());
    }
  }

 private:
  io::MatlabFile file_;
};

}  // namespace

std::unique_ptr<WeightFile> open_matlab(const std::string& path) { return std::make_unique<Matlab>(path); }

}  // namespace g2face::weights
