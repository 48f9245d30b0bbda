#include "g2face/ops/gather.hpp"

#include <numeric>

#include "cuda/layout_check.hpp"

namespace g2face::test {
namespace {

TEST_CASE("gather on CUDA takes features as they lie") {
  const Tensor x = varied({2, 16, 3, 5}, 1);
  check_layouts(gather_op, GatherAttrs{1, {15, 0, 7, 7}, 16}, {{x}});
  check_layouts(gather_op, GatherAttrs{2, {0, 0, 1, 1, 2, 2}, 3}, {{x}});
  check_layouts(gather_op, GatherAttrs{3, {4, 3, 2, 1, 0, 0}, 5}, {{x}});
  check_layouts(gather_op, GatherAttrs{0, {1, 1, 0}, 2}, {{x}});
  check_layouts(gather_op, GatherAttrs{3, {2, 0}, 5}, {{varied({1, 3, 2, 5}, 2)}});
}

TEST_CASE("gather_grad on CUDA takes features as they lie") {
  const Tensor dy = varied({2, 16, 4, 3}, 3);
  check_layouts(gather_grad_op, GatherAttrs{2, {5, 0, 5, 2}, 6}, {{dy}}, 4e-3);  // the sums are rounded to 16 bits
  check_layouts(gather_grad_op, GatherAttrs{1, {3, 1, 2, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 15, 14}, 16}, {{dy}});
}

// More indices than one launch takes.
TEST_CASE("gather on CUDA in several launches") {
  const std::int64_t count = 2000;
  GatherAttrs attrs{1, {}, 700};
  for (std::int64_t i = 0; i < count; ++i) attrs.index.push_back(i * 37 % attrs.extent);
  check_layouts(gather_op, attrs, {{varied({2, 700, 3}, 4)}});
  check_layouts(gather_grad_op, attrs, {{varied({2, count, 3}, 5)}}, 1e-6);
  attrs.index.assign(static_cast<std::size_t>(count), 699);
  attrs.index[1000] = 2;
  check_layouts(gather_grad_op, attrs, {{varied({1, count, 2}, 6)}}, 1e-5);
}

}  // namespace
}  // namespace g2face::test
