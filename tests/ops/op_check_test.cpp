// The harness finds what it is there to find.
#include "op_check.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>

#include "g2face/graph/step.hpp"
#include "g2face/ops.hpp"

using namespace g2face;

namespace {

struct PowerAttrs {
  int exponent = 3;
  int slips_at = 0;  // the exponent whose derivative is wrong by a little
  bool operator==(const PowerAttrs&) const = default;
  std::string str() const { return g2face::str(exponent, " ", slips_at); }
};
extern const OpDef power_op;

Types infer(const PowerAttrs&, std::span<const Type> in) { return {in[0]}; }
void grad(GradRule& r, const PowerAttrs& a) {
  const Value lower = r.graph().add(power_op, {r.in(0)}, PowerAttrs{a.exponent - 1, a.slips_at});
  r.dx(0, (a.exponent * (a.exponent == a.slips_at ? 1.00001 : 1)) * (r.dy() * lower));
}
void reference(const PowerAttrs& a, const ReferenceArgs& args) {
  for (std::size_t i = 0; i < args.out().size(); ++i) args.out()[i] = std::pow(args.in(0)[i], a.exponent);
}
template <class Error>
Step power_step(const PowerAttrs& a, const Signature& s, Error error) {
  Step step;
  step.kernel = "power";
  step.run = [n = s.in[0].type.shape.numel(), a, error](const Buffers& m, Stream&) {
    for (std::int64_t i = 0; i < n; ++i)
      m.out_as<float>()[i] = std::pow(m.get<float>(0)[i], static_cast<float>(a.exponent)) * (1 + error());
  };
  return step;
}
std::optional<Step> wrong_cpu(const PowerAttrs& a, const Signature& s) {
  return power_step(a, s, [] { return 1e-5f; });
}
std::optional<Step> restless_cpu(const PowerAttrs& a, const Signature& s) {
  return power_step(a, s, [calls = std::make_shared<int>(0)] { return ++*calls % 2 == 0 ? 0.0f : 2e-7f; });
}

const OpDef power_op = define_op<PowerAttrs, infer, grad, reference>("power");
const OpDef wrong_op = power_op.with_cpu<PowerAttrs, wrong_cpu>();
const OpDef restless_op = power_op.with_cpu<PowerAttrs, restless_cpu>();

bool reports(const OpDef& op, const How& how, std::string_view text) {
  const std::string found = OpCheck(op).problems({{3, 33}}, how);
  INFO(found);
  return found.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("op_check: a right op has no problems") {
  CHECK(OpCheck(power_op).problems({{3, 33}}, PowerAttrs{}) == "");
  CHECK(OpCheck(power_op).problems({{5}}, PowerAttrs{}) == "");
}

TEST_CASE("op_check: finds a wrong gradient, first or second") {
  CHECK(reports(power_op, PowerAttrs{.exponent = 3, .slips_at = 3}, "the gradient with respect to x0 differs from"));
  const std::string found = OpCheck(power_op).problems({{3, 33}}, PowerAttrs{.exponent = 3, .slips_at = 2});
  CHECK(found.starts_with("the gradient of the gradient with respect to x0 differs from central differences by"));
}

TEST_CASE("op_check: finds a wrong kernel, a restless one, and a case that checks something else") {
  CHECK(reports(wrong_op, PowerAttrs{}, "result 0 on cpu (strict) differs from the reference by"));
  CHECK(reports(restless_op, PowerAttrs{}, "result 0 on cpu (strict) changes from run to run"));
  CHECK(reports(
      power_op, [](const std::vector<Value>& v) { return exp(v[0]); }, "the case does not use power"));
}

TEST_CASE("op_check: values keep their distance") {
  for (const std::int64_t n : {1, 2, 32, 257}) {
    const Tensor a = check_values(CheckInput{Shape{n}}, 0).to(DType::f64);
    const Tensor b = check_values(CheckInput{Shape{n}}, 1).to(DType::f64);
    for (const double x : a.as<double>()) {
      CHECK(std::fabs(x) <= 1);
      for (const double kink : {0.0, 0.5, -0.5}) CHECK(std::fabs(x - kink) > 0.01 / static_cast<double>(n));
      for (const double y : b.as<double>()) CHECK(std::fabs(x - y) > 0.01 / static_cast<double>(n));
    }
  }
}
