#include <algorithm>
#include <cstring>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"

namespace g2face {
namespace {

/// x as [outer, extent, inner] around the axis, in the order of memory.
struct Split {
  std::int64_t outer = 1, inner = 1;
};

Split split(const Shape& shape, int axis, std::int64_t block) {
  const auto extents = cpu::physical_extents(shape, block);
  Split s;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (i < static_cast<std::size_t>(axis)) s.outer *= extents[i];
    if (i > static_cast<std::size_t>(axis)) s.inner *= extents[i];
  }
  return s;
}

LayoutChoices choices(const GatherAttrs& a, std::span<const Type> in, std::span<const Type> out) {
  return a.axis == 1 ? LayoutChoices{cpu::plain_choice(in, out)} : cpu::native_then_plain(in, out);
}

/// Slices of one element, picked one by one.
template <class T>
void pick_elements(const T* x, T* y, const std::vector<std::int64_t>& index) {
  for (std::size_t i = 0; i < index.size(); ++i) y[i] = x[index[i]];
}

}  // namespace

MaybeStep gather_cpu(const GatherAttrs& a, const Signature& s) {
  const auto block = cpu::common_block({s.in, s.out});
  if (!block || (*block > 1 && a.axis == 1)) return std::nullopt;
  const Split shape = split(s.in[0].type.shape, a.axis, *block);
  const std::size_t element = size_of(s.in[0].type.dtype), slice = static_cast<std::size_t>(shape.inner) * element;
  Step step;
  step.kernel = "gather copy";
  step.run = [a, shape, slice, threads = s.threads](const Buffers& b, Stream&) {
    const auto count = a.index.size();
    const std::int64_t grain = (1 << 16) / static_cast<std::int64_t>(std::max<std::size_t>(1, count * slice)) + 1;
    cpu::parallel_for(threads, shape.outer, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o) {
        const auto plane = static_cast<std::size_t>(o);
        const auto* x = static_cast<const std::byte*>(b.in[0]) + plane * static_cast<std::size_t>(a.extent) * slice;
        auto* y = static_cast<std::byte*>(b.out[0]) + plane * count * slice;
        if (slice == 4) {
          pick_elements(reinterpret_cast<const std::uint32_t*>(x), reinterpret_cast<std::uint32_t*>(y), a.index);
          continue;
        }
        for (std::size_t i = 0; i < count; ++i) {
          std::memcpy(y + i * slice, x + static_cast<std::size_t>(a.index[i]) * slice, slice);
        }
      }
    });
  };
  return step;
}

MaybeStep gather_grad_cpu(const GatherAttrs& a, const Signature& s) {
  const auto block = cpu::common_block({s.in, s.out});
  if (!cpu::all_f32(s) || !block || (*block > 1 && a.axis == 1)) return std::nullopt;
  const Split shape = split(s.out[0].type.shape, a.axis, *block);
  Step step;
  step.kernel = "gather_grad add";
  step.run = [a, shape, threads = s.threads](const Buffers& b, Stream&) {
    const auto count = static_cast<std::int64_t>(a.index.size());
    const std::int64_t grain = (1 << 14) / std::max<std::int64_t>(1, (count + a.extent) * shape.inner) + 1;
    cpu::parallel_for(threads, shape.outer, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o) {
        const float* dy = b.get<float>(0) + o * count * shape.inner;
        float* dx = b.out_as<float>() + o * a.extent * shape.inner;
        std::fill_n(dx, a.extent * shape.inner, 0.f);
        for (std::int64_t i = 0; i < count; ++i) {
          float* to = dx + a.index[static_cast<std::size_t>(i)] * shape.inner;
          const float* from = dy + i * shape.inner;
#pragma omp simd
          for (std::int64_t k = 0; k < shape.inner; ++k) to[k] += from[k];
        }
      }
    });
  };
  return step;
}

LayoutChoices gather_cpu_layouts(const GatherAttrs& a, std::span<const Type> in, std::span<const Type> out) {
  return choices(a, in, out);
}

}  // namespace g2face
