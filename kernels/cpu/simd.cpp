#include "kernels/cpu/simd.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "g2face/error.hpp"

namespace g2face::cpu {
namespace {

Isa machine_isa() {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::base;
#else
  return Isa::base;
#endif
}

}  // namespace

std::string_view name_of(Isa isa) { return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "base"; }

Isa best_isa() {
  const char* wanted = std::getenv("G2FACE_CPU_ISA");
  if (wanted == nullptr || *wanted == '\0') return machine_isa();
  for (const Isa isa : {Isa::base, Isa::avx2, Isa::avx512}) {
    if (name_of(isa) == wanted) return std::min(isa, machine_isa());
  }
  throw DeviceError(str("G2FACE_CPU_ISA is '", wanted, "', expected base, avx2 or avx512"));
}

}  // namespace g2face::cpu
