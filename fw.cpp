#include <cstdio>
#include <ctime>
#include "g2face/ops.hpp"
#include "g2face/fill.hpp"
#include "g2face/plan/executor.hpp"
using namespace g2face;
int main() { for (long sz : {64L, 256L}) for (int th : {1, 2}) { long n = sz == 64 ? 16 : 2; Graph g; Type t{DType::f32, {n, 3, sz, sz}}; Value x = g.input(t, "x"), dy = g.input(t, "dy");
  Value w = conv2d_weight_grad(x, dy, {.pad = {1, 1}, .kernel = {3, 3}}); Executor e(plan(g, {w}, {.threads = th})); e.set(x, fill("x", t.shape)); e.set(dy, fill("dy", t.shape)); e.run();
  std::clock_t c = std::clock(); for (int i = 0; i < 20; ++i) e.run(); std::printf("%s %ld threads %d: %.2f CPU ms\n", e.plan().kernels()[0].c_str(), sz, th, 1e3 * double(std::clock() - c) / CLOCKS_PER_SEC / 20); } }
