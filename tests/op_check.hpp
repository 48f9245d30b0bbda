#pragma once
// The harness of every op test. A case is one line: settings and the shapes of the inputs. It yields
//   shapes that agree with what runs;
//   the gradient and the gradient of the gradient against central differences, in double on the reference device;
//   forward and gradient on every other device, at each precision, with parameters folded and not, chains fused and
//   not, against the reference device; the same bits from a second run. On CUDA settings that lead to the same plan
//   are one.
//
//   TEST_CASE("bias_act") {
//     OpCheck c(bias_act_op, BiasActAttrs{});
//     c.ok({{2, 33, 5, 7}, {33}});
//     c.ok({{2, 4, 3}, {4}}, BiasActAttrs{.slope = 0, .gain = 1});
//     c.ok({{2, 4}, {4}}, [](const std::vector<Value>& v) { return bias_act(v[0], v[1]); });
//     c.fails("R1", {{4}, {4}}, "x [4] must have rank 2 or more");
//   }

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "g2face/graph/op.hpp"

namespace g2face {

struct Range {
  double low = -1, high = 1;
};

/// An input of a case. Element i of n is a point of an even grid over the range, in a shuffled order that depends on n
/// and on the place of the input alone: no two elements are equal, and none lies on a quarter of the range, so that
/// kinks at 0, at +-1/2 and at ties are at least a hundredth of the grid away.
struct CheckInput {
  Shape shape;
  Range range;
  DType dtype = DType::f32;

  CheckInput(std::initializer_list<std::int64_t> dims) : shape(dims) {}
  CheckInput(Shape s, Range r = {}, DType d = DType::f32)  // NOLINT(google-explicit-constructor): cases are one line
      : shape(std::move(s)), range(r), dtype(d) {}
};
using CheckInputs = std::vector<CheckInput>;

/// What a case does with its inputs: the op with these settings, or any builder.
class How {
 public:
  using Build = std::function<std::vector<Value>(const OpDef&, const std::vector<Value>&)>;

  template <class T>
  How(T how) {  // NOLINT(google-explicit-constructor): settings and builders are written in place of How
    if constexpr (std::is_invocable_r_v<Value, T, const std::vector<Value>&>) {
      build_ = [how](const OpDef&, const std::vector<Value>& in) { return std::vector<Value>{how(in)}; };
    } else if constexpr (std::is_invocable_r_v<std::vector<Value>, T, const std::vector<Value>&>) {
      build_ = [how](const OpDef&, const std::vector<Value>& in) { return how(in); };
    } else {
      build_ = [attrs = Attrs(how)](const OpDef& op, const std::vector<Value>& in) { return add(op, in, attrs); };
    }
  }
  std::vector<Value> operator()(const OpDef& op, const std::vector<Value>& in) const { return build_(op, in); }

 private:
  static std::vector<Value> add(const OpDef& op, const std::vector<Value>& in, const Attrs& attrs);
  Build build_;
};

/// Limits of relative L2 errors.
struct CheckLimits {
  double differences = 1e-6;   // gradients against central differences; 0 leaves them out
  double strict = 1e-6;        // Precision::strict, against the reference device
  double fast = 1e-5;          // Precision::fast
  double gradient_factor = 4;  // gradients may differ from the reference by this much more
  bool gradient = true;        // false for ops that have none
};

class OpCheck {
 public:
  explicit OpCheck(const OpDef& op, How how = NoAttrs{}, CheckLimits limits = {})
      : op_(op), how_(std::move(how)), limits_(limits) {}

  /// Everything above holds.
  void ok(const CheckInputs& in) const { ok(in, how_); }
  void ok(const CheckInputs& in, const How& how) const;
  /// On every device these f32 values give this.
  void gives(const std::vector<Tensor>& in, const Tensor& want) const { gives(in, how_, want); }
  void gives(const std::vector<Tensor>& in, const How& how, const Tensor& want) const;
  /// Building throws a ShapeError that has this text, names op and node, and ends with the rule.
  void fails(std::string_view rule, const CheckInputs& in, std::string_view text) const { fails(rule, in, how_, text); }
  void fails(std::string_view rule, const CheckInputs& in, const How& how, std::string_view text) const;

  /// What ok() reports: nothing if all is well, else a line for each problem.
  std::string problems(const CheckInputs& in, const How& how) const;

 private:
  const OpDef& op_;
  How how_;
  CheckLimits limits_;
};

/// The elements of input number `place` of a case.
Tensor check_values(const CheckInput& input, std::size_t place);

}  // namespace g2face
