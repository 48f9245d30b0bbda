// A gradient is more graph, so it can be differentiated again.

#include <g2face/g2face.hpp>
#include <iostream>

using namespace g2face;

int main() {
  Graph g;
  const Value x = g.input({DType::f32, {2, 3}}, "x");
  const Value y = sum(x * square(x));            // sum of cubes
  const Value dx = gradients(y, {x})[0];         // 3 x^2
  const Value ddx = gradients(sum(dx), {x})[0];  // 6 x

  Executor run(plan(g, {y, dx, ddx}));
  run.set(x, Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6}));
  run.run();

  std::cout << "y        " << run.get(y) << "\nexpected 441\n"
            << "dy/dx    " << run.get(dx) << "\nexpected [[3,12,27],[48,75,108]]\n"
            << "d2y/dx2  " << run.get(ddx) << "\nexpected [[6,12,18],[24,30,36]]\n";
  const bool ok = run.get(y).str() == "441" && run.get(dx).str() == "[[3,12,27],[48,75,108]]" &&
                  run.get(ddx).str() == "[[6,12,18],[24,30,36]]";
  return ok ? 0 : 1;
}
