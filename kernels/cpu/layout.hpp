#pragma once
// Blocked layouts: [N][C/block][H][W][block].

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/simd.hpp"

namespace g2face::cpu {

/// Channels that lie together: 16 or 8, or 1 for nchw.
inline std::int64_t block_of(Layout layout) {
  return layout == Layout::nchw16c ? 16 : layout == Layout::nchw8c ? 8 : 1;
}

/// The blocked layout whose block is a vector of this machine.
inline Layout native_layout() { return best_isa() == Isa::avx512 ? Layout::nchw16c : Layout::nchw8c; }

/// Whether a value can have the layout.
inline bool fits(const Shape& shape, Layout layout) {
  return layout == Layout::nchw || (shape.rank() == 4 && shape[1] % block_of(layout) == 0 && shape[1] > 0);
}

/// Whether a value is the same in nchw and in a blocked layout.
inline bool is_one_pixel(const Shape& shape) { return shape.rank() == 4 && shape[2] == 1 && shape[3] == 1; }

/// The block that all these values share, where one pixel goes with every block; nothing if they disagree.
inline std::optional<std::int64_t> common_block(std::initializer_list<std::span<const TensorDesc>> lists) {
  std::optional<std::int64_t> block;
  for (const auto& list : lists) {
    for (const TensorDesc& d : list) {
      if (is_one_pixel(d.type.shape)) continue;
      if (d.layout == Layout::nhwc || (block && *block != block_of(d.layout))) return std::nullopt;
      block = block_of(d.layout);
    }
  }
  return block.value_or(1);
}

/// Extents in the order of memory: of [N,C,H,W] in blocks of 16 they are N, C/16, H, W, 16.
inline std::vector<std::int64_t> physical_extents(const Shape& s, std::int64_t block) {
  if (block == 1) return {s.begin(), s.end()};
  return {s[0], s[1] / block, s[2], s[3], block};
}

/// Steps of a dense array.
inline std::vector<std::int64_t> dense_strides(std::span<const std::int64_t> extents) {
  std::vector<std::int64_t> strides(extents.size(), 1);
  for (std::size_t i = extents.size(); i-- > 1;) strides[i - 1] = strides[i] * extents[i];
  return strides;
}

inline bool all_f32(const Signature& s) {
  for (const TensorDesc& d : s.in) {
    if (d.type.dtype != DType::f32) return false;
  }
  for (const TensorDesc& d : s.out) {
    if (d.type.dtype != DType::f32) return false;
  }
  return true;
}

/// Everything in nchw, for cpu_layouts.
inline LayoutChoice plain_choice(std::span<const Type> in, std::span<const Type> out, double penalty = 0) {
  return {std::vector(in.size(), Layout::nchw), std::vector(out.size(), Layout::nchw), penalty};
}

/// Everything in the native blocked layout, if all can have it, or everything in nchw.
inline std::vector<LayoutChoice> native_then_plain(std::span<const Type> in, std::span<const Type> out) {
  std::vector<LayoutChoice> choices;
  const Layout native = native_layout();
  bool all = true;
  for (const Type& t : in) all = all && fits(t.shape, native);
  for (const Type& t : out) all = all && fits(t.shape, native);
  if (all) choices.push_back({std::vector(in.size(), native), std::vector(out.size(), native), 0});
  choices.push_back(plain_choice(in, out));
  return choices;
}

/// Hands out parts of a step's workspace.
class Workspace {
 public:
  /// The offset of `bytes` bytes, 64-byte aligned.
  std::size_t add(std::size_t bytes) {
    const std::size_t offset = total_;
    total_ += (bytes + 63) / 64 * 64;
    return offset;
  }
  std::size_t total() const { return total_; }

 private:
  std::size_t total_ = 0;
};

template <class T = void>
T* at(void* workspace, std::size_t offset) {
  return static_cast<T*>(static_cast<void*>(static_cast<std::byte*>(workspace) + offset));
}

}  // namespace g2face::cpu
