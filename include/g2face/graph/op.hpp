#pragma once
// An op is one constant row of functions. How to write one: CONTRIBUTING.md.

#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "g2face/device.hpp"
#include "g2face/graph/graph.hpp"
#include "g2face/graph/step.hpp"

namespace g2face {

using Types = std::vector<Type>;

/// What a gradient rule sees: the node it differentiates and the cotangents of its outputs.
class GradRule {
 public:
  GradRule(Value node, std::span<const Value> dy, std::vector<bool> needed);
  Graph& graph() const { return *node_.graph; }
  Value in(int i) const;
  Value out(int i = 0) const { return {node_.graph, node_.node, i}; }
  /// Cotangent of output i; zeros if nothing depends on it.
  Value dy(int i = 0) const;
  /// Whether anybody asks for the gradient of input i. A rule may skip what is not needed.
  bool needs(int i) const { return needed_.at(static_cast<std::size_t>(i)); }
  /// Hands in the gradient of input i, which has the type of input i. An input without one has gradient zero.
  void dx(int i, Value gradient);

  const std::vector<Value>& results() const { return dx_; }

 private:
  Value node_;
  std::vector<Value> dy_;
  std::vector<bool> needed_;
  std::vector<Value> dx_;
};

/// What reference loops see: every value as doubles in row-major order, whatever its dtype.
struct ReferenceArgs {
  std::span<const Type> in_types, out_types;
  std::span<const double* const> in_data;
  std::span<double* const> out_data;

  const Shape& in_shape(int i) const { return in_types[static_cast<std::size_t>(i)].shape; }
  const Shape& out_shape(int i = 0) const { return out_types[static_cast<std::size_t>(i)].shape; }
  std::span<const double> in(int i) const {
    return {in_data[static_cast<std::size_t>(i)], static_cast<std::size_t>(in_shape(i).numel())};
  }
  std::span<double> out(int i = 0) const {
    return {out_data[static_cast<std::size_t>(i)], static_cast<std::size_t>(out_shape(i).numel())};
  }
};

/// What a kernel is made for.
struct Signature {
  std::span<const TensorDesc> in, out;
  std::span<const bool> known;  // known[i]: input i is known at load and never changes, so it may be packed
  Precision precision = Precision::fast;
  Determinism determinism = Determinism::run_to_run;
  int threads = 1;
};

/// One way a kernel can have its operands, and what choosing it costs beside moving bytes (0 = as good as any; the
/// unit is bytes moved).
struct LayoutChoice {
  std::vector<Layout> in, out;
  double penalty = 0;
};

struct OpDef {
  std::string_view name;
  Types (*infer)(const Attrs&, std::span<const Type> in) = nullptr;  // throws ShapeError without op and node names
  void (*grad)(GradRule&, const Attrs&) = nullptr;                   // primitive: builds graph; null = throws
  void (*reference)(const Attrs&, const ReferenceArgs&) = nullptr;   // primitive: obvious loops in double
  // Fused op: the same from other ops, instead of the two above; one value for each output.
  std::vector<Value> (*formula)(Graph&, std::span<const Value>, const Attrs&) = nullptr;
  // Null = expand the formula, or run the reference loops (which the printed plan shows).
  // A kernel may decline a signature by returning nothing, with the same effect.
  std::optional<Step> (*cpu)(const Attrs&, const Signature&) = nullptr;
  // The layouts the CPU kernel takes, best first. Null = nchw everywhere.
  std::vector<LayoutChoice> (*cpu_layouts)(const Attrs&, std::span<const Type> in, std::span<const Type> out) = nullptr;
  // The same for CUDA. There is no falling back to the reference loops: what has neither kernel nor formula there is an
  // error of the plan.
  std::optional<Step> (*cuda)(const Attrs&, const Signature&) = nullptr;
  std::vector<LayoutChoice> (*cuda_layouts)(const Attrs&, std::span<const Type> in, std::span<const Type> out,
                                            Precision) = nullptr;
  // Further steps that do what the one of `cuda` does, each of another name; tuned plans time them all.
  std::vector<Step> (*cuda_others)(const Attrs&, const Signature&) = nullptr;

