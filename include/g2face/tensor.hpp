#pragma once
// A tensor is dense memory with a type and a layout; there are no strides.

#include <cstddef>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "g2face/dtype.hpp"
#include "g2face/error.hpp"
#include "g2face/shape.hpp"

namespace g2face {

/// What a graph knows of a value.
struct Type {
  DType dtype = DType::f32;
  Shape shape;
  std::string str() const;  // "f32[1,3,256,256]"
  bool operator==(const Type&) const = default;
};

/// How a rank-4 value lies in memory; every other rank is nchw, which is plain row-major order.
/// nchw16c is [N][C/16][H][W][16] and needs C to be a multiple of 16; nchw8c likewise.
/// nhwc_bf16 and nhwc_f16 are nhwc whose f32 elements are stored in 16 bits, rounded to the nearest.
enum class Layout : std::uint8_t { nchw, nhwc, nchw8c, nchw16c, nhwc_bf16, nhwc_f16 };
std::string_view name_of(Layout layout);
/// Whether elements are stored in 16 bits.
constexpr bool is_narrow(Layout layout) { return layout == Layout::nhwc_bf16 || layout == Layout::nhwc_f16; }
std::ostream& operator<<(std::ostream& out, Layout layout);

/// What a plan adds: how the value lies in memory.
struct TensorDesc {
  Type type;
  Layout layout = Layout::nchw;
  std::size_t bytes() const;
  bool operator==(const TensorDesc&) const = default;
};

/// A handle to dense host memory in row-major order. Copies share the memory; clone() does not.
class Tensor {
 public:
  Tensor() = default;          // empty: no memory, see operator bool
  explicit Tensor(Type type);  // uninitialised memory, 64-byte aligned; throws DeviceError when there is none
  static Tensor zeros(Type type);
  static Tensor full(Type type, double value);
  static Tensor from(const Shape& shape, std::initializer_list<float> values);
  static Tensor from(const Shape& shape, std::span<const float> values);
  static Tensor scalar(double value, DType dtype = DType::f32);
  /// Memory that `owner` keeps alive and that must not be written (a mapped file, say).
  static Tensor view(Type type, const void* data, std::shared_ptr<const void> owner);

  explicit operator bool() const { return data_ != nullptr; }
  const Type& type() const { return type_; }
  const Shape& shape() const { return type_.shape; }
  DType dtype() const { return type_.dtype; }
  std::int64_t numel() const { return type_.shape.numel(); }
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(type_.dtype); }

  const void* data() const { return data_; }
  /// Writable memory. A view is copied first, so that what it shows never changes.
  void* mutable_data();
  /// The elements. Throws ShapeError if T is not the dtype.
  template <class T>
  std::span<const T> as() const {
    require(dtype_of<T>::value);
    return {static_cast<const T*>(data_), static_cast<std::size_t>(numel())};
  }
  template <class T>
  std::span<T> mutable_as() {
    require(dtype_of<T>::value);
    return {static_cast<T*>(mutable_data()), static_cast<std::size_t>(numel())};
  }
  /// The only element, as a double. Throws ShapeError if there are more.
  double item() const;

  /// The same elements under another shape of equal size; shares memory.
  Tensor reshape(const Shape& shape) const;
  /// Converted elements, see convert().
  Tensor to(DType dtype) const;
  Tensor clone() const;
  /// The elements as text: "[[2,4,6],[8,10,12]]", or "91" for rank 0.
  std::string str() const;

 private:
  void require(DType wanted) const;

  Type type_;
  std::shared_ptr<const void> owner_;
  const void* data_ = nullptr;
  bool writable_ = false;
};

std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

/// Copies n elements of `from` at src to `to` at dst, converting: to floats to the nearest, ties to even; to integers
/// truncating, with values out of range becoming the nearest limit and NaN becoming 0. The ranges must not overlap.
void convert(const void* src, DType from, void* dst, DType to, std::int64_t n);

/// Relative L2 error ||got - want|| / ||want|| in double (the plain norm of got where want is zero), the measure of
/// every comparison in this project. Not finite if an element of either is not finite while the other's differs.
double relative_error(const Tensor& got, const Tensor& want);

}  // namespace g2face
