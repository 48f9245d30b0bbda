// Convolutions on oneDNN.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "kernels/cpu/few_outputs.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/onednn.hpp"
#include "kernels/cpu/winograd.hpp"

namespace g2face {
namespace {

using cpu::at;
using onednn::Convolution;
using onednn::Format;
using onednn::Primitive;
using Kind = Convolution::Kind;

/// What a convolution is, whatever the direction.
struct Problem {
  Kind kind;
  const Conv2dAttrs& attrs;
  TensorDesc x, y;
  Shape w;  // with groups as a leading axis if there is more than one
  const Signature& signature;

  double flops() const {
    return 2.0 * static_cast<double>(y.type.shape.numel()) * static_cast<double>(w.numel()) /
           static_cast<double>(y.type.shape[1]);
  }
};

/// One pixel is the same in every layout; the library likes blocks.
TensorDesc image(TensorDesc d) {
  if (cpu::is_one_pixel(d.type.shape) && cpu::fits(d.type.shape, cpu::native_layout())) d.layout = cpu::native_layout();
  return d;
}

Shape grouped(const Shape& w, std::int64_t groups) {
  return groups == 1 ? w : Shape{groups, w[0] / groups, w[1], w[2], w[3]};
}

/// What the primitive is asked for: formats of x and y as they are (`as_given`) or as oneDNN likes them best.
struct Wish {
  bool as_given = true;
  bool winograd = false;
  DType compute = DType::f32;
  bool blocked_sums = false;
};

std::optional<Primitive> make(const Problem& p, const Wish& wish) {
  Convolution c;
  c.kind = p.kind;
  c.winograd = wish.winograd;
  c.compute = wish.compute;
  c.blocked_sums = wish.blocked_sums;
  const auto format = [&wish](const TensorDesc& d, DType dtype) {
    return wish.as_given ? Format::plain(dtype, d.type.shape.dims(), d.layout)
                         : Format::any(dtype, d.type.shape.dims());
  };
  const auto dtype_of = [&](Kind result) { return p.kind == result ? DType::f32 : wish.compute; };
  c.x = format(p.x, dtype_of(Kind::input_grad));
  c.y = format(p.y, dtype_of(Kind::forward));
  c.w = Format::any(dtype_of(Kind::weight_grad), p.w.dims());
  c.stride = p.attrs.stride;
  c.pad = p.attrs.pad;
  c.kernel = {p.w[-2], p.w[-1]};
  c.x_size = {p.x.type.shape[2], p.x.type.shape[3]};
  c.y_size = {p.y.type.shape[2], p.y.type.shape[3]};
  c.threads = p.signature.threads;
  return onednn::convolution(c);
}

bool is_slow(const std::string& implementation) {
  return implementation.rfind("ref", 0) == 0 || implementation.find("gemm:ref") != std::string::npos;
}

/// oneDNN's Winograd exists for 3x3, stride 1, and pays once transforming the weights does not dominate.
bool winograd_pays(const Problem& p) {
  const Shape& x = p.x.type.shape;
  const bool suits = p.kind == Kind::forward && p.attrs.groups == 1 && p.w[2] == 3 && p.w[3] == 3 &&
                     p.attrs.stride == std::array<std::int64_t, 2>{1, 1} &&
                     p.attrs.pad == std::array<std::int64_t, 2>{1, 1};
  const std::int64_t smallest = p.signature.known[1] ? 8 : 32;
  return suits && x[1] >= 64 && p.w[0] >= 64 && x[2] >= smallest && x[3] >= smallest;
}

std::optional<Primitive> best(const Problem& p) {
  constexpr double big = 2e8;  // below, converting costs as much as it saves
  if (p.signature.precision == Precision::bf16 && p.flops() > big) {
    // Machines without the instructions emulate them, which is slower than f32.
    const auto native = [](const Primitive& c) {
      return c.name().find("core_bf16") != std::string::npos || c.name().find("amx") != std::string::npos;
    };
    auto c = make(p, {true, false, DType::bf16});
    if (c && native(*c)) return c;
  }
  // One chain of thousands of sums in f32 loses more digits than `strict` promises for whole networks.
  constexpr std::int64_t long_sum = 1024;
  const bool is_long = p.kind == Kind::forward && p.w[-3] * p.w[-2] * p.w[-1] > long_sum;
  if (p.signature.precision == Precision::strict && is_long) {
    auto c = make(p, {false, false, DType::f32, true});
    if (c && !is_slow(c->name())) return c;
  }
  if (p.signature.precision != Precision::strict && winograd_pays(p)) {
    auto c = make(p, {true, true, DType::f32});
    if (c && !is_slow(c->name())) return c;
  }
  auto c = make(p, {true, false, DType::f32});
  if (c && !is_slow(c->name())) return c;
  auto any = make(p, {false, false, DType::f32});
  return any ? std::move(any) : std::move(c);
}

/// An operand on its way between the plan's format and the primitive's; no reorder where they are equal.
struct Passage {
  Primitive reorder;
  std::size_t offset = 0;  // of the primitive's form in the workspace
};

MaybeStep convolution_step(const Problem& p, std::string_view op) {
  auto conv = best(p);
  if (!conv) return std::nullopt;
  const Signature& s = p.signature;
  const Format x = Format::plain(DType::f32, p.x.type.shape.dims(), p.x.layout);
  const Format y = Format::plain(DType::f32, p.y.type.shape.dims(), p.y.layout);
  const Format w = Format::plain(DType::f32, p.w.dims());
  const std::array<Format, 3> given = p.kind == Kind::forward      ? std::array{x, w, y}
                                      : p.kind == Kind::input_grad ? std::array{y, w, x}
                                                                   : std::array{x, y, w};
  Step step;
  step.kernel = str(op, " onednn:", conv->name());
  cpu::Workspace workspace;
  std::array<Passage, 3> passages;
  std::size_t scratch = conv->scratchpad_bytes();
  for (int i = 0; i < 3; ++i) {
    const auto k = static_cast<std::size_t>(i);
    const Format& wanted = conv->format(i);
    if (given[k] == wanted) continue;
    const Primitive reorder =
        i < 2 ? onednn::reorder(given[k], wanted, s.threads) : onednn::reorder(wanted, given[k], s.threads);
    if (i == 1 && p.kind != Kind::weight_grad && s.known[1]) {
      step.packings.push_back(onednn::packing(i, reorder));
      continue;
    }
    passages[k] = {reorder, workspace.add(wanted.bytes())};
    scratch = std::max(scratch, reorder.scratchpad_bytes());
  }
  const std::size_t scratchpad = workspace.add(scratch);
  step.workspace = workspace.total();
  step.run = [conv = *conv, passages, scratchpad](const Buffers& b, Stream&) {
    void* scratch_memory = at(b.workspace, scratchpad);
    std::array<const void*, 3> data = {b.in[0], b.in[1], b.out[0]};
    for (std::size_t i = 0; i < 2; ++i) {
      if (!passages[i].reorder) continue;
      void* to = at(b.workspace, passages[i].offset);
      passages[i].reorder.run(std::array<const void*, 2>{data[i], to}, scratch_memory);
      data[i] = to;
    }
    if (!passages[2].reorder) return conv.run(data, scratch_memory);
    void* result = at(b.workspace, passages[2].offset);
    data[2] = result;
    conv.run(data, scratch_memory);
    passages[2].reorder.run(std::array<const void*, 2>{result, b.out[0]}, scratch_memory);
  };
  return step;
}

double bytes(const Type& t) { return static_cast<double>(t.shape.numel() * 4); }

/// The native blocked layout where channels allow it; else nchw, which only a few channels can afford.
Layout image_layout(const Type& t) {
  const Layout native = cpu::native_layout();
  return cpu::fits(t.shape, native) ? native : Layout::nchw;
}

/// Choices for images `a` (input), `b` (input or result): each as it suits, or row-major with reorders inside.
LayoutChoices choices(std::span<const Type> in, std::span<const Type> out,
                      const std::vector<std::pair<bool, int>>& images) {
  LayoutChoice native = cpu::plain_choice(in, out);
  LayoutChoice plain = native;
  for (const auto& [is_input, i] : images) {
    const auto k = static_cast<std::size_t>(i);
    const Type& t = is_input ? in[k] : out[k];
    const Layout layout = image_layout(t);
    (is_input ? native.in[k] : native.out[k]) = layout;
    if (layout != Layout::nchw) plain.penalty += 2 * bytes(t);
  }
  return {native, plain};
}

/// Whether the library has its fast ways: no groups, or one for each channel.
bool suits_blocks(const Conv2dAttrs& a, const Type& x, const Type& y) {
  return a.groups == 1 || (x.shape[1] == a.groups && y.shape[1] == a.groups);
}

}  // namespace

LayoutChoices conv2d_cpu_layouts(const Conv2dAttrs& a, std::span<const Type> in, std::span<const Type> out) {
  if (!suits_blocks(a, in[0], out[0])) return {cpu::plain_choice(in, out)};
  return choices(in, out, {{true, 0}, {false, 0}});
}

LayoutChoices conv2d_weight_grad_cpu_layouts(const Conv2dAttrs& a, std::span<const Type> in,
                                             std::span<const Type> out) {
  if (!suits_blocks(a, in[0], in[1])) return {cpu::plain_choice(in, out)};
  return choices(in, out, {{true, 0}, {true, 1}});
}

MaybeStep conv2d_cpu(const Conv2dAttrs& a, const Signature& s) {
  if (!cpu::all_f32(s) || s.out[0].type.shape.numel() == 0) return std::nullopt;
  Signature relaxed = s;
  // Four times fewer multiplications in f32 beat twice as fast ones.
  const bool three = s.in[1].type.shape[2] == 3 && s.in[1].type.shape[3] == 3;
  if (s.precision == Precision::bf16 && three && !onednn::has_bf16_tiles()) relaxed.precision = Precision::fast;
  if (auto step = cpu::winograd_conv2d(a, relaxed)) return step;
  if (auto step = cpu::few_outputs_conv2d(a, s)) return step;
  return convolution_step({Kind::forward, a, image(s.in[0]), image(s.out[0]), grouped(s.in[1].type.shape, a.groups), s},
                          "conv2d");
}

MaybeStep conv2d_input_grad_cpu(const Conv2dAttrs& a, const Signature& s) {
  if (!cpu::all_f32(s) || s.out[0].type.shape.numel() == 0) return std::nullopt;
  if (auto step = cpu::winograd_conv2d_input_grad(a, s)) return step;
  return convolution_step(
      {Kind::input_grad, a, image(s.out[0]), image(s.in[0]), grouped(s.in[1].type.shape, a.groups), s},
      "conv2d_input_grad");
}

MaybeStep conv2d_weight_grad_cpu(const Conv2dAttrs& a, const Signature& s) {
  if (!cpu::all_f32(s) || s.out[0].type.shape.numel() == 0) return std::nullopt;
  if (auto step = cpu::winograd_conv2d_weight_grad(a, s)) return step;
  return convolution_step(
      {Kind::weight_grad, a, image(s.in[0]), image(s.in[1]), grouped(s.out[0].type.shape, a.groups), s},
      "conv2d_weight_grad");
}

}  // namespace g2face
