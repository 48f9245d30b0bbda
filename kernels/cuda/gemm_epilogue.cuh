#pragma once
// What becomes of the sums of an implicit matrix product: they are stored as they are, or an elementwise program makes
// results of them and of other values of the same pixels and channels.

#include <cstdint>

#include "kernels/cuda/pointwise_run.cuh"

namespace g2face::cuda {

/// Where an operand of a program lies. Along the channels it is repeated (step 0) or dense (1).
struct EpilogueOperand {
  const void* data = nullptr;
  std::int64_t sample = 0;
  int pixel = 0, channel = 0;
  bool narrow = false;  // stored as the results are, not as float
};

/// A program whose input 0 is the sums.
struct GemmProgram {
  Code<float> code;
  EpilogueOperand in[max_inputs];
  void* out[max_results] = {};
  int pixels = 1, outs = 0;  // of a sample; of a pixel, whole pieces
};

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

/// Runs the program for n channels of a pixel of y, counted over all samples, and stores its results as T.
template <class T, int n>
__device__ void run_epilogue(const GemmProgram& p, const float (&sums)[n], int sample, int pixel, int channel) {
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
