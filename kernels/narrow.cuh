#pragma once
// The 16-bit storage types in kernels: read as float, rounded to nearest even when written (as on the host, but for the
// bits of a NaN). Two neighbours travel in one register, the first in its lower half.

#include <cuda_runtime.h>

#include <cstdint>

#include "g2face/dtype.hpp"
#ifndef __CUDACC__
#include <mma.hpp>
#endif

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#error "bf16, asynchronous copies and the matrix instructions used here need sm_80 or later"
#endif

namespace g2face::cuda {

inline __device__ std::uint32_t pack_bf16x2(float low, float high) {
#ifdef __CUDACC__
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  return cuda_on_host::pair_of(cuda_on_host::bf16_bits(low), cuda_on_host::bf16_bits(high));
#endif
}

inline __device__ std::uint32_t pack_f16x2(float low, float high) {
#ifdef __CUDACC__
  std::uint32_t pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  return cuda_on_host::pair_of(cuda_on_host::f16_bits(low), cuda_on_host::f16_bits(high));
#endif
}

inline __device__ float to_f32(float v) { return v; }
inline __device__ float to_f32(bf16 v) { return __uint_as_float(static_cast<std::uint32_t>(v.bits) << 16); }
inline __device__ float to_f32(f16 v) {
#ifdef __CUDACC__
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(v.bits));
  return wide;
#else
  return to_float(v);
#endif
}

inline __device__ float2 unpack_bf16x2(std::uint32_t pair) {
  return {__uint_as_float(pair << 16), __uint_as_float(pair & 0xffff0000u)};
}
inline __device__ float2 unpack_f16x2(std::uint32_t pair) {
  return {to_f32(f16{static_cast<std::uint16_t>(pair & 0xffffu)}), to_f32(f16{static_cast<std::uint16_t>(pair >> 16)})};
}

/// What is stored for v: itself, or rounded to 16 bits.
template <class T>
__device__ T from_f32(float v);
template <>
inline __device__ float from_f32<float>(float v) {
  return v;
}
template <>
inline __device__ bf16 from_f32<bf16>(float v) {
  return {static_cast<std::uint16_t>(pack_bf16x2(v, 0) & 0xffffu)};
}
template <>
inline __device__ f16 from_f32<f16>(float v) {
  return {static_cast<std::uint16_t>(pack_f16x2(v, 0) & 0xffffu)};
}

/// Two elements of type T in one register, and back.
template <class T>
__device__ std::uint32_t pack(float low, float high);
template <>
inline __device__ std::uint32_t pack<bf16>(float low, float high) {
  return pack_bf16x2(low, high);
}
template <>
inline __device__ std::uint32_t pack<f16>(float low, float high) {
  return pack_f16x2(low, high);
}
template <class T>
__device__ float2 unpack(std::uint32_t pair);
template <>
inline __device__ float2 unpack<bf16>(std::uint32_t pair) {
  return unpack_bf16x2(pair);
}
template <>
inline __device__ float2 unpack<f16>(std::uint32_t pair) {
  return unpack_f16x2(pair);
}

}  // namespace g2face::cuda
