#define G2FACE_ISA base
#include "kernels/cpu/winograd_kernels.hpp"
