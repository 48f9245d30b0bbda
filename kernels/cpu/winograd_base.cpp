#define G2FACE_ISA base
#include "kernels/cpu/winograd_kernels.hpp"
#include "kernels/cpu/winograd_weight_grad_kernels.hpp"