  /// This row with a CPU kernel written against the op's own settings.
  template <class A, std::optional<Step> (*kernel)(const A&, const Signature&)>
  constexpr OpDef with_cpu() const {
    OpDef row = *this;
    row.cpu = [](const Attrs& a, const Signature& s) { return kernel(a.as<A>(), s); };
    return row;
  }
  /// In a build without CUDA the row stays without its kernel, which then need not exist.
  template <class A, std::optional<Step> (*kernel)(const A&, const Signature&)>
  constexpr OpDef with_cuda() const {
    OpDef row = *this;
#ifdef G2FACE_WITH_CUDA
    row.cuda = [](const Attrs& a, const Signature& s) { return kernel(a.as<A>(), s); };
#endif
    return row;
  }
  template <class A, std::vector<Step> (*others)(const A&, const Signature&)>
  constexpr OpDef with_cuda_others() const {
    OpDef row = *this;
#ifdef G2FACE_WITH_CUDA
    row.cuda_others = [](const Attrs& a, const Signature& s) { return others(a.as<A>(), s); };
#endif
    return row;
  }
  template <class A,
            std::vector<LayoutChoice> (*layouts)(const A&, std::span<const Type>, std::span<const Type>, Precision)>
  constexpr OpDef with_cuda_layouts() const {
    OpDef row = *this;
#ifdef G2FACE_WITH_CUDA
    row.cuda_layouts = [](const Attrs& a, std::span<const Type> in, std::span<const Type> out, Precision p) {
      return layouts(a.as<A>(), in, out, p);
    };
#endif
    return row;
  }
  template <class A, std::vector<LayoutChoice> (*layouts)(const A&, std::span<const Type>, std::span<const Type>)>
  constexpr OpDef with_cpu_layouts() const {
    OpDef row = *this;
    row.cpu_layouts = [](const Attrs& a, std::span<const Type> in, std::span<const Type> out) {
      return layouts(a.as<A>(), in, out);
    };
    return row;
  }
};

/// The row of a primitive from typed functions. A null `grad` means: not differentiable, and gradients() says so.
template <class A, Types (*infer)(const A&, std::span<const Type>), void (*grad)(GradRule&, const A&),
          void (*reference)(const A&, const ReferenceArgs&)>
constexpr OpDef define_op(std::string_view name) {
  OpDef row;
  row.name = name;
  row.infer = [](const Attrs& a, std::span<const Type> in) { return infer(a.as<A>(), in); };
  // Compared as types: GCC takes the address of a template's function for no constant under -fsanitize=undefined.
  using Rule = void (*)(GradRule&, const A&);
  constexpr bool has_grad = !std::is_same_v<std::integral_constant<Rule, grad>, std::integral_constant<Rule, nullptr>>;
  if constexpr (has_grad) row.grad = [](GradRule& r, const Attrs& a) { grad(r, a.as<A>()); };
  row.reference = [](const Attrs& a, const ReferenceArgs& args) { reference(a.as<A>(), args); };
  return row;
}

/// The row of a fused op from typed functions.
template <class A, Types (*infer)(const A&, std::span<const Type>),
          std::vector<Value> (*formula)(Graph&, std::span<const Value>, const A&)>
constexpr OpDef define_fused_op(std::string_view name) {
  OpDef row;
  row.name = name;
  row.infer = [](const Attrs& a, std::span<const Type> in) { return infer(a.as<A>(), in); };
  row.formula = [](Graph& g, std::span<const Value> in, const Attrs& a) { return formula(g, in, a.as<A>()); };
  return row;
}

/// Every op, for tests that visit them all (src/ops/all_ops.cpp).
std::span<const OpDef* const> all_ops();

}  // namespace g2face
