#if defined(__x86_64__)

#include <cstddef>

#define G2FACE_WINOGRAD_ISA avx2
namespace g2face::cpu::winograd::avx2 {
inline constexpr std::size_t kRows = 1, kCols = 6, kBlock = 8;
}
#include "kernels/cpu/winograd_kernels.hpp"

#endif
