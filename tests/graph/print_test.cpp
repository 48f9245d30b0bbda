#include "g2face/graph/print.hpp"

#include <doctest/doctest.h>

#include "g2face/ops.hpp"

using namespace g2face;

TEST_CASE("print: a line for each node") {
  Graph g;
  const Value x = g.input({DType::f32, {2, 3}}, "x");
  const Value w = g.parameter({DType::f32, {3}}, "net/layer.weight");
  g.path = "net/layer";
  const Value y = leaky_relu(x * w, 0.2);
  g.path = "";
  const Value k = g.constant(Tensor::from({2}, {0.5, -1}));
  g.constant(Tensor::zeros({DType::f32, {9}}));
  g.path = "net/sum";
  (sum(y) + k);
  CHECK(print(g) ==
        "%0 = input x : f32[2,3]\n"
        "%1 = parameter net/layer.weight : f32[3]\n"
        "%2 = binary(%0, %1) mul : f32[2,3]  net/layer\n"
        "%3 = unary(%2) leaky_relu 0.2 0 : f32[2,3]  net/layer\n"
        "%4 = constant {0.5,-1} : f32[2]\n"
        "%5 = constant : f32[9]\n"
        "%6 = reduce(%3) sum [0,1] : f32[]  net/sum\n"
        "%7 = binary(%6, %4) add : f32[2]  net/sum\n");
}

TEST_CASE("print: outputs beyond the first are named") {
  Graph g;
  const Value x = g.input({DType::f32, {2}}, "x");
  PointwiseInstruction exponential;
  exponential.unary = {.kind = Unary::exp};
  exponential.source = {0};
  const auto y = pointwise(std::vector<Value>{x}, {.shape = {2}, .program = {exponential}, .results = {0, 1}});
  -y[1];
  CHECK(print(g) ==
        "%0 = input x : f32[2]\n"
        "%1 = pointwise(%0) [2]; exp [0] -> [0,1] : f32[2], f32[2]\n"
        "%2 = unary(%1.1) affine -1 0 : f32[2]\n");
}

TEST_CASE("print: Graphviz") {
  Graph g;
  const Value x = g.input({DType::f32, {2}}, "a \"b\"\\c");
  g.path = "here";
  x - exp(x);
  CHECK(print_dot(g) ==
        "digraph g2face {\n"
        "  node [shape=box];\n"
        "  n0 [label=\"%0 input\\na \\\"b\\\"\\\\c\\nf32[2]\", shape=ellipse];\n"
        "  n1 [label=\"%1 unary\\nexp\\nf32[2]\\nhere\"];\n"
        "  n0 -> n1;\n"
        "  n2 [label=\"%2 binary\\nsub\\nf32[2]\\nhere\"];\n"
        "  n0 -> n2 [label=0];\n"
        "  n1 -> n2 [label=1];\n"
        "}\n");
}

TEST_CASE("print: an empty graph") {
  const Graph g;
  CHECK(print(g) == "");
  CHECK(print_dot(g) == "digraph g2face {\n  node [shape=box];\n}\n");
}
