#define G2FACE_ISA base
#include "kernels/cpu/concat_conv2d_kernels.hpp"
