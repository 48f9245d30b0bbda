#pragma once
// Blocked layouts: [N][C/block][H][W][block].

#include <cstddef>
#include <cstdint>
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

inline bool all_f32(const Signature& s) {
  for (const TensorDesc& d : s.in) {
    if (d.type.dtype != DType::f32) return false;
  }
  for (const TensorDesc& d : s.out) {
    if (d.type.dtype != DType::f32) return false;
  }
  return true;
}

inline bool all_nchw(const Signature& s) {
  for (const TensorDesc& d : s.in) {
    if (d.layout != Layout::nchw) return false;
  }
  for (const TensorDesc& d : s.out) {
    if (d.layout != Layout::nchw) return false;
  }
  return true;
}

/// Everything in nchw, for cpu_layouts.
inline LayoutChoice plain_choice(std::span<const Type> in, std::span<const Type> out, double penalty = 0) {
  return {std::vector(in.size(), Layout::nchw), std::vector(out.size(), Layout::nchw), penalty};
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
