// unary, binary and select, which plans leave to their own kernels where the dtype is not f32.
#include <cmath>
#include <map>

#include "cuda/layout_check.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/select.hpp"
#include "g2face/ops/unary.hpp"

namespace g2face::test {
namespace {

void check_dtypes(const OpDef& op, const Attrs& attrs, const std::vector<Tensor>& in) {
  CAPTURE(attrs.str());
  // The nearest 16-bit float, but for ties that f32 cannot tell from what is beside them.
  const std::map<DType, double> limits = {
      {DType::f64, 1e-14}, {DType::f32, 3e-7}, {DType::bf16, 1e-3}, {DType::f16, 1e-3}};
  for (const auto& entry : limits) {
    const DType dtype = entry.first;
    CAPTURE(name_of(dtype));
    std::vector<Tensor> x;
    for (const Tensor& t : in) x.push_back(t.to(dtype));
    const Tensor want = reference_result(op, attrs, x);
    const LayoutChoice plain{std::vector(in.size(), Layout::nchw), {Layout::nchw}, 0};
    for_each_schedule([&] {
      const Tensor got = run_in_layouts(op, attrs, x, plain, Precision::strict).result;
      CHECK(relative_error(got, want.to(dtype)) <= entry.second);
    });
  }
}

TEST_CASE("unary functions on CUDA in every floating dtype") {
  Tensor x = Tensor::from({24}, {-90,   -21,  -20.5, -3,   -2.5, -1.5, -1,  -0.75, -0.5, -0.25, -1e-3f, 0,
                                 1e-3f, 0.25, 0.5,   0.75, 1,    1.5,  2.5, 3,     10,   19.5,  20,     21});
  Tensor positive = x.clone();
  for (float& v : positive.mutable_as<float>()) v = v > 0 ? v : 0.125f - v;
  for (int kind = 0; kind <= static_cast<int>(Unary::round); ++kind) {
    const UnaryAttrs attrs{static_cast<Unary>(kind), -0.75, 1.5};
    const bool needs_positive = attrs.kind == Unary::log || attrs.kind == Unary::sqrt || attrs.kind == Unary::rsqrt ||
                                attrs.kind == Unary::reciprocal;
    // exp leaves the range of f16 beyond 11.
    const Tensor halves = attrs.kind == Unary::exp ? Tensor::from({3}, {-1.5, 0, 9}) : x;
    check_dtypes(unary_op, attrs, {needs_positive ? positive : halves});
  }
}

TEST_CASE("binary functions on CUDA broadcast, in every floating dtype") {
  const Tensor x = varied({3, 1, 5}, 1), y = Tensor::from({4, 1}, {0.5, -0.25, 2, x.as<float>()[7]});
  for (int kind = 0; kind <= static_cast<int>(Binary::equal); ++kind) {
    check_dtypes(binary_op, BinaryAttrs{static_cast<Binary>(kind)}, {x, y});
    check_dtypes(binary_op, BinaryAttrs{static_cast<Binary>(kind)}, {x, x});
  }
}

TEST_CASE("select on CUDA broadcasts, in every floating dtype") {
  const Tensor c = Tensor::from({3, 1}, {0, 1, -2});
  check_dtypes(select_op, NoAttrs{}, {c, varied({2, 1, 5}, 2), varied({3, 5}, 3)});
  check_dtypes(select_op, NoAttrs{}, {Tensor::from({}, {0.f}), Tensor::from({1}, {NAN}), varied({700}, 4)});
}

}  // namespace
}  // namespace g2face::test
