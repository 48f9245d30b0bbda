// What stands between two convolutions is handed blocked or channel-last memory where its kernel takes that. Whatever
// the planner chooses, results are those of the reference device.
#include <doctest/doctest.h>

#include <functional>

#include "g2face/ops.hpp"
#include "op_check.hpp"

using namespace g2face;

namespace {

constexpr Conv2dAttrs same{.pad = {1, 1}};

/// conv2d(between(conv2d(x, w0)), w1), where `channels` is what `between` leaves of 16.
void check_between(const std::function<Value(Value)>& between, std::int64_t channels = 16, Shape x = {2, 16, 3, 5}) {
  // The differences of each op's gradient are its own test's business.
  const OpCheck c(conv2d_op, NoAttrs{}, {.differences = 0, .strict = 3e-6, .fast = 3e-5});
  c.ok({x, {16, x[1], 3, 3}, {16, channels, 1, 1}},
       [&](const std::vector<Value>& v) { return conv2d(between(conv2d(v[0], v[1], same)), v[2]); });
}

Value constant(Value like, const Shape& shape) {
  return like.graph->constant(check_values({shape, {0.5, 1.5}}, 3).to(like.dtype()));
}

}  // namespace

TEST_CASE("layouts: chains of convolutions") {
  const auto nothing = [](Value v) { return v; };
  for (const Shape& x : {Shape{1, 16, 1, 1}, {1, 3, 8, 8}, {2, 16, 5, 7}, {1, 17, 2, 9}, {1, 32, 7, 1}})
    check_between(nothing, 16, x);
}

TEST_CASE("layouts: elementwise ops") {
  check_between([](Value v) { return leaky_relu(v, 0.2); });
  check_between([](Value v) { return v * sigmoid(v) + 0.5; });
  for (const Shape& shape :
       {Shape{}, {1}, {5}, {3, 5}, {16, 1, 1}, {2, 16, 1, 1}, {2, 1, 3, 5}, {1, 16, 3, 5}, {2, 16, 3, 5}, {2, 1, 1, 1}})
    check_between([&](Value v) { return v * constant(v, shape) + constant(v, shape); });
  check_between([](Value v) { return select(greater(v, 0 * v), v, -0.5 * v); });
  check_between([](Value v) { return maximum(v, constant(v, {16, 1, 1})); });
  // A value that is read in two layouts, and one that grows by broadcasting.
  check_between([](Value v) { return v + reshape(reshape(v, {2, 16, 15}), {2, 16, 3, 5}); });
  check_between([](Value v) { return slice_axis(v, 0, 0, 1) + constant(v, {3, 16, 1, 1}); });
}

TEST_CASE("layouts: reductions and broadcasts") {
  for (const std::vector<int>& axes : std::vector<std::vector<int>>{{0}, {1}, {2}, {3}, {2, 3}, {1, 2, 3}, {0, 2, 3}})
    check_between([&](Value v) { return v - mean(v, {.axes = axes, .keep_dims = true}); });
  check_between([](Value v) { return v * sum(v, {.axes = {1, 3}, .keep_dims = true}); });
  check_between([](Value v) { return broadcast_to(mean(v, {.axes = {2, 3}, .keep_dims = true}), v.shape()); });
  check_between([](Value v) { return reshape(mean(v, {.axes = {2, 3}}), {2, 16, 1, 1}); });
}

TEST_CASE("layouts: copies") {
  check_between([](Value v) { return concat({v, v}, 1); }, 32);
  check_between([](Value v) { return concat({v, constant(v, {2, 3, 3, 5})}, 1); }, 19);
  check_between([](Value v) { return concat({v, v}, 2); });
  check_between([](Value v) { return concat({v, v}, 0); });
  check_between([](Value v) { return slice_axis(concat({v, v}, 1), 1, 16, 16); });
  check_between([](Value v) { return slice_axis(v, 1, 3, 9); }, 9);
  check_between([](Value v) { return slice(v, {1, 0, 1, 2}, {1, 16, 2, 3}); });
  check_between([](Value v) { return pad(v, {0, 0, 1, 2}, {0, 0, 2, 0}); });
  check_between([](Value v) { return pad(v, {0, 5, 0, 0}, {0, 11, 0, 0}); }, 32);
  check_between([](Value v) { return gather(v, 1, {15, 0, 0, 8}); }, 4);
  check_between([](Value v) { return gather(v, 3, {4, 0, 3}); });
  check_between([](Value v) { return transpose(v, {0, 1, 3, 2}); });
  check_between([](Value v) { return transpose(exp(-abs(transpose(v, {0, 2, 3, 1}))), {0, 3, 1, 2}); });
  check_between([](Value v) { return reshape(v, {1, 32, 3, 5}); }, 32);
  check_between([](Value v) { return cast(cast(v, DType::f64), v.dtype()); });
}

TEST_CASE("layouts: filters, pools and norms") {
  check_between([](Value v) { return max_pool2d(v, {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}}); });
  check_between([](Value v) { return resize2d_nearest(v, {.height = 6, .width = 10}); });
  check_between([](Value v) {
    return upfirdn2d(v, constant(v, {4, 4}),
                     {.up_x = 2, .up_y = 2, .pad_x0 = 2, .pad_x1 = 1, .pad_y0 = 2, .pad_y1 = 1});
  });
  check_between([](Value v) { return bias_act(v, constant(v, {16})); });
  check_between([](Value v) { return instance_norm(v); });
  check_between([](Value v) { return pixel_norm(v); });
  check_between([](Value v) {
    const Value k = constant(v, {16});
    return batch_norm(v, k, k, k, k);
  });
  check_between([](Value v) { return modulated_conv2d(v, constant(v, {16, 16, 3, 3}), constant(v, {2, 16}), {}); });
  check_between([](Value v) { return minibatch_stddev(v); }, 17);
}
