#if defined(__x86_64__)
#define G2FACE_ISA avx512
#include "kernels/cpu/winograd_kernels.hpp"
#endif
