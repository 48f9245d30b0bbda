#if defined(__x86_64__)

#include <cstddef>

#define G2FACE_WINOGRAD_ISA avx512
namespace g2face::cpu::winograd::avx512 {
inline constexpr std::size_t kRows = 2, kCols = 14, kBlock = 16;
}
#include "kernels/cpu/winograd_kernels.hpp"

#endif
