// Build a graph, plan it, run it.

#include <g2face/g2face.hpp>
#include <iostream>

using namespace g2face;

int main() {
  Graph g;
  const Value x = g.input({DType::f32, {2, 3}}, "x");  // an input: set before each run
  const Value y = g.input({DType::f32, {3}}, "y");
  const Value z = x + y * 10;  // y is repeated over the rows of x

  Executor run(plan(g, {z}));  // chooses kernels and places every value in memory, once
  run.set(x, Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6}));
  run.set(y, Tensor::from({3}, {1, 2, 3}));
  run.run();

  std::cout << "result   " << run.get(z) << "\nexpected [[11,22,33],[14,25,36]]\n";
  return run.get(z).str() == "[[11,22,33],[14,25,36]]" ? 0 : 1;
}
