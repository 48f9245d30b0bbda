// The parts of the Basel Face Model that are no MATLAB files.

#include <cstring>

#include "io/basel_parts.hpp"
#include "io/safetensors_header.hpp"
#include "weights_converter/bytes.hpp"
#include "weights_converter/formats.hpp"
#include "weights_converter/strided.hpp"

namespace g2face::weights {
namespace {

/// Bytes that need no other form than they have.
class PlainFile : public WeightFile {
 public:
  void read(const StoredTensor& tensor, std::span<std::byte> to) const override {
    const std::span<const std::byte> from = in_place(tensor);
    check<WeightFileError>(to.size() == from.size(), path_, ": ", io::in_quotes(tensor.name), ": has ", from.size(),
                           " bytes, not ", to.size());
    std::memcpy(to.data(), from.data(), from.size());
  }
  std::span<const std::byte> in_place(const StoredTensor& tensor) const override {
    return std::as_bytes(contents_.at(tensor.storage));
  }

 protected:
  void add(std::string name, ElementType type, std::vector<std::int64_t> shape, Bytes contents) {
    StoredTensor tensor{std::move(name), type, std::move(shape), {}, 0, tensors_.size(), false};
    tensor.strides = contiguous_strides(tensor.shape);
    tensors_.push_back(std::move(tensor));
    contents_.push_back(contents);
  }

 private:
  std::vector<Bytes> contents_;
};

class ExpressionFile final : public PlainFile {
 public:
  ExpressionFile(io::MappedFile mapped, const std::string& file) : mapped_(std::move(mapped)) {
    path_ = file;
    format_ = "expression basis";
    const auto basis = io::expression_basis(mapped_.bytes);
    check<WeightFileError>(basis.has_value(), file, ": is no basis of expressions (Exp_Pca.bin)");
    add("expMU", ElementType::f32, {basis->vertices, 3}, basis->mean);
    add("expPC", ElementType::f32, {basis->modes, basis->vertices, 3}, basis->basis);
  }

 private:
  io::MappedFile mapped_;
};

class NumbersFile final : public PlainFile {
 public:
  NumbersFile(const io::MappedFile& mapped, const std::string& file) {
    path_ = file;
    format_ = "numbers";
    auto numbers = io::numbers_in_text(text_of(mapped.bytes));
    check<WeightFileError>(numbers.has_value(), file, ": is no list of numbers (std_exp.txt)");
    numbers_ = *std::move(numbers);
    add("expEV", ElementType::f64, {static_cast<std::int64_t>(numbers_.size())},
        bytes_of({reinterpret_cast<const char*>(numbers_.data()), numbers_.size() * sizeof(double)}));
  }

 private:
  std::vector<double> numbers_;
};

}  // namespace

std::unique_ptr<WeightFile> open_expression_basis(io::MappedFile bytes, const std::string& file) {
  return std::make_unique<ExpressionFile>(std::move(bytes), file);
}

std::unique_ptr<WeightFile> open_numbers(const io::MappedFile& bytes, const std::string& file) {
  return std::make_unique<NumbersFile>(bytes, file);
}

}  // namespace g2face::weights
