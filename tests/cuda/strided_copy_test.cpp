// The ops that move elements, in every layout.
#include "kernels/cuda/strided_copy.hpp"

#include <algorithm>
#include <numeric>

#include "cuda/layout_check.hpp"
#include "g2face/ops/broadcast.hpp"
#include "g2face/ops/concat.hpp"
#include "g2face/ops/pad.hpp"
#include "g2face/ops/slice.hpp"
#include "g2face/ops/transpose.hpp"

namespace g2face::test {
namespace {

bool has(const std::vector<std::string>& kernels, std::string_view name) {
  return std::find(kernels.begin(), kernels.end(), name) != kernels.end();
}

TEST_CASE("slice on CUDA takes features as they lie") {
  const Tensor x = varied({3, 16, 4, 6}, 1);
  CHECK(has(check_layouts(slice_op, SliceAttrs{{1, 0, 0, 0}, {2, 16, 4, 6}}, {{x}}), "slice vectors"));
  CHECK(has(check_layouts(slice_op, SliceAttrs{{0, 8, 0, 0}, {3, 8, 4, 6}}, {{x}}), "slice vectors"));
  CHECK(has(check_layouts(slice_op, SliceAttrs{{0, 3, 1, 2}, {3, 9, 2, 3}}, {{x}}), "slice elements"));
  check_layouts(slice_op, SliceAttrs{{0, 0, 1, 2}, {3, 16, 2, 4}}, {{x}});
}

TEST_CASE("pad on CUDA takes features as they lie") {
  const Tensor x = varied({2, 8, 3, 4}, 2);
  check_layouts(pad_op, PadAttrs{{0, 0, 1, 2}, {0, 0, 2, 1}}, {{x}});
  check_layouts(pad_op, PadAttrs{{1, 3, 0, 0}, {0, 2, 0, 1}}, {{x}});
}

TEST_CASE("concat on CUDA takes features as they lie") {
  const Tensor a = varied({2, 16, 3, 4}, 3), b = varied({2, 8, 3, 4}, 4), c = varied({2, 3, 3, 4}, 5);
  CHECK(has(check_layouts(concat_op, ConcatAttrs{1}, std::vector{a, b}), "concat vectors vectors"));
  check_layouts(concat_op, ConcatAttrs{1}, std::vector{a, c, b});
  for (const int axis : {0, 2, 3}) check_layouts(concat_op, ConcatAttrs{axis}, std::vector{a, a});
}

TEST_CASE("broadcast on CUDA takes features as they lie") {
  const BroadcastAttrs to{{2, 16, 3, 4}};
  CHECK(has(check_layouts(broadcast_op, to, {{varied({1, 16, 3, 4}, 6)}}), "broadcast vectors"));
  for (const Shape& shape : {Shape{2, 16, 1, 1}, {1, 1, 3, 4}, {1, 1, 1, 1}, {2, 1, 3, 1}, {16, 1, 1}}) {
    check_layouts(broadcast_op, to, {{varied(shape, 7)}});
  }
}

// Every width of element, in tiles and not.
TEST_CASE("transpose on CUDA moves elements of every size") {
  for (const DType dtype : {DType::u8, DType::f16, DType::f32, DType::f64}) {
    CAPTURE(name_of(dtype));
    for (const auto& [shape, order] : {std::pair<Shape, std::vector<int>>{{33, 70}, {1, 0}},
                                       {{2, 9, 3, 40}, {0, 3, 2, 1}},
                                       {{2, 9, 3, 40}, {3, 0, 1, 2}},
                                       {{4, 5, 6}, {2, 1, 0}},
                                       {{4, 16, 8}, {1, 0, 2}}}) {
      Tensor x({DType::f64, shape});
      std::iota(x.mutable_as<double>().begin(), x.mutable_as<double>().end(), 0.);
      const std::vector<Tensor> in{x.to(dtype)};
      const TransposeAttrs attrs{order};
      const Tensor want = reference_result(transpose_op, attrs, in);
      for_each_schedule([&] {
        const LayoutChoice plain{{Layout::nchw}, {Layout::nchw}, 0};
        CHECK(relative_error(run_in_layouts(transpose_op, attrs, in, plain, Precision::strict).result, want) == 0);
      });
    }
  }
}

TEST_CASE("a space is cut into pieces that together are the whole") {
  cuda::IndexSpace space;
  space.axes = {{1, {0, 0}}, {3, {35, 0}}, {5, {7, 1}}, {7, {1, 5}}};
  space.begin = {2, 1};
  std::vector<std::int64_t> seen, want(105);
  std::iota(want.begin(), want.end(), 2);
  for (const cuda::IndexSpace& piece : space.pieces(10)) {
    CHECK(piece.size() <= 10);
    const cuda::Walk<2> walk(piece);
    for (std::uint32_t i = 0; i < walk.size(); ++i) {
      std::int64_t at[2];
      walk.locate(i, at);
      CHECK(at[1] == 1 + (at[0] - 2) / 7 % 5 + (at[0] - 2) % 7 * 5);
      seen.push_back(at[0]);
    }
  }
  CHECK(seen == want);
}

TEST_CASE("division by what is known before") {
  for (const std::uint32_t d :
       {1u, 2u, 3u, 7u, 64u, 641u, 65537u, 0x3fffffffu, 0x40000001u, 0x7ffffffeu, 0x7fffffffu}) {
    const cuda::Divisor divisor(d);
    for (const std::uint32_t n : {0u, 1u, d - 1, d, d + 1, 2 * (d / 2), 12345678u, 0x7ffffffeu, 0x7fffffffu}) {
      if (n <= 0x7fffffffu) CHECK(divisor.divide(n) == n / d);
    }
  }
}

}  // namespace
}  // namespace g2face::test
