#include "g2face/ops/gather_sum.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "evaluate.hpp"
#include "g2face/ops.hpp"
#include "op_check.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

Tensor table_of(std::int64_t columns, const std::vector<std::int32_t>& entries) {
  Tensor t(Type{DType::i32, {static_cast<std::int64_t>(entries.size()) / columns, columns}});
  std::copy(entries.begin(), entries.end(), t.mutable_as<std::int32_t>().begin());
  return t;
}

/// M rows of D entries in -1..R: some are padding on either side, some repeat.
Tensor scattered(std::int64_t rows, std::int64_t columns, std::int64_t extent) {
  std::vector<std::int32_t> entries;
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    entries.push_back(static_cast<std::int32_t>(i * 37 % (extent + 2) - 1));
  }
  return table_of(columns, entries);
}

How summing(const Tensor& table) {
  return [table](const std::vector<Value>& v) {
    Graph& g = *v[0].graph;
    return gather_sum(v[0], g.constant(table), g.constant(inverse_table(table, v[0].shape()[-1])));
  };
}

}  // namespace

TEST_CASE("gather_sum: forward and gradients") {
  const OpCheck c(gather_sum_op);
  c.ok({{5}}, summing(table_of(1, {4, 0, 0, 2})));
  c.ok({{2, 5}}, summing(table_of(3, {4, 0, 5, 2, 2, -1})));  // 5 and -1 are padding, 2 counts twice
  c.ok({{2, 3, 17}}, summing(scattered(11, 8, 17)));
  c.ok({{5, 9}}, summing(scattered(23, 2, 9)));
  c.ok({{2, 2, 2, 7}}, summing(scattered(5, 3, 7)));
}

TEST_CASE("gather_sum: known numbers, and a table whose every entry is padding") {
  const OpCheck c(gather_sum_op);
  const Tensor x = Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6});
  c.gives({x}, summing(table_of(2, {2, 0, 1, 3})), Tensor::from({2, 2}, {4, 2, 10, 5}));
  c.gives({x}, summing(table_of(1, {3, -1})), Tensor::from({2, 2}, {0, 0, 0, 0}));
}

TEST_CASE("gather_sum: a table from a file may hold anything without harm") {
  const OpCheck c(gather_sum_op);
  constexpr std::int32_t least = std::numeric_limits<std::int32_t>::min(),
                         most = std::numeric_limits<std::int32_t>::max();
  c.gives({Tensor::from({2}, {1, 2})}, summing(table_of(3, {least, 1, most})), Tensor::from({1}, {2}));
}

TEST_CASE("inverse_table lists rows in ascending order, twice where they list an element twice") {
  const Tensor inverse = inverse_table(table_of(2, {1, 3, 0, 1, 1, 1}), 4);
  CHECK(inverse.shape() == Shape{4, 4});
  CHECK(inverse.str() == "[[1,3,3,3],[0,1,2,2],[3,3,3,3],[0,3,3,3]]");
  CHECK(inverse_table(table_of(1, {-1, 2}), 2).str() == "[[2],[2]]");
  CHECK_THROWS_AS(inverse_table(Tensor::from({2, 2}, {0, 1, 1, 0}), 2), ShapeError);
}

TEST_CASE("gather_sum: the inverse table gives the adjoint") {
  Bench b;
  const Tensor table = scattered(13, 4, 10);
  const Value t = b.graph.constant(table), inverse = b.graph.constant(inverse_table(table, 10));
  const Value x = b.random({2, 10}), y = b.random({2, 13});
  const double left = b.number(sum(gather_sum(x, t, inverse) * y));
  CHECK(left == doctest::Approx(b.number(sum(x * gather_sum(y, inverse, t)))).epsilon(1e-14));
  CHECK(std::abs(left) > 1e-3);
}

TEST_CASE("gather_sum: rules") {
  const OpCheck c(gather_sum_op);
  const CheckInput table{{4, 2}, {0, 2}, DType::i32}, inverse{{3, 2}, {0, 3}, DType::i32};
  c.fails("R1", {{{2, 3}, {}, DType::i32}, table, inverse}, "x i32[2,3] must have a floating dtype");
  c.fails("R1", {{Shape{}}, table, inverse}, "x f32[] must have a floating dtype and at least one axis");
  c.fails("R2", {{2, 3}, {4, 2}, inverse}, "table f32[4,2] must be i32 of rank 2");
  c.fails("R2", {{2, 3}, table, {{3}, {}, DType::i32}}, "inverse i32[3] must be i32 of rank 2");
  c.fails("R3", {{2, 4}, table, inverse}, "inverse [3,2] must have one row for each of the 4 elements");
}
