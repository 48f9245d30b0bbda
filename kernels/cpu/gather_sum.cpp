#include <algorithm>
#include <cstdint>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {
namespace {

struct Sizes {
  std::int64_t planes = 0, extent = 0, rows = 0, columns = 0;
};

/// The element, or zero for an entry that is padding. Reads x[0] then, so that there is no branch to mispredict.
float element(const float* x, std::int32_t index, std::int64_t extent) {
  const bool inside = index >= 0 && index < extent;
  const float value = x[inside ? index : 0];
  return inside ? value : 0.f;
}

/// Rows [begin, end) of `count` planes at once, so that the table is read once for all of them.
template <int count>
void add_rows(const float* x, const std::int32_t* table, float* y, const Sizes& s, std::int64_t begin,
              std::int64_t end) {
  for (std::int64_t m = begin; m < end; ++m) {
    float totals[count] = {};
    for (const std::int32_t* i = table + m * s.columns; i < table + (m + 1) * s.columns; ++i) {
      for (int p = 0; p < count; ++p) totals[p] += element(x + p * s.extent, *i, s.extent);
    }
    for (int p = 0; p < count; ++p) y[p * s.rows + m] = totals[p];
  }
}

}  // namespace

MaybeStep gather_sum_cpu(const NoAttrs&, const Signature& s) {
  const Type &x = s.in[0].type, &table = s.in[1].type;
  if (x.dtype != DType::f32) return std::nullopt;
  Sizes sizes{0, x.shape[-1], table.shape[0], table.shape[1]};
  const std::int64_t results = s.out[0].type.shape.numel();
  if (sizes.rows > 0) sizes.planes = results / sizes.rows;
  Step step;
  step.kernel = "gather_sum rows";
  step.run = [sizes, results, threads = s.threads](const Buffers& b, Stream&) {
    const auto* table_data = b.get<std::int32_t>(1);
    if (sizes.extent == 0) {
      std::fill_n(b.out_as<float>(), results, 0.f);
      return;
    }
    constexpr std::int64_t together = 3;  // planes; most often the coordinates of one sample
    const std::int64_t grain = (1 << 14) / std::max<std::int64_t>(1, sizes.columns * sizes.planes) + 1;
    cpu::parallel_for(threads, sizes.rows, grain, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t p = 0;
      const auto add = [&]<int count>() {
        add_rows<count>(b.get<float>(0) + p * sizes.extent, table_data, b.out_as<float>() + p * sizes.rows, sizes,
                        begin, end);
        p += count;
      };
      while (p + together <= sizes.planes) add.template operator()<together>();
      while (p < sizes.planes) add.template operator()<1>();
    });
  };
  return step;
}

}  // namespace g2face
