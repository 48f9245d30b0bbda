#pragma once
// The CUDA names that stand in kernels.

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __shared__ static
#define __forceinline__ inline
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;

#define CUDA_ON_HOST_VECTORS(T, NAME)                        \
  struct alignas(2 * sizeof(T)) NAME##2 {                    \
    T x, y;                                                  \
  };                                                         \
  struct alignas(4 * sizeof(T)) NAME##4 {                    \
    T x, y, z, w;                                            \
  };                                                         \
  inline NAME##2 make_##NAME##2(T x, T y) { return {x, y}; } \
  inline NAME##4 make_##NAME##4(T x, T y, T z, T w) { return {x, y, z, w}; }
CUDA_ON_HOST_VECTORS(float, float)
CUDA_ON_HOST_VECTORS(int, int)
CUDA_ON_HOST_VECTORS(unsigned, uint)
#undef CUDA_ON_HOST_VECTORS
struct alignas(2 * sizeof(double)) double2 {
  double x, y;
};
inline double2 make_double2(double x, double y) { return {x, y}; }

template <class T>
T __ldg(const T* p) {
  return *p;
}
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline unsigned __float_as_uint(float v) { return std::bit_cast<unsigned>(v); }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline int __float_as_int(float v) { return std::bit_cast<int>(v); }
inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __clz(int bits) { return std::countl_zero(static_cast<unsigned>(bits)); }
inline int __ffs(int bits) { return bits == 0 ? 0 : std::countr_zero(static_cast<unsigned>(bits)) + 1; }
inline float rsqrtf(float v) { return 1 / std::sqrt(v); }
inline float __expf(float v) { return std::exp(v); }
inline float __fdividef(float x, float y) { return x / y; }
/// Sine and cosine of pi x. CUDA's are within two units in the last place.
inline void sincospif(float x, float* sine, float* cosine) {
  const double angle = 3.14159265358979323846 * static_cast<double>(x);
  *sine = static_cast<float>(std::sin(angle));
  *cosine = static_cast<float>(std::cos(angle));
}
inline double rsqrt(double v) { return 1 / std::sqrt(v); }
template <class T>
requires std::is_arithmetic_v<T>
constexpr T min(T a, T b) { return b < a ? b : a; }
template <class T>
requires std::is_arithmetic_v<T>
constexpr T max(T a, T b) { return a < b ? b : a; }

namespace cuda_on_host {

void* shared_memory();
int lane();

/// What the threads of a meeting brought, by lane or by thread; null for lanes that take no part.
struct Brought {
  void* const* of = nullptr;
  unsigned count = 0;
  template <class T>
  T* as(unsigned i) const {
    return static_cast<T*>(of[i]);
  }
};
/// Where threads meet. `what` and the place stand in messages.
struct Place {
  const char* what;
  const char* file = __builtin_FILE();
  int line = __builtin_LINE();
};
constexpr std::uint32_t whole_block = 0, whole_warp = 0xffffffffu;
/// Waits for the whole block or for those lanes of the warp; the last to come lets `together` deal with what they
/// brought.
void meet(const Place& place, std::uint32_t lanes, void* brought = nullptr, void (*together)(Brought) = nullptr);

[[noreturn]] void reads_absent_lane(const Place& place, int source);

/// What lane `source` brings.
template <class T>
T exchange(const Place& place, std::uint32_t lanes, T value, int source) {
  struct Brings {
    T value;
    int source;
    bool found;
    T received;
  } mine{value, source, false, value};
  meet(place, lanes, &mine, [](Brought all) {
    for (unsigned i = 0; i < all.count; ++i) {
      auto* const reader = all.as<Brings>(i);
      if (reader == nullptr) continue;
      const auto from = static_cast<unsigned>(reader->source);
      const auto* const writer = from < all.count ? all.as<Brings>(from) : nullptr;
      reader->found = writer != nullptr;
      if (reader->found) reader->received = writer->value;
    }
  });
  if (!mine.found) reads_absent_lane(place, source);
  return mine.received;
}

/// The lanes, or the number of threads of the block, that bring something else than 0.
std::uint32_t votes(const Place& place, std::uint32_t lanes, bool vote);

}  // namespace cuda_on_host

#define CUDA_ON_HOST_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(CUDA_ON_HOST_PLACE) {
  cuda_on_host::meet({"__syncthreads", file, line}, cuda_on_host::whole_block);
}
inline int __syncthreads_count(int vote, CUDA_ON_HOST_PLACE) {
  return static_cast<int>(
      cuda_on_host::votes({"__syncthreads_count", file, line}, cuda_on_host::whole_block, vote != 0));
}
inline int __syncthreads_or(int vote, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::votes({"__syncthreads_or", file, line}, cuda_on_host::whole_block, vote != 0) != 0 ? 1 : 0;
}
inline int __syncthreads_and(int vote, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::votes({"__syncthreads_and", file, line}, cuda_on_host::whole_block, vote == 0) == 0 ? 1 : 0;
}
inline void __syncwarp(std::uint32_t lanes = cuda_on_host::whole_warp, CUDA_ON_HOST_PLACE) {
  cuda_on_host::meet({"__syncwarp", file, line}, lanes);
}
inline std::uint32_t __ballot_sync(std::uint32_t lanes, int vote, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::votes({"__ballot_sync", file, line}, lanes, vote != 0);
}
inline int __any_sync(std::uint32_t lanes, int vote, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::votes({"__any_sync", file, line}, lanes, vote != 0) != 0 ? 1 : 0;
}
inline int __all_sync(std::uint32_t lanes, int vote, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::votes({"__all_sync", file, line}, lanes, vote == 0) == 0 ? 1 : 0;
}
template <class T>
T __shfl_sync(std::uint32_t lanes, T value, int source, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::exchange({"__shfl_sync", file, line}, lanes, value, source & 31);
}
template <class T>
T __shfl_xor_sync(std::uint32_t lanes, T value, int mask, CUDA_ON_HOST_PLACE) {
  return cuda_on_host::exchange({"__shfl_xor_sync", file, line}, lanes, value, cuda_on_host::lane() ^ (mask & 31));
}
template <class T>
T __shfl_down_sync(std::uint32_t lanes, T value, unsigned delta, CUDA_ON_HOST_PLACE) {
  const int l = cuda_on_host::lane(), source = l + static_cast<int>(delta);
  return cuda_on_host::exchange({"__shfl_down_sync", file, line}, lanes, value, source < 32 ? source : l);
}
template <class T>
T __shfl_up_sync(std::uint32_t lanes, T value, unsigned delta, CUDA_ON_HOST_PLACE) {
  const int l = cuda_on_host::lane(), source = l - static_cast<int>(delta);
  return cuda_on_host::exchange({"__shfl_up_sync", file, line}, lanes, value, source >= 0 ? source : l);
}

#undef CUDA_ON_HOST_PLACE
