// Bound by reading x: a tile of pixels keeps one sum for each lane and output in the first-level cache while the blocks
// of channels pass by, four at a time; lanes are added up at the end.

#include "kernels/cpu/few_outputs.hpp"

#include <algorithm>
#include <array>

#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face::cpu {
namespace {

constexpr int most_outputs = 4;
constexpr std::int64_t tile = 32;  // pixels

struct TileArgs {
  const float* x;  // the first block of channels at the first pixel
  const float* w;  // [outputs][channels]
  float* y;        // the first output at the first pixel
  std::int64_t count, blocks, pixels;
};

template <int lanes, int outputs>
struct Tile {
  template <int blocks>
  G2FACE_INLINE static void add(const TileArgs& t, std::int64_t block, float* sums) {
    float w[outputs][blocks][lanes];
    for (int o = 0; o < outputs; ++o) {
      for (int b = 0; b < blocks; ++b) {
        for (int l = 0; l < lanes; ++l) w[o][b][l] = t.w[(o * t.blocks + block + b) * lanes + l];
      }
    }
    const float* x = t.x + block * t.pixels * lanes;
    const std::int64_t step = t.pixels * lanes;
    for (std::int64_t p = 0; p < t.count; ++p) {
      for (int o = 0; o < outputs; ++o) {
        float* sum = sums + (p * outputs + o) * lanes;
#pragma omp simd
        for (int l = 0; l < lanes; ++l) {
          float s = sum[l];
          for (int b = 0; b < blocks; ++b) s += w[o][b][l] * x[b * step + p * lanes + l];
          sum[l] = s;
        }
      }
    }
  }
  G2FACE_INLINE void operator()(const TileArgs& t) const {
    float sums[tile * outputs * lanes];
    std::fill(sums, sums + t.count * outputs * lanes, 0.f);
    std::int64_t block = 0;
    for (; block + 4 <= t.blocks; block += 4) add<4>(t, block, sums);
    for (; block < t.blocks; ++block) add<1>(t, block, sums);
    for (std::int64_t p = 0; p < t.count; ++p) {
      for (int o = 0; o < outputs; ++o) {
        const float* sum = sums + (p * outputs + o) * lanes;
        float total = 0;
#pragma omp simd reduction(+ : total)
        for (int l = 0; l < lanes; ++l) total += sum[l];
        t.y[o * t.pixels + p] = total;
      }
    }
  }
};

using Loop = void (*)(const TileArgs&);

template <int lanes>
Loop loop_for(std::int64_t outputs) {
  const std::array<Loop, most_outputs> loops = {pick<Tile<lanes, 1>>(), pick<Tile<lanes, 2>>(), pick<Tile<lanes, 3>>(),
                                                pick<Tile<lanes, 4>>()};
  return loops.at(static_cast<std::size_t>(outputs - 1));
}

}  // namespace

MaybeStep few_outputs_conv2d(const Conv2dAttrs& a, const Signature& s) {
  const Shape &x = s.in[0].type.shape, &w = s.in[1].type.shape;
  const std::int64_t lanes = block_of(s.in[0].layout);
  const bool one_by_one = w[2] == 1 && w[3] == 1 && a.stride == std::array<std::int64_t, 2>{1, 1} &&
                          a.pad == std::array<std::int64_t, 2>{0, 0} && a.groups == 1;
  if (!one_by_one || lanes == 1 || w[0] > most_outputs || s.out[0].layout != Layout::nchw) return std::nullopt;
  const Loop loop = lanes == 16 ? loop_for<16>(w[0]) : loop_for<8>(w[0]);
  const std::int64_t samples = x[0], channels = x[1], pixels = x[2] * x[3], outputs = w[0];
  Step step;
  step.kernel = str("conv2d few_outputs:", name_of(best_isa()));
  step.run = [=, threads = x.numel() < (1 << 14) ? 1 : s.threads](const Buffers& b, Stream&) {
    const std::int64_t tiles = (pixels + tile - 1) / tile;
    parallel_parts(threads, samples * tiles, [&](int, std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t n = i / tiles, first = i % tiles * tile;
        loop({b.get<float>(0) + n * channels * pixels + first * lanes, b.get<float>(1),
              b.out_as<float>() + n * outputs * pixels + first, std::min(tile, pixels - first), channels / lanes,
              pixels});
      }
    });
  };
  return step;
}

}  // namespace g2face::cpu
