#include "kernels/cpu/winograd.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/winograd_plan.hpp"

namespace g2face::cpu {
namespace winograd {
namespace {

std::size_t size(int v) { return static_cast<std::size_t>(v); }
std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

// Transformed input of one shared block: it has to stay in the L3 cache next to weights and accumulators.
constexpr std::size_t shared_bytes = std::size_t{8} << 20;
// Transformed input of one private block: it has to stay in the L2 cache next to accumulators and a weight panel.
constexpr std::size_t private_bytes = std::size_t{560} << 10;
// Transformed weights that all threads read from the L3 cache.
constexpr std::size_t shared_weight_bytes = std::size_t{10} << 20;
constexpr std::size_t min_shared = 40, max_shared = 512;  // the more tiles, the better transforming a weight panel pays
constexpr std::size_t min_private = 14, max_private = 28;

struct Tiling {
  std::size_t edge, slots, out, taps, phases;
};

bool is_up(Kind kind) { return kind == Kind::up3x3_stride2 || kind == Kind::up4x4_stride2; }

Tiling tiling(Kind kind) {
  switch (kind) {
    case Kind::conv3x3_stride2:
    case Kind::conv4x4_stride2:
      return {5, 25, 4, 4, 4};
    case Kind::up3x3_stride2:
      return {6, 121, 5, 9, 1};
    case Kind::up4x4_stride2:
      return {6, 100, 4, 16, 1};
    case Kind::conv3x3:
      break;
  }
  return {6, 36, 4, 9, 1};
}

}  // namespace

Plan make_plan(const Shape& s, int threads) {
  const Tiling t = tiling(s.kind);
  const bool up = is_up(s.kind);
  Plan p{};
  p.edge = t.edge;
  p.slots = t.slots;
  p.out = t.out;
  p.taps = t.taps;
  p.depth = t.phases * size(s.ci);
  p.out_h = size(s.out_h);
  p.out_w = size(s.out_w);
  // Of a transposed convolution the even rows and columns are tiled; the odd ones are as many or one less.
  p.tiles_y = ceil_div(ceil_div(p.out_h, up ? 2 : 1), p.out);
  p.tiles_x = ceil_div(ceil_div(p.out_w, up ? 2 : 1), p.out);
  p.before = up ? 1 : s.pad;
  p.tiles = size(s.n) * p.tiles_y * p.tiles_x;
  p.groups = ceil_div(size(s.co), kGroup);
  p.split = 1;
  const std::size_t tile_bytes = p.slots * p.depth * sizeof(float);
  // Transforming all weights first takes some tiles to pay for. Counted in one image: an image's bits are the same
  // alone and in a batch, and whatever the number of threads.
  p.private_tiles = s.kind == Kind::conv3x3 && p.tiles_y * p.tiles_x >= 2 * min_private &&
                    tile_bytes * min_private <= private_bytes && tile_bytes * size(s.co) <= shared_weight_bytes;
  const std::size_t wanted = p.private_tiles
                                 ? std::min(max_private, private_bytes / tile_bytes / min_private * min_private)
                                 : std::clamp(shared_bytes / tile_bytes, min_shared, max_shared);
  p.block = ceil_div(p.tiles, ceil_div(p.tiles, wanted));
  p.blocks = ceil_div(p.tiles, p.block);
  if (!p.private_tiles) p.split = std::min(ceil_div(size(threads), p.groups), ceil_div(p.block, min_shared));
  // Cutting at piece borders can make one part longer than the average by a piece.
  p.split_tiles = p.split == 1 ? p.block : ceil_div(p.block, p.split) + kPanel;
  p.slot_stride = odd_lines(p.block * p.depth);
  p.sum_stride = odd_lines(p.split_tiles * (p.private_tiles ? kPanel : kGroup));
  p.panel_stride = odd_lines((p.private_tiles ? p.depth : std::min(p.depth, kDepth)) * kPanel);
  p.input_floats = p.slots * p.slot_stride;
  p.sum_floats = std::min(p.slots, p.edge * p.edge) * p.sum_stride;
  p.panel_floats = p.panel_stride * (p.private_tiles ? p.slots * ceil_div(size(s.co), kPanel) : 2 * p.edge);
  p.shared_floats = p.private_tiles ? p.panel_floats : p.input_floats;
  p.private_floats = (p.private_tiles ? p.input_floats : p.panel_floats) + p.sum_floats;
  return p;
}

namespace {

// Taps of the kernel in the order of the packed weights; each inner list is one [depth][tap][output] array.
struct TapList {
  std::array<unsigned char, 4> tap;
  std::size_t count;
};
struct Taps {
  std::size_t source;  // of the kernel
  std::array<TapList, 4> lists;
  std::size_t packed() const { return lists[0].count + lists[1].count + lists[2].count + lists[3].count; }
};
constexpr unsigned char no_tap = 255;
// Even outputs of a transposed 3x3 convolution see tap 2 on the pixel before and tap 0 on the pixel itself; those of a
// 4x4 one with pad 1 taps 3 and 1, and odd outputs tap 2 on the pixel itself and tap 0 on the next.
constexpr Taps up3x3_taps{9, {{{{8, 6, 2, 0}, 4}, {{7, 1}, 2}, {{5, 3}, 2}, {{4}, 1}}}};
constexpr Taps up4x4_taps{16, {{{{15, 13, 7, 5}, 4}, {{14, 12, 6, 4}, 4}, {{11, 9, 3, 1}, 4}, {{10, 8, 2, 0}, 4}}}};
constexpr Taps phases4x4{16, {{{{0, 2, 8, 10}, 4}, {{1, 3, 9, 11}, 4}, {{4, 6, 12, 14}, 4}, {{5, 7, 13, 15}, 4}}}};
constexpr Taps phases3x3{
    9,
    {{{{0, 2, 6, 8}, 4}, {{1, no_tap, 7, no_tap}, 4}, {{3, 5, no_tap, no_tap}, 4}, {{4, no_tap, no_tap, no_tap}, 4}}}};
constexpr Taps dense3x3{9, {{{{}, 9}}}};  // in their order

const Taps& taps_of(Kind kind) {
  switch (kind) {
    case Kind::conv3x3_stride2:
      return phases3x3;
    case Kind::conv4x4_stride2:
      return phases4x4;
    case Kind::up3x3_stride2:
      return up3x3_taps;
    case Kind::up4x4_stride2:
      return up4x4_taps;
    case Kind::conv3x3:
      break;
  }
  return dense3x3;
}

/// Order: [panel of kPanel outputs][part][input channel][tap][output of the panel]. Parts: parities of transposed
/// convolutions, phases of stride 2 (which continue the depth), else one. `w` is [co][ci][taps], for transposed ones
/// [ci][co][taps]. Where a convolution is the input gradient of another, `w` is that one's: [ci][co][taps], and the
/// last tap comes first. Packs panels begin..end.
void pack_panels(const float* w, float* packed, const Shape& s, bool gradient, std::size_t begin, std::size_t end) {
  const Taps& taps = taps_of(s.kind);
  const std::size_t ci = size(s.ci), co = size(s.co);
  const bool swapped = is_up(s.kind) || gradient;
  const std::size_t out_stride = swapped ? taps.source : ci * taps.source;
  const std::size_t in_stride = swapped ? co * taps.source : taps.source;
  float* dst = packed + begin * kPanel * ci * taps.packed();
  const auto part = [&](std::size_t first, std::size_t width, std::size_t count, auto tap_at) {
    for (std::size_t c = 0; c < ci; ++c) {
      for (std::size_t t = 0; t < count; ++t) {
        const std::size_t tap = tap_at(t);
        for (std::size_t o = 0; o < width; ++o)
          *dst++ = tap == no_tap ? 0.F : w[(first + o) * out_stride + c * in_stride + tap];
      }
    }
  };
  for (std::size_t first = begin * kPanel; first < std::min(co, end * kPanel); first += kPanel) {
    const std::size_t width = std::min(kPanel, co - first);
    if (s.kind == Kind::conv3x3) {
      part(first, width, taps.source, [&](std::size_t t) { return gradient ? taps.source - 1 - t : t; });
    } else {
      for (const TapList& list : taps.lists)
        part(first, width, list.count, [&](std::size_t t) { return std::size_t{list.tap[t]}; });
    }
  }
}

}  // namespace
}  // namespace winograd

namespace {

using Run = void (*)(const winograd::Args&);

Run kernel_for(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return winograd::avx512::run;
  if (isa == Isa::avx2) return winograd::avx2::run;
#endif
  static_cast<void>(isa);
  return winograd::base::run;
}

std::string_view name_of(winograd::Kind kind) {
  switch (kind) {
    case winograd::Kind::conv3x3_stride2:
    case winograd::Kind::conv4x4_stride2:
      return "f4x4_2x2_s2";
    case winograd::Kind::up3x3_stride2:
      return "f5x5_2x2_up2";
    case winograd::Kind::up4x4_stride2:
      return "f4x4_2x2_up2";
    case winograd::Kind::conv3x3:
      break;
  }
  return "f4x4_3x3";
}

/// The extent, of the input of a transposed convolution or else of the output, from which on the kernel beats oneDNN.
std::int64_t smallest(winograd::Kind kind) {
  return kind == winograd::Kind::conv3x3 ? 7 : kind == winograd::Kind::up3x3_stride2 ? 32 : 16;
}

/// x and y: what the kernel reads and writes.
MaybeStep step_for(winograd::Kind kind, int pad, const TensorDesc& x, const TensorDesc& y, std::string_view op,
                   const Signature& s, bool gradient = false) {
  const std::int64_t min_channels = kind == winograd::Kind::up3x3_stride2 ? 64 : 32;
  const g2face::Shape &from = x.type.shape, &to = y.type.shape;
  const bool suits = s.precision == Precision::fast && x.layout == native_layout() && y.layout == native_layout() &&
                     from[1] % 16 == 0 && to[1] % 16 == 0 && from[1] >= min_channels && to[1] >= min_channels &&
                     from.numel() > 0;
  const g2face::Shape& measured = winograd::is_up(kind) ? from : to;
  if (!suits || std::min(measured[2], measured[3]) < smallest(kind)) return std::nullopt;

  const auto extent = [](std::int64_t v) { return static_cast<int>(v); };
  const winograd::Shape shape{kind,          extent(from[0]), extent(from[1]),
                              extent(to[1]), extent(from[2]), extent(from[3]),
                              extent(to[2]), extent(to[3]),   pad};
  const winograd::Plan plan = winograd::make_plan(shape, s.threads);
  Step step;
  step.kernel = str(op, " winograd:", name_of(kind));
  Workspace workspace;
  const std::size_t scratch =
      workspace.add((plan.shared_floats + static_cast<std::size_t>(s.threads) * plan.private_floats) * sizeof(float));
  const std::size_t weight_bytes =
      winograd::size(shape.ci) * winograd::size(shape.co) * winograd::taps_of(kind).packed() * sizeof(float);
  const auto panels = static_cast<std::int64_t>(winograd::ceil_div(static_cast<std::size_t>(to[1]), kPanel));
  const auto pack = [shape, gradient](const void* w, void* packed, std::int64_t begin, std::int64_t end) {
    winograd::pack_panels(static_cast<const float*>(w), static_cast<float*>(packed), shape, gradient,
                          static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
  };
  const bool known = s.known[1];
  const std::size_t packed_at = known ? 0 : workspace.add(weight_bytes);
  step.workspace = workspace.total();
  if (known)
    step.packings.push_back(
        {1, weight_bytes, [pack, panels](const void* w, void* to_pack) { pack(w, to_pack, 0, panels); }});
  step.run = [=, threads = s.threads, run = kernel_for(best_isa())](const Buffers& b, Stream&) {
    const float* weights = b.get<float>(1);
    if (!known) {
      float* packed = static_cast<float*>(at(b.workspace, packed_at));
      parallel_for(threads, panels, 1,
                   [&](std::int64_t begin, std::int64_t end) { pack(weights, packed, begin, end); });
      weights = packed;
    }
    run({b.get<float>(0), weights, b.out_as<float>(), static_cast<float*>(at(b.workspace, scratch)), shape, plan,
         threads});
  };
  return step;
}

using Pair = std::array<std::int64_t, 2>;

Pair kernel_of(const Signature& s) { return {s.in[1].type.shape[2], s.in[1].type.shape[3]}; }

}  // namespace

MaybeStep winograd_conv2d(const Conv2dAttrs& a, const Signature& s) {
  const Pair kernel = kernel_of(s);
  if (a.groups != 1 || a.pad[0] != a.pad[1] || a.pad[0] > 1) return std::nullopt;
  const auto step = [&](winograd::Kind kind) {
    return step_for(kind, static_cast<int>(a.pad[0]), s.in[0], s.out[0], "conv2d", s);
  };
  if (kernel == Pair{3, 3} && a.stride == Pair{1, 1} && a.pad[0] == 1) return step(winograd::Kind::conv3x3);
  if (kernel == Pair{4, 4} && a.stride == Pair{2, 2} && a.pad[0] == 1) return step(winograd::Kind::conv4x4_stride2);
  // Its taps of zero make stored weights larger than they were.
  if (kernel == Pair{3, 3} && a.stride == Pair{2, 2} && !s.known[1]) return step(winograd::Kind::conv3x3_stride2);
  return std::nullopt;
}

MaybeStep winograd_conv2d_input_grad(const Conv2dAttrs& a, const Signature& s) {
  if (a.groups != 1 || a.pad[0] != a.pad[1]) return std::nullopt;
  const g2face::Shape &from = s.in[0].type.shape, &to = s.out[0].type.shape;
  const Pair kernel = kernel_of(s);
  const auto step = [&](winograd::Kind kind, bool gradient = false) {
    return step_for(kind, static_cast<int>(a.pad[0]), s.in[0], s.out[0], "conv2d_input_grad", s, gradient);
  };
  const auto has_size = [&](std::int64_t scale, std::int64_t more) {
    return to[2] == scale * from[2] + more && to[3] == scale * from[3] + more;
  };
  // The input gradient of a convolution of stride 1 is another one.
  if (kernel == Pair{3, 3} && a.pad[0] == 1 && a.stride == Pair{1, 1} && has_size(1, 0))
    return step(winograd::Kind::conv3x3, true);
  if (kernel == Pair{3, 3} && a.pad[0] == 0 && a.stride == Pair{2, 2} && has_size(2, 1))
    return step(winograd::Kind::up3x3_stride2);
  if (kernel == Pair{4, 4} && a.pad[0] == 1 && a.stride == Pair{2, 2} && has_size(2, 0))
    return step(winograd::Kind::up4x4_stride2);
  return std::nullopt;
}

}  // namespace g2face::cpu
