#pragma once
// What a 1x1 convolution of joined inputs runs on, shared by the step and by the kernels of each instruction set.

#include <cstddef>

#include "kernels/cpu/gemm_blocking.hpp"

namespace g2face::cpu::concat_conv2d {

struct Plan {
  std::size_t images, depth, co, pixels;  // depth: channels of all inputs
  std::size_t block, blocks;              // pixels per block, blocks per image
  std::size_t input_floats, thread_floats;
  int threads;
};

struct Args {
  const void* const* x;      // the inputs
  const std::size_t* lanes;  // their channels in units of kLane
  std::size_t inputs;
  const float* packed;  // [panel of kPanel outputs][depth][output of the panel]
  float* y;
  float* workspace;  // thread_floats for each thread
  const Plan& plan;
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

}  // namespace g2face::cpu::concat_conv2d
