#pragma once
// The elementwise programs of the networks that are compiled: together they move nearly all of the bytes that go
// through pointwise nodes. A node whose program has this structure runs compiled, whatever its constants; any other is
// interpreted. A structure here, named in CompiledPrograms, is all that another one takes.

#include <cstdint>
#include <tuple>

#include "g2face/ops/binary.hpp"
#include "g2face/ops/unary.hpp"

namespace g2face::cuda {

/// How an input lies along features [outer][line][channel].
enum class Role : std::uint8_t {
  whole,    // as the results do
  channel,  // a value for each channel, of each sample or of all
  pixel,    // a value for each line, of each sample or of all
};

/// An instruction of PointwiseAttrs without its constants, as a literal type.
struct ProgramStep {
  bool is_unary = false;
  Unary unary = Unary::affine;
  Binary binary = Binary::add;
  int x = 0, y = 0;
};

namespace programs {

using enum Role;

constexpr ProgramStep on(Unary kind, int x) { return {true, kind, Binary::add, x, x}; }
constexpr ProgramStep add(int x, int y) { return {false, Unary::affine, Binary::add, x, y}; }
constexpr ProgramStep sub(int x, int y) { return {false, Unary::affine, Binary::sub, x, y}; }
constexpr ProgramStep mul(int x, int y) { return {false, Unary::affine, Binary::mul, x, y}; }

/// lrelu((x - mean) * rstd)
struct Norm {
  static constexpr const char* kernel = "pointwise cuda:norm";
  static constexpr Role in[] = {whole, channel, channel};
  static constexpr ProgramStep steps[] = {sub(0, 1), mul(3, 2), on(Unary::leaky_relu, 4)};
  static constexpr int results[] = {5};
};

/// (lrelu((x - mean) * rstd) + (y - mean) * rstd) * gain
struct NormSum {
  static constexpr const char* kernel = "pointwise cuda:norm_sum";
  static constexpr Role in[] = {whole, channel, channel, whole, channel, channel};
  static constexpr ProgramStep steps[] = {sub(0, 1), mul(6, 2),  on(Unary::leaky_relu, 7), sub(3, 4),
                                          mul(9, 5), add(8, 10), on(Unary::affine, 11)};
  static constexpr int results[] = {12};
};

/// (y + sigmoid((m - mean) * rstd) * (x - y)) * style
struct Blend {
  static constexpr const char* kernel = "pointwise cuda:blend";
  static constexpr Role in[] = {whole, channel, channel, whole, whole, channel};
  static constexpr ProgramStep steps[] = {sub(0, 1),  mul(6, 2), on(Unary::sigmoid, 7), sub(3, 4), mul(8, 9),
                                          add(4, 10), mul(11, 5)};
  static constexpr int results[] = {12};
};

/// (y + sigmoid((m - mean) * rstd) * (x - y) + injection(h)) * style
struct BlendInject {
  static constexpr const char* kernel = "pointwise cuda:blend_inject";
  static constexpr Role in[] = {whole, channel, channel, channel, whole, channel, channel, whole, whole, channel};
  static constexpr ProgramStep steps[] = {add(0, 1),
                                          add(10, 2),
                                          on(Unary::leaky_relu, 11),
                                          on(Unary::affine, 12),
                                          mul(3, 13),
                                          sub(4, 5),
                                          mul(15, 6),
                                          on(Unary::sigmoid, 16),
                                          sub(7, 8),
                                          mul(17, 18),
                                          add(8, 19),
                                          add(20, 14),
                                          mul(21, 9)};
  static constexpr int results[] = {22};
};

/// scale * gain * lrelu(h + bias + bias)
struct Inject {
  static constexpr const char* kernel = "pointwise cuda:inject";
  static constexpr Role in[] = {whole, channel, channel, channel};
  static constexpr ProgramStep steps[] = {add(0, 1), add(4, 2), on(Unary::leaky_relu, 5), on(Unary::affine, 6),
                                          mul(3, 7)};
  static constexpr int results[] = {8};
};

/// gain * lrelu(x * demodulation + noise + bias)
struct Styled {
  static constexpr const char* kernel = "pointwise cuda:styled";
  static constexpr Role in[] = {whole, channel, pixel, channel};
  static constexpr ProgramStep steps[] = {mul(0, 1), add(4, 2), add(5, 3), on(Unary::leaky_relu, 6),
                                          on(Unary::affine, 7)};
  static constexpr int results[] = {8};
};

/// The same, times the style of the next convolution.
struct StyledNext {
  static constexpr const char* kernel = "pointwise cuda:styled_next";
  static constexpr Role in[] = {whole, channel, pixel, channel, channel};
  static constexpr ProgramStep steps[] = {
      mul(0, 1), add(5, 2), add(6, 3), on(Unary::leaky_relu, 7), on(Unary::affine, 8), mul(9, 4)};
  static constexpr int results[] = {10};
};

/// The same for two next convolutions.
struct StyledTwice {
  static constexpr const char* kernel = "pointwise cuda:styled_twice";
  static constexpr Role in[] = {whole, channel, pixel, channel, channel, channel};
  static constexpr ProgramStep steps[] = {
      mul(0, 1), add(6, 2), add(7, 3), on(Unary::leaky_relu, 8), on(Unary::affine, 9), mul(10, 4), mul(10, 5)};
  static constexpr int results[] = {11, 12};
};

/// lrelu(x * scale + shift)
struct ScaleShift {
  static constexpr const char* kernel = "pointwise cuda:scale_shift";
  static constexpr Role in[] = {whole, channel, channel};
  static constexpr ProgramStep steps[] = {mul(0, 1), add(3, 2), on(Unary::leaky_relu, 4)};
  static constexpr int results[] = {5};
};

/// lrelu(x * scale + shift + y)
struct Residual {
  static constexpr const char* kernel = "pointwise cuda:residual";
  static constexpr Role in[] = {whole, channel, channel, whole};
  static constexpr ProgramStep steps[] = {mul(0, 1), add(4, 2), add(5, 3), on(Unary::leaky_relu, 6)};
  static constexpr int results[] = {7};
};

/// lrelu(x * scale + shift + y * scale + shift)
struct ResidualScaled {
  static constexpr const char* kernel = "pointwise cuda:residual_scaled";
  static constexpr Role in[] = {whole, channel, channel, whole, channel, channel};
  static constexpr ProgramStep steps[] = {mul(0, 1), add(6, 2), mul(3, 4),
                                          add(8, 5), add(7, 9), on(Unary::leaky_relu, 10)};
  static constexpr int results[] = {11};
};

/// prelu(x * scale + shift)
struct Prelu {
  static constexpr const char* kernel = "pointwise cuda:prelu";
  static constexpr Role in[] = {whole, channel, channel, channel};
  static constexpr ProgramStep steps[] = {mul(0, 1), add(4, 2), on(Unary::leaky_relu, 5),
                                          sub(5, 6), mul(3, 7), add(6, 8)};
  static constexpr int results[] = {9};
};

/// s = x * scale + shift + y, and s * scale + shift
struct ResidualNext {
  static constexpr const char* kernel = "pointwise cuda:residual_next";
  static constexpr Role in[] = {whole, channel, channel, whole, channel, channel};
  static constexpr ProgramStep steps[] = {mul(0, 1), add(6, 2), add(7, 3), mul(8, 4), add(9, 5)};
  static constexpr int results[] = {8, 10};
};

/// s = y * scale + shift + x * scale + shift, and s * scale + shift; x are the sums of a convolution
struct ResidualScaledNext {
  static constexpr Role in[] = {whole, whole, channel, channel, channel, channel, channel, channel};
  static constexpr ProgramStep steps[] = {mul(1, 2),  add(8, 3),  mul(0, 4), add(10, 5),
                                          add(9, 11), mul(12, 6), add(13, 7)};
  static constexpr int results[] = {12, 14};
};

}  // namespace programs

using CompiledPrograms =
    std::tuple<programs::Norm, programs::NormSum, programs::Blend, programs::BlendInject, programs::Inject,
               programs::Styled, programs::StyledNext, programs::StyledTwice, programs::ScaleShift, programs::Residual,
               programs::ResidualScaled, programs::Prelu, programs::ResidualNext>;

/// What is compiled into the epilogues of convolutions; input 0 is their sums. Interpreted, a program took as long as
/// the convolution before it: 0.010 ms for 64 channels at 56x56 on an H200.
using EpiloguePrograms =
    std::tuple<programs::ScaleShift, programs::Prelu, programs::Residual, programs::ResidualScaled,
               programs::ResidualNext, programs::ResidualScaledNext, programs::StyledNext, programs::StyledTwice>;

}  // namespace g2face::cuda
