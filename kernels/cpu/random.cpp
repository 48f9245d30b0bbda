// Normal numbers from Philox4x32-10, sixteen blocks at a time. The integers are exactly the reference's; logarithm,
// cosine and sine are computed in float from integers that were reduced exactly, so that no digits cancel.

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace g2face {
namespace {

constexpr int group = 16;  // blocks of four numbers

struct Args {
  std::uint64_t seed, stream;
  std::int64_t n;           // elements in all
  std::int64_t begin, end;  // groups
  float* y;
};

/// -2 log((r + 0.5) 2^-32). Near 1 the logarithm is computed from the distance to 1, which is an exact integer.
G2FACE_INLINE float squared_radius(std::uint32_t r) {
  const bool near_one = r > 0xb504f333u;  // sqrt(1/2) 2^32
  const float distance = (static_cast<float>(~r) + 0.5f) * 0x1p-32f;
  const float log =
      near_one ? cpu::log1p_near_zero(-distance) : cpu::log_of_normal((static_cast<float>(r) + 0.5f) * 0x1p-32f);
  return -2.f * log;
}

struct CosineSine {
  float cosine, sine;
};

/// Of 2 pi (r + 0.5) 2^-32: the nearest quarter turn and what is left of at most an eighth.
G2FACE_INLINE CosineSine cosine_sine(std::uint32_t r) {
  const std::uint32_t quarter = (r + 0x20000000u) >> 30;
  const auto rest = static_cast<std::int32_t>(r - (quarter << 30));
  const float x = (static_cast<float>(rest) + 0.5f) * 1.4629180792671596e-9f;  // 2 pi 2^-32
  const float square = x * x;
  float s = -1.9515295891e-4f;
  s = s * square + 8.3321608736e-3f;
  s = s * square - 1.6666654611e-1f;
  s = s * square * x + x;
  float c = 2.443315711809948e-5f;
  c = c * square - 1.388731625493765e-3f;
  c = c * square + 4.166664568298827e-2f;
  c = c * square * square - 0.5f * square + 1.f;
  const bool swapped = (quarter & 1u) != 0;
  const float cosine = swapped ? s : c, sine = swapped ? c : s;
  return {((quarter + 1u) & 2u) != 0 ? -cosine : cosine, (quarter & 2u) != 0 ? -sine : sine};
}

struct Fill {
  G2FACE_INLINE void operator()(const Args& a) const {
    for (std::int64_t g = a.begin; g < a.end; ++g) {
      std::uint32_t c0[group], c1[group], c2[group], c3[group];
      for (int i = 0; i < group; ++i) {
        const std::uint64_t k = static_cast<std::uint64_t>(g) * group + static_cast<std::uint64_t>(i);
        c0[i] = static_cast<std::uint32_t>(k);
        c1[i] = static_cast<std::uint32_t>(k >> 32);
        c2[i] = static_cast<std::uint32_t>(a.stream);
        c3[i] = static_cast<std::uint32_t>(a.stream >> 32);
      }
      auto k0 = static_cast<std::uint32_t>(a.seed), k1 = static_cast<std::uint32_t>(a.seed >> 32);
      for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < group; ++i) {
          const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0[i], p1 = std::uint64_t{0xCD9E8D57u} * c2[i];
          c0[i] = static_cast<std::uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
          c1[i] = static_cast<std::uint32_t>(p1);
          c2[i] = static_cast<std::uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
          c3[i] = static_cast<std::uint32_t>(p0);
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
      }
      float normal[4 * group];
      for (int i = 0; i < group; ++i) {
        const float first = std::sqrt(squared_radius(c0[i])), second = std::sqrt(squared_radius(c2[i]));
        const CosineSine one = cosine_sine(c1[i]), two = cosine_sine(c3[i]);
        normal[4 * i] = first * one.cosine;
        normal[4 * i + 1] = first * one.sine;
        normal[4 * i + 2] = second * two.cosine;
        normal[4 * i + 3] = second * two.sine;
      }
      const std::int64_t at = g * 4 * group, count = a.n - at < 4 * group ? a.n - at : 4 * group;
      for (std::int64_t i = 0; i < count; ++i) a.y[at + i] = normal[i];
    }
  }
};

}  // namespace

MaybeStep random_cpu(const RandomAttrs& a, const Signature& s) {
  if (cpu::common_block({s.out}) != 1) return std::nullopt;
  Step step;
  step.kernel = str("random ", cpu::name_of(cpu::best_isa()));
  const std::int64_t rows = s.in[0].type.shape[0], n = a.shape.numel() / std::max<std::int64_t>(1, rows);
  step.run = [stream = a.stream, rows, n, fill = cpu::pick<Fill>(), threads = s.threads](const Buffers& b, Stream&) {
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t seed = b.get<std::int64_t>(0)[row];
      check<Error>(seed >= 0 && seed < std::int64_t{1} << 53, "random: seed ", seed,
                   " must be at least 0 and below 2^53");
      const std::int64_t groups = (n + 4 * group - 1) / (4 * group);
      cpu::parallel_for(threads, groups, 64, [&](std::int64_t begin, std::int64_t end) {
        fill({static_cast<std::uint64_t>(seed), stream, n, begin, end, b.out_as<float>() + row * n});
      });
    }
  };
  return step;
}

}  // namespace g2face
