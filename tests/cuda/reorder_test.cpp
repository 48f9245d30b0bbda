#include "g2face/ops/reorder.hpp"

#include "cuda/pass_check.hpp"

namespace g2face::test {
namespace {

constexpr Layout layouts[] = {Layout::nchw, Layout::nhwc, Layout::nhwc_bf16, Layout::nhwc_f16};

TEST_CASE("reorder on CUDA: every pair of layouts, exactly") {
  for (const Shape& shape : {Shape{1, 1, 3, 5}, {2, 3, 5, 7}, {3, 33, 4, 9}, {2, 40, 1, 1}, {1, 64, 8, 8}}) {
    const Tensor x = varied(shape, 3);
    for (const Layout from : layouts) {
      for (const Layout to : layouts) {
        const Pass pass{reorder_op, NoAttrs{}, {x}, {{from}, {to}, 0}};
        CAPTURE(name_of(from));
        CAPTURE(name_of(to));
        const Tensor want = wanted(pass)[0].to(DType::f32);
        for_each_schedule([&] { CHECK(relative_error(run_pass(pass).out[0], want) == 0); });
      }
    }
  }
}

TEST_CASE("reorder on CUDA: every size of elements") {
  for (const DType dtype : {DType::u8, DType::bf16, DType::i32, DType::f64}) {
    CAPTURE(name_of(dtype));
    Tensor x({DType::i32, {2, 35, 3, 11}});
    for (std::size_t i = 0; i < static_cast<std::size_t>(x.numel()); ++i) {
      x.mutable_as<std::int32_t>()[i] = static_cast<std::int32_t>(i * 7 % 251);
    }
    x = x.to(dtype);
    for (const Layout from : {Layout::nchw, Layout::nhwc}) {
      for (const Layout to : {Layout::nchw, Layout::nhwc}) {
        const PassResult got = run_pass({reorder_op, NoAttrs{}, {x}, {{from}, {to}, 0}});
        CHECK(std::memcmp(got.out[0].data(), x.data(), x.bytes()) == 0);
        CHECK(got.kernel == (from == to ? "reorder cuda:copy" : "reorder cuda:transpose"));
      }
    }
  }
}

}  // namespace
}  // namespace g2face::test
