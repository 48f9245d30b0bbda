// Plans for CUDA join a convolution with the elementwise node that alone reads it, and only then.
#include <doctest/doctest.h>

#include <algorithm>

#include "g2face/ops.hpp"
#include "g2face/plan/plan.hpp"

namespace g2face::test {
namespace {

std::ptrdiff_t count(const Plan& p, const std::string& op) {
  const auto kernels = p.kernels();
  return std::count_if(kernels.begin(), kernels.end(), [&](const std::string& k) { return k.starts_with(op + " "); });
}

struct Net {
  Graph g;
  Value x = g.input({DType::f32, {1, 16, 6, 6}}, "x");
  Value w = g.parameter({DType::f32, {16, 16, 3, 3}}, "w");
  Value y = conv2d(x, w, {.pad = {1, 1}});
};

TEST_CASE("fuse_conv2d: a convolution that only an elementwise node reads is joined with it") {
  for (const Precision precision : {Precision::strict, Precision::bf16}) {
    Net net;
    const Plan p = plan(net.g, {leaky_relu(net.y, 0.2) * 2.0}, {.device = Device::cuda(), .precision = precision});
    CHECK(count(p, "conv2d_pointwise") == 1);
    CHECK(count(p, "conv2d") == 0);
    CHECK(count(p, "pointwise") == 0);
  }
}

TEST_CASE("fuse_conv2d: not if somebody else reads it, or fusing is off, or it is large") {
  const PlanOptions cuda{.device = Device::cuda()};
  {
    Net net;
    const Plan p = plan(net.g, {leaky_relu(net.y, 0.2), mean(net.y)}, cuda);
    CHECK(count(p, "conv2d_pointwise") == 0);
  }
  {
    Net net;
    PlanOptions apart = cuda;
    apart.fuse = false;
    CHECK(count(plan(net.g, {leaky_relu(net.y, 0.2)}, apart), "conv2d_pointwise") == 0);
  }
  {
    Graph g;
    const Value x = g.input({DType::f32, {1, 16, 300, 300}}, "x");
    const Value y = conv2d(x, g.parameter({DType::f32, {16, 16, 1, 1}}, "w"));
    CHECK(count(plan(g, {leaky_relu(y, 0.2)}, cuda), "conv2d_pointwise") == 0);
  }
}

}  // namespace
}  // namespace g2face::test
