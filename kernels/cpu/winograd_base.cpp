#include <cstddef>

#define G2FACE_WINOGRAD_ISA base
namespace g2face::cpu::winograd::base {
inline constexpr std::size_t kRows = 1, kCols = 2, kBlock = 8;
}
#include "kernels/cpu/winograd_kernels.hpp"
