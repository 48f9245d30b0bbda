#if defined(__x86_64__)
#define G2FACE_ISA avx512
#include "kernels/cpu/winograd_kernels.hpp"
#include "kernels/cpu/winograd_weight_grad_kernels.hpp"
#endif
