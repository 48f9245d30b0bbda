#pragma once
// Graphs as text.

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// A line for each node: number, op, inputs, settings, types, name.
///   %3 = conv2d(%0, %1) stride 1 ... : f32[1,64,32,32]  generator/convs.3
/// Input %2.1 is output 1 of node 2. Leaves show their name, and constants of up to eight elements their values.
std::string print(const Graph& graph);
/// The same as a Graphviz digraph: boxes for ops, ellipses for leaves, edges from inputs to uses, numbered by place
/// where an op has several inputs.
std::string print_dot(const Graph& graph);

}  // namespace g2face
