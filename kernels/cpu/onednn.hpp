#pragma once
// The one place that knows oneDNN (2.6 and 3.x, whose interfaces differ). Every call is checked: DeviceError names it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "g2face/graph/op.hpp"
#include "g2face/graph/step.hpp"

namespace g2face::onednn {

/// How an operand lies in memory: dtype, extents and a physical order, possibly one that only oneDNN understands.
class Format {
 public:
  struct Impl;
  Format() = default;
  explicit Format(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  /// Row-major, or the blocked layout of a rank-4 value.
  static Format plain(DType dtype, std::span<const std::int64_t> dims, Layout layout = Layout::nchw);
  /// Left to the primitive.
  static Format any(DType dtype, std::span<const std::int64_t> dims);

  std::size_t bytes() const;
  bool operator==(const Format& other) const;
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

/// A primitive with its operands' formats decided. Its scratchpad comes from the caller. Safe to run from several
/// threads, one at a time.
class Primitive {
 public:
  struct Impl;
  Primitive() = default;
  explicit Primitive(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  explicit operator bool() const { return impl_ != nullptr; }

  /// What oneDNN calls the implementation: "jit:avx512_core".
  std::string name() const;
  std::size_t scratchpad_bytes() const;
  /// Of operand i, in the order the factory below lists them.
  const Format& format(int i) const;
  /// data[i] is operand i in its format; only the last is written. Throws DeviceError.
  void run(std::span<const void* const> data, void* scratchpad) const;

 private:
  std::shared_ptr<Impl> impl_;
};

/// x, w, y of a convolution; w has groups as a leading axis if there is more than one.
struct Convolution {
  enum class Kind : std::uint8_t { forward, input_grad, weight_grad };
  Kind kind = Kind::forward;
  bool winograd = false;
  /// Sum in blocks, as a matrix product does: long sums keep a few times more digits than in one chain.
  bool blocked_sums = false;
  DType compute = DType::f32;  // dtype of the two that are read
  Format x, w, y;
  std::array<std::int64_t, 2> stride = {1, 1}, pad = {0, 0};
  std::array<std::int64_t, 2> x_size = {0, 0}, kernel = {0, 0}, y_size = {0, 0};
  int threads = 1;
};

/// Operands: forward x, w, y; input_grad y, w, x; weight_grad x, y, w. Nothing if oneDNN has no such implementation.
std::optional<Primitive> convolution(const Convolution& c);
/// Operands a, b, c with c = a b; batches as leading axes.
std::optional<Primitive> matmul(const Format& a, const Format& b, const Format& c, int threads);
/// A row-major matrix product operand whose last two axes are stored exchanged.
Format transposed(DType dtype, std::span<const std::int64_t> dims);
/// Operands from, to. Throws DeviceError if oneDNN cannot.
Primitive reorder(const Format& from, const Format& to, int threads);
/// Whether this machine multiplies bf16 matrices by tiles (AMX), which beats f32 whatever the algorithm.
bool has_bf16_tiles();
/// The request to bring known input `input` of a step into another format.
Packing packing(int input, const Primitive& reorder);

}  // namespace g2face::onednn
