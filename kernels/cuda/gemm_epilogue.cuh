#pragma once
// What becomes of the sums of an implicit matrix product: they are stored as they are, or an elementwise program makes
// results of them and of other values of the same pixels and channels.

#include <cstdint>

#include "kernels/cuda/compiled_program.cuh"
#include "kernels/cuda/gemm_program.hpp"
#include "kernels/cuda/pointwise_run.cuh"

namespace g2face::cuda {

/// Where an operand of a program lies. Along the channels it is repeated (step 0) or dense (1).
struct EpilogueOperand {
  const void* data = nullptr;
  std::int64_t sample = 0;
  int pixel = 0, channel = 0;
  bool narrow = false;  // stored as the results are, not as float
};

constexpr int most_compiled_steps = 8;  // of EpiloguePrograms

/// A program whose input 0 is the sums.
struct GemmProgram {
  int compiled = -1;                                               // its place among EpiloguePrograms
  float a[most_compiled_steps] = {}, b[most_compiled_steps] = {};  // constants of unary functions
  Code<float> code;
  EpilogueOperand in[max_inputs];
  void* out[max_results] = {};
  int pixels = 1, outs = 0;  // of a sample; of a pixel, whole pieces
};

/// The program of an epilogue for results like y, without the addresses of operands and results.
GemmProgram program_of(const GemmEpilogue& epilogue, const Shape& y, bool in_16_bits);

/// Few programs save a value, and those that do save one or two: local memory stays in the first-level cache.
template <int n>
struct LocalSlots {
  float (*own)[n];
  __device__ void load(int slot, float (&to)[n]) const {
    unrolled<n>([&](int i) { to[i] = own[slot][i]; });
  }
  __device__ void save(int slot, const float (&from)[n]) const {
    unrolled<n>([&](int i) { own[slot][i] = from[i]; });
  }
};

/// n values, 16 bytes at a time.
template <int n, class T>
__device__ void load_vector(const T* from, float (&to)[n]) {
  if constexpr (sizeof(T) == 2) {
    static_assert(n == lanes);
    load_lanes(from, to);
  } else {
    unrolled<n / 4>([&](int i) {
      const float4 v = reinterpret_cast<const float4*>(from)[i];
      to[4 * i] = v.x, to[4 * i + 1] = v.y, to[4 * i + 2] = v.z, to[4 * i + 3] = v.w;
    });
  }
}

template <int n, class T>
__device__ void store_vector(T* to, const float (&from)[n]) {
  if constexpr (sizeof(T) == 2) {
    static_assert(n == lanes);
    store_lanes(to, from);
  } else {
    unrolled<n / 4>([&](int i) {
      reinterpret_cast<float4*>(to)[i] = make_float4(from[4 * i], from[4 * i + 1], from[4 * i + 2], from[4 * i + 3]);
    });
  }
}

/// n neighbours as they lie in memory.
template <class T, int n>
struct StoredVector {
  static_assert(n * sizeof(T) == sizeof(uint4));
  uint4 words;
  __device__ void load(const void* data, std::int64_t at) {
    words = *reinterpret_cast<const uint4*>(static_cast<const T*>(data) + at);
  }
  __device__ void unpack(float (&to)[n]) const {
    if constexpr (sizeof(T) == 2) {
      const float2 pairs[] = {cuda::unpack<T>(words.x), cuda::unpack<T>(words.y), cuda::unpack<T>(words.z),
                              cuda::unpack<T>(words.w)};
      unrolled<n / 2>([&](int i) { to[2 * i] = pairs[i].x, to[2 * i + 1] = pairs[i].y; });
    } else {
      const std::uint32_t bits[] = {words.x, words.y, words.z, words.w};
      unrolled<n>([&](int i) { to[i] = __uint_as_float(bits[i]); });
    }
  }
};

/// Program P for n channels of a pixel: all operands are on their way before the first is used.
template <class P, class T, int n>
__device__ void run_compiled(const GemmProgram& p, const float (&sums)[n], int sample, int pixel, int channel) {
  constexpr int inputs = input_count<P>;
  StoredVector<T, n> whole[inputs];
  float value[inputs][n];
  for_each_constant<inputs>([&]<int i>() {
    const EpilogueOperand& in = p.in[i];
    const std::int64_t at = sample * in.sample + static_cast<std::int64_t>(pixel - sample * p.pixels) * in.pixel +
                            static_cast<std::int64_t>(channel) * in.channel;
    if constexpr (i == 0) {
      unrolled<n>([&](int k) { value[i][k] = sums[k]; });
    } else if constexpr (P::in[i] == Role::whole) {
      whole[i].load(in.data, at);
    } else if constexpr (P::in[i] == Role::channel) {
      load_vector<n>(static_cast<const float*>(in.data) + at, value[i]);
    } else {
      value[i][0] = static_cast<const float*>(in.data)[at];
    }
  });
  for_each_constant<inputs>([&]<int i>() {
    if constexpr (i > 0 && P::in[i] == Role::whole) whole[i].unpack(value[i]);
    if constexpr (P::in[i] == Role::pixel) unrolled<n - 1>([&](int k) { value[i][k + 1] = value[i][0]; });
  });
  float out[result_count<P>][n];
  for_each_constant<n>([&]<int k>() {
    float r[inputs + step_count<P>];
    for_each_constant<inputs>([&]<int i>() { r[i] = value[i][k]; });
    execute<P, T>(p.a, p.b, r);
    for_each_constant<result_count<P>>([&]<int o>() { out[o][k] = r[P::results[o]]; });
  });
  for_each_constant<result_count<P>>([&]<int o>() {
    store_vector<n>(static_cast<T*>(p.out[o]) + static_cast<std::int64_t>(pixel) * p.outs + channel, out[o]);
  });
}

/// Runs the program for n channels of a pixel of y, counted over all samples, and stores its results as T.
template <class T, int n>
__device__ void run_epilogue(const GemmProgram& p, const float (&sums)[n], int sample, int pixel, int channel) {
  bool done = false;
  for_each_constant<static_cast<int>(std::tuple_size_v<EpiloguePrograms>)>([&]<int i>() {
    if (p.compiled != i) return;
    run_compiled<std::tuple_element_t<i, EpiloguePrograms>, T>(p, sums, sample, pixel, channel);
    done = true;
  });
  if (done) return;
  float saved[max_slots][n];
  const auto fetch = [&](int input, float(&to)[n]) {
    if (input == 0) {
      unrolled<n>([&](int i) { to[i] = sums[i]; });
      return;
    }
    const EpilogueOperand& in = p.in[input];
    const std::int64_t at = sample * in.sample + static_cast<std::int64_t>(pixel - sample * p.pixels) * in.pixel +
                            static_cast<std::int64_t>(channel) * in.channel;
    if (in.channel == 0) {
      const float v = static_cast<const float*>(in.data)[at];
      unrolled<n>([&](int i) { to[i] = v; });
    } else if (in.narrow) {
      load_vector<n>(static_cast<const T*>(in.data) + at, to);
    } else {
      load_vector<n>(static_cast<const float*>(in.data) + at, to);
    }
  };
  const auto store = [&](int result, const float(&from)[n]) {
    store_vector<n>(static_cast<T*>(p.out[result]) + static_cast<std::int64_t>(pixel) * p.outs + channel, from);
  };
  run<n>(p.code, LocalSlots<n>{saved}, fetch, store);
}

}  // namespace g2face::cuda
