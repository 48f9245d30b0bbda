#pragma once
// One binary for every x86-64: a loop is compiled for several instruction sets and the plan picks one. Plain C++ that
// compilers vectorise, no intrinsics, so every other architecture gets the first version and the same results.

#include <cstdint>
#include <string_view>

#define G2FACE_INLINE __attribute__((always_inline)) inline

#if defined(__x86_64__) && defined(__clang__)
#define G2FACE_AVX2 __attribute__((target("avx2,fma,bmi2")))
#define G2FACE_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2")))
#elif defined(__x86_64__)
#define G2FACE_AVX2 __attribute__((target("avx2,fma,bmi2")))
#define G2FACE_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,prefer-vector-width=512")))
#endif

namespace g2face::cpu {

enum class Isa : std::uint8_t { base, avx2, avx512 };

/// The best that this machine has, or less: the environment variable G2FACE_CPU_ISA ("base", "avx2", "avx512") lowers
/// it, for tests and measurements. Throws DeviceError for any other value.
Isa best_isa();
std::string_view name_of(Isa isa);  // "avx512"

/// The loop `Kernel::operator()(A...)`, which has to be G2FACE_INLINE, compiled for `isa`. Calls no libm function that
/// a compiler would have to keep scalar unless it has to.
template <class Kernel, class... A>
struct Versions {
  using Function = void (*)(A...);
  static void base(A... a) { Kernel()(a...); }
#if defined(__x86_64__)
  G2FACE_AVX2 static void avx2(A... a) { Kernel()(a...); }
  G2FACE_AVX512 static void avx512(A... a) { Kernel()(a...); }
#endif
  static Function pick(Isa isa) {
#if defined(__x86_64__)
    if (isa == Isa::avx512) return avx512;
    if (isa == Isa::avx2) return avx2;
#endif
    return base;
  }
};

/// versions<Kernel>(&Kernel::operator())::pick without spelling the arguments.
template <class Kernel, class... A>
auto pick(void (Kernel::*)(A...) const, Isa isa = best_isa()) {
  return Versions<Kernel, A...>::pick(isa);
}
template <class Kernel>
auto pick(Isa isa = best_isa()) {
  return pick(&Kernel::operator(), isa);
}

}  // namespace g2face::cpu
