#pragma once
// Blocking of the Winograd kernels, shared by the steps that call them and by every instruction set.

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/gemm_blocking.hpp"

namespace g2face::cpu::winograd {

inline constexpr std::size_t kGroup = 64;  // output channels per pass over the transformed input

enum class Kind : std::uint8_t {
  conv3x3,          // stride 1, pad 1, output h x w: F(4x4,3x3)
  conv3x3_stride2,  // as conv4x4_stride2 with taps of zero in the last row and column
  conv4x4_stride2,  // four phases of 2x2 taps, F(4x4,2x2)
  up3x3_stride2,    // transposed, pad 0, output 2h+1 x 2w+1: per output parity 2x2, 2x1, 1x2 or 1 tap, F(5,2)
  up4x4_stride2,    // transposed, pad 1, output 2h x 2w: per output parity 2x2 taps, F(4x4,2x2)
};

struct Shape {
  Kind kind;
  int n, ci, co, h, w, out_h, out_w;  // h, w of the input; ci and co are multiples of 16
  int pad;
};

struct Plan {
  std::size_t edge, slots;  // edge of a transformed tile, number of its slots (one matrix product each)
  std::size_t out, taps;    // outputs per tile edge, taps per channel of depth
  std::size_t depth;        // of the matrix products: input channels, times four phases for stride 2
  std::size_t out_h, out_w, tiles_y, tiles_x, tiles;
  int before;                      // input pixels that a tile has before that of its first output
  bool private_tiles;              // each thread works on tiles of its own, otherwise on channels of shared tiles
  std::size_t block, blocks;       // tiles per block, number of blocks
  std::size_t groups;              // groups of kGroup output channels
  std::size_t split, split_tiles;  // a shared block is cut for machines with more threads than groups
  std::size_t slot_stride;         // floats between slots of the transformed input
  std::size_t sum_stride;          // floats between slots of the accumulators
  std::size_t panel_stride;        // floats between transformed weight panels
  std::size_t input_floats, panel_floats, sum_floats;
  std::size_t shared_floats, private_floats;  // workspace: shared part, then one private part per thread
};

Plan make_plan(const Shape& shape, int threads);

struct Args {
  const float* x;
  const float* packed;
  float* y;
  float* workspace;
  Shape shape;
  Plan plan;
  int threads;
};

// x and y in blocks of 16 channels for avx512, of 8 for the others. Results do not depend on the number of threads.
namespace avx512 {
void run(const Args& args);
}
namespace avx2 {
void run(const Args& args);
}
namespace base {
void run(const Args& args);
}

}  // namespace g2face::cpu::winograd
