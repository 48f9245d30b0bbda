// Normal numbers from Philox4x32-10. A thread makes one block of four numbers and writes them at once: 4 bytes an
// element. The integers are exactly the reference's; the normals are computed in float from integers that were reduced
// exactly, so that no digits cancel.

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face {
namespace {

struct Counter {
  std::uint32_t word[4];
};

__device__ Counter philox(Counter c, std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c.word[0], p1 = std::uint64_t{0xCD9E8D57u} * c.word[2];
    c = {{static_cast<std::uint32_t>(p1 >> 32) ^ c.word[1] ^ k0, static_cast<std::uint32_t>(p1),
          static_cast<std::uint32_t>(p0 >> 32) ^ c.word[3] ^ k1, static_cast<std::uint32_t>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

/// Two normals (Box and Muller 1958) of the uniforms (u + 0.5) 2^-32 and (v + 0.5) 2^-32.
__device__ void normal_pair(std::uint32_t u, std::uint32_t v, float& first, float& second) {
  // Near 1 the logarithm is computed from the distance to 1, which is an exact integer.
  const float log = u < 0x80000000u ? logf((static_cast<float>(u) + 0.5f) * 0x1p-32f)
                                    : log1pf((static_cast<float>(~u) + 0.5f) * -0x1p-32f);
  const float radius = sqrtf(-2.f * log);
  // The nearest quarter turn, and what is left of at most an eighth, in half turns.
  const std::uint32_t quarter = (v + 0x20000000u) >> 30;
  const auto rest = static_cast<std::int32_t>(v - (quarter << 30));
  float sine = 0, cosine = 0;
  sincospif((static_cast<float>(rest) + 0.5f) * 0x1p-31f, &sine, &cosine);
  const bool swapped = (quarter & 1u) != 0;
  const float x = swapped ? sine : cosine, y = swapped ? cosine : sine;
  first = radius * (((quarter + 1u) & 2u) != 0 ? -x : x);
  second = radius * ((quarter & 2u) != 0 ? -y : y);
}

/// n numbers of each of the seeds; a row may begin where four floats cannot be written at once.
__global__ void random_kernel(const std::int64_t* seeds, std::int64_t rows, std::uint64_t stream, float* y,
                              std::int64_t n) {
  const std::int64_t blocks = (n + 3) / 4;
  for (std::int64_t i = cuda::thread_index(); i < rows * blocks; i += cuda::thread_count()) {
    const std::int64_t row = i / blocks, k = i - row * blocks, seed = seeds[row];
    const bool valid = seed >= 0 && seed < std::int64_t{1} << 53;
    const auto block = static_cast<std::uint64_t>(k);
    const Counter r = philox({{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                               static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)}},
                             static_cast<std::uint64_t>(seed));
    float4 normal{};
    normal_pair(r.word[0], r.word[1], normal.x, normal.y);
    normal_pair(r.word[2], r.word[3], normal.z, normal.w);
    if (!valid) normal.x = normal.y = normal.z = normal.w = NAN;
    float* at = y + row * n + 4 * k;
    if (4 * k + 4 <= n && (row * n) % 4 == 0) {
      *reinterpret_cast<float4*>(at) = normal;
    } else {
      at[0] = normal.x;
      if (4 * k + 1 < n) at[1] = normal.y;
      if (4 * k + 2 < n) at[2] = normal.z;
      if (4 * k + 3 < n) at[3] = normal.w;
    }
  }
}

}  // namespace

std::optional<Step> random_cuda(const RandomAttrs& a, const Signature& s) {
  if (s.out[0].layout != Layout::nchw) return std::nullopt;
  Step step;
  step.kernel = "random cuda";
  const std::int64_t rows = s.in[0].type.shape[0];
  step.run = [stream_number = a.stream, rows, all = a.shape.numel()](const Buffers& b, Stream& stream) {
    if (all == 0) return;
    const std::int64_t n = all / rows;
    cuda::launch(random_kernel, cuda::blocks_for(rows * ((n + 3) / 4)), cuda::threads_per_block, 0,
                 cuda::stream_of(stream), b.get<std::int64_t>(0), rows, stream_number, b.out_as<float>(), n);
  };
  return step;
}

}  // namespace g2face
