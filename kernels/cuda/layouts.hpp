#pragma once
// How operands lie in the memory of the device, and the ways in which kernels can have them.

#include <algorithm>
#include <span>
#include <vector>

#include "g2face/graph/op.hpp"

namespace g2face::cuda {

/// The dtype that stores the elements of a value: its own, or that of its narrow layout.
inline DType storage_of(const TensorDesc& value) {
  if (value.layout == Layout::nhwc_bf16) return DType::bf16;
  if (value.layout == Layout::nhwc_f16) return DType::f16;
  return value.type.dtype;
}

/// The layout of features at a precision.
inline Layout feature_layout(Precision precision) {
  return precision == Precision::bf16  ? Layout::nhwc_bf16
         : precision == Precision::f16 ? Layout::nhwc_f16
                                       : Layout::nhwc;
}

/// The layouts besides nchw that values of rank 4 have at a precision.
inline std::vector<Layout> feature_layouts(Precision precision) {
  const Layout features = feature_layout(precision);
  return is_narrow(features) ? std::vector{Layout::nhwc, features} : std::vector{Layout::nhwc};
}

/// All operands in one layout.
inline LayoutChoice uniform_choice(std::span<const Type> in, std::span<const Type> out, Layout layout) {
  return {std::vector(in.size(), layout), std::vector(out.size(), layout), 0};
}

/// Row-major, and every other layout that all operands can have: for kernels that take any one of them.
inline std::vector<LayoutChoice> uniform_choices(std::span<const Type> in, std::span<const Type> out,
                                                 Precision precision) {
  const auto all = [&](const auto& holds) {
    return std::all_of(in.begin(), in.end(), holds) && std::all_of(out.begin(), out.end(), holds);
  };
  std::vector<LayoutChoice> choices{uniform_choice(in, out, Layout::nchw)};
  if (!all([](const Type& t) { return t.shape.rank() == 4; })) return choices;
  for (const Layout layout : feature_layouts(precision)) {
    if (is_narrow(layout) && !all([](const Type& t) { return t.dtype == DType::f32; })) continue;
    choices.push_back(uniform_choice(in, out, layout));
  }
  return choices;
}

/// Whether all operands have one layout.
inline bool is_uniform(const Signature& s) {
  const auto fits = [&](const TensorDesc& d) { return d.layout == s.out[0].layout; };
  return std::all_of(s.in.begin(), s.in.end(), fits) && std::all_of(s.out.begin(), s.out.end(), fits);
}

}  // namespace g2face::cuda
