#pragma once
// f32 values as layouts store them: in 32 bits, or rounded to 16. Kernels compute in f32 whatever T is.

#include <utility>

#include "g2face/graph/op.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/narrow.cuh"

namespace g2face::cuda {

namespace unrolled_detail {
template <class F, int... i>
__device__ __forceinline__ void call(std::integer_sequence<int, i...>, const F& f) {
  (f(i), ...);
}
}  // namespace unrolled_detail

/// f(0), f(1), ... f(n - 1) without a loop, so that arrays that f indexes stay in registers whatever the optimiser
/// thinks of the size of f.
template <int n, class F>
__device__ __forceinline__ void unrolled(const F& f) {
  unrolled_detail::call(std::make_integer_sequence<int, n>(), f);
}

/// Eight neighbours, the unit of kernels for nhwc: 32 aligned bytes of float, 16 of bf16 and f16.
constexpr int lanes = 8;

/// Eight neighbours as they lie in memory.
template <class T>
struct StoredLanes {
  uint4 packed;
};
template <>
struct StoredLanes<float> {
  float4 low, high;
};

template <class T>
__device__ StoredLanes<T> load_stored(const T* from) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return {reinterpret_cast<const float4*>(from)[0], reinterpret_cast<const float4*>(from)[1]};
  } else {
    return {*reinterpret_cast<const uint4*>(from)};
  }
}

template <class T>
__device__ void unpack_lanes(const StoredLanes<T>& stored, float* v) {
  if constexpr (sizeof(T) == sizeof(float)) {
    const float4 a = stored.low, b = stored.high;
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
    v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
  } else {
    const uint4 packed = stored.packed;
    const float2 a = unpack<T>(packed.x), b = unpack<T>(packed.y), c = unpack<T>(packed.z), d = unpack<T>(packed.w);
    v[0] = a.x, v[1] = a.y, v[2] = b.x, v[3] = b.y;
    v[4] = c.x, v[5] = c.y, v[6] = d.x, v[7] = d.y;
  }
}

/// 16 aligned bytes of global memory in one store, which nvcc does not always make of four.
inline __device__ void store_16(void* to, std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
#ifdef __CUDACC__
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(a), "r"(b), "r"(c), "r"(d) : "memory");
#else
  *static_cast<uint4*>(to) = make_uint4(a, b, c, d);
#endif
}

template <class T>
__device__ void load_lanes(const T* from, float* v) {
  unpack_lanes(load_stored(from), v);
}

template <class T>
__device__ void store_lanes(T* to, const float* v) {
  if constexpr (sizeof(T) == sizeof(float)) {
    store_16(to, __float_as_uint(v[0]), __float_as_uint(v[1]), __float_as_uint(v[2]), __float_as_uint(v[3]));
    store_16(to + 4, __float_as_uint(v[4]), __float_as_uint(v[5]), __float_as_uint(v[6]), __float_as_uint(v[7]));
  } else {
    store_16(to, pack<T>(v[0], v[1]), pack<T>(v[2], v[3]), pack<T>(v[4], v[5]), pack<T>(v[6], v[7]));
  }
}

/// Whether a value lies in groups of eight channels when it is stored as features.
inline bool in_lanes(const Type& type) {
  return type.dtype == DType::f32 && type.shape.rank() == 4 && type.shape[1] % lanes == 0 && type.shape[1] > 0;
}

/// f.operator()<T>() with the type in which the layout stores f32 values.
template <class F>
auto with_storage(Layout layout, const F& f) {
  switch (layout) {
    case Layout::nhwc_bf16:
      return f.template operator()<bf16>();
    case Layout::nhwc_f16:
      return f.template operator()<f16>();
    default:
      return f.template operator()<float>();
  }
}

}  // namespace g2face::cuda
