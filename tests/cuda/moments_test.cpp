#include "g2face/ops/moments.hpp"

#include "cuda/pass_check.hpp"

namespace g2face::test {
namespace {

constexpr double limit = 1e-5;  // the variance of few numbers may be small
constexpr Precision precisions[] = {Precision::strict, Precision::bf16, Precision::f16};

TEST_CASE("moments on CUDA: features over pixels, and over samples and pixels") {
  for (const Precision precision : precisions) {
    for (const auto& axes : {std::vector{2, 3}, std::vector{0, 2, 3}}) {
      // One block for each sample and several; groups that fill a block, and that do not.
      for (const Shape& shape :
           {Shape{2, 8, 3, 5}, {2, 24, 9, 7}, {1, 256, 13, 10}, {2, 264, 1, 90}, {1, 8, 41, 250}}) {
        check_pass(features_pass(moments_op, MomentsAttrs{.axes = axes}, {varied(shape, 5)}, precision),
                   "moments cuda:lanes", limit);
      }
    }
  }
}

TEST_CASE("moments on CUDA: row-major over any axes") {
  for (const auto& axes : {std::vector{0}, {1}, {3}, {1, 3}, {2, 3}, {0, 2, 3}, {0, 1, 2, 3}}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const LayoutChoice layouts{{Layout::nchw}, {Layout::nchw, Layout::nchw}, 0};
      check_pass({moments_op, MomentsAttrs{.axes = axes}, {varied({3, 5, 4, 7}, 2).to(dtype)}, layouts}, "moments cuda",
                 limit);
    }
  }
}

TEST_CASE("moments on CUDA: few results of many elements are made by several blocks each") {
  for (const auto& axes : {std::vector{2, 3}, std::vector{0, 2, 3}}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const LayoutChoice layouts{{Layout::nchw}, {Layout::nchw, Layout::nchw}, 0};
      Pass pass{moments_op, MomentsAttrs{.axes = axes}, {varied({2, 3, 67, 50}, 4).to(dtype)}, layouts};
      check_pass(pass, "moments cuda", limit);
    }
  }
}

TEST_CASE("moments on CUDA: a large mean does not cancel the variance") {
  Tensor x = varied({1, 64, 20, 20}, 9);
  for (float& v : x.mutable_as<float>()) v += 4096;
  Pass pass = features_pass(moments_op, MomentsAttrs{.axes = {2, 3}}, {x}, Precision::strict);
  const Tensor rows = run_pass({moments_op, pass.attrs, {x}, {{Layout::nchw}, pass.layouts.out, 0}}).out[1];
  const Tensor lanes = run_pass(pass).out[1], want = wanted(pass)[1];
  CHECK(relative_error(lanes, want) < 1e-3);  // the mean itself is known to 2^-12
  CHECK(relative_error(rows, want) < 1e-3);
}

}  // namespace
}  // namespace g2face::test
