#include "g2face/tensor.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>

#include "host_memory.hpp"

namespace g2face {
namespace {

std::size_t checked_bytes(const Type& type) {
  const auto n = static_cast<std::uint64_t>(type.shape.numel());
  const std::size_t size = size_of(type.dtype);
  check<ShapeError>(n <= std::numeric_limits<std::size_t>::max() / size, type.str(), " does not fit into memory");
  return static_cast<std::size_t>(n) * size;
}

std::shared_ptr<void> allocate(const Type& type) {
  // An empty tensor still has an address: operator bool tells "no tensor" from "no elements".
  const std::size_t bytes = std::max<std::size_t>(checked_bytes(type), 1);
  std::byte* data = allocate_host(bytes);
  check<DeviceError>(data != nullptr, "cannot allocate ", bytes, " bytes of memory for ", type.str());
  return {data, [bytes](std::byte* p) { release_host(p, bytes); }};
}

}  // namespace

std::string Type::str() const { return g2face::str(dtype, shape); }

std::string_view name_of(Layout layout) {
  constexpr std::array<std::string_view, 6> names{"nchw", "nhwc", "nchw8c", "nchw16c", "nhwc_bf16", "nhwc_f16"};
  return names.at(static_cast<std::size_t>(layout));
}

std::ostream& operator<<(std::ostream& out, Layout layout) { return out << name_of(layout); }

std::size_t TensorDesc::bytes() const {
  return checked_bytes(is_narrow(layout) ? Type{DType::bf16, type.shape} : type);
}

Tensor::Tensor(Type type) : type_(std::move(type)), owner_(allocate(type_)), data_(owner_.get()), writable_(true) {}

Tensor Tensor::zeros(Type type) {
  Tensor result(std::move(type));
  std::memset(result.mutable_data(), 0, result.bytes());
  return result;
}

Tensor Tensor::full(Type type, double value) {
  Tensor result(std::move(type));
  const std::size_t size = size_of(result.dtype());
  std::array<std::byte, 8> element{};
  convert(&value, DType::f64, element.data(), result.dtype(), 1);
  auto* out = static_cast<std::byte*>(result.mutable_data());
  for (std::size_t offset = 0; offset < result.bytes(); offset += size) std::memcpy(out + offset, element.data(), size);
  return result;
}

Tensor Tensor::from(const Shape& shape, std::initializer_list<float> values) {
  return from(shape, std::span<const float>(values.begin(), values.size()));
}

Tensor Tensor::from(const Shape& shape, std::span<const float> values) {
  check<ShapeError>(static_cast<std::size_t>(shape.numel()) == values.size(), "tensor of shape ", shape, " needs ",
                    shape.numel(), " values, got ", values.size());
  Tensor result({DType::f32, shape});
  std::copy(values.begin(), values.end(), result.mutable_as<float>().begin());
  return result;
}

Tensor Tensor::scalar(double value, DType dtype) { return full({dtype, {}}, value); }

Tensor Tensor::view(Type type, const void* data, std::shared_ptr<const void> owner) {
  checked_bytes(type);
  check<ShapeError>(data != nullptr, "view of ", type.str(), " at a null address");
  Tensor result;
  result.type_ = std::move(type);
  result.owner_ = std::move(owner);
  result.data_ = data;
  return result;
}

void* Tensor::mutable_data() {
  check<ShapeError>(data_ != nullptr, "an empty tensor has no elements to write");
  if (!writable_) *this = clone();
  // The memory behind a writable tensor was allocated by allocate() and never const.
  return const_cast<void*>(data_);
}

double Tensor::item() const {
  check<ShapeError>(data_ != nullptr && numel() == 1, "item() needs a tensor of one element, got ",
                    data_ == nullptr ? std::string("an empty tensor") : type_.str());
  double value = 0;
  convert(data_, dtype(), &value, DType::f64, 1);
  return value;
}

Tensor Tensor::reshape(const Shape& shape) const {
  check<ShapeError>(data_ != nullptr && shape.numel() == numel(), "cannot reshape ", type_.str(), " to ", shape);
  Tensor result = *this;
  result.type_.shape = shape;
  return result;
}

Tensor Tensor::to(DType dtype) const {
  check<ShapeError>(data_ != nullptr, "cannot convert an empty tensor to ", dtype);
  Tensor result({dtype, shape()});
  convert(data_, type_.dtype, result.mutable_data(), dtype, numel());
  return result;
}

Tensor Tensor::clone() const { return data_ == nullptr ? Tensor() : to(dtype()); }

std::string Tensor::str() const {
  if (data_ == nullptr) return "empty";
  const Tensor values = to(DType::f64);
  std::ostringstream out;
  const int rank = shape().rank();
  for (std::int64_t i = 0; i < numel(); ++i) {
    // How many axes begin, or end, at this element.
    std::int64_t block = 1;
    int begins = 0, ends = 0;
    for (int axis = rank - 1; axis >= 0; --axis) {
      block *= shape()[axis];
      if (i % block == 0) ++begins;
      if ((i + 1) % block == 0) ++ends;
    }
    out << (i > 0 ? "," : "") << std::string(static_cast<std::size_t>(begins), '[')
        << values.as<double>()[static_cast<std::size_t>(i)] << std::string(static_cast<std::size_t>(ends), ']');
  }
  return out.str();
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << tensor.str(); }

void Tensor::require(DType wanted) const {
  check<ShapeError>(data_ != nullptr, "an empty tensor has no ", wanted, " elements");
  if (type_.dtype == wanted) return;  // callers ask for elements one by one, and the text would be made each time
  throw ShapeError(g2face::str("tensor is ", type_.str(), ", but ", wanted, " was asked for"));
}

double relative_error(const Tensor& got, const Tensor& want) {
  check<ShapeError>(got && want, "relative_error of an empty tensor");
  check<ShapeError>(got.shape() == want.shape(), "relative_error of ", got.type().str(), " and ", want.type().str(),
                    ": the shapes differ");
  constexpr std::int64_t chunk = 4096;
  std::array<double, chunk> g;
  std::array<double, chunk> w;
  const auto* got_bytes = static_cast<const std::byte*>(got.data());
  const auto* want_bytes = static_cast<const std::byte*>(want.data());
  double difference = 0;
  double norm = 0;
  for (std::int64_t begin = 0; begin < got.numel(); begin += chunk) {
    const std::int64_t n = std::min(chunk, got.numel() - begin);
    const auto offset = static_cast<std::size_t>(begin);
    convert(got_bytes + offset * size_of(got.dtype()), got.dtype(), g.data(), DType::f64, n);
    convert(want_bytes + offset * size_of(want.dtype()), want.dtype(), w.data(), DType::f64, n);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      if (!std::isfinite(g[i]) || !std::isfinite(w[i])) {
        const bool same = g[i] == w[i] || (std::isnan(g[i]) && std::isnan(w[i]));
        if (!same) return std::numeric_limits<double>::infinity();
        continue;
      }
      difference += (g[i] - w[i]) * (g[i] - w[i]);
      norm += w[i] * w[i];
    }
  }
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

}  // namespace g2face
