#if defined(__x86_64__)
#define G2FACE_ISA avx2
#include "kernels/cpu/concat_conv2d_kernels.hpp"
#endif
