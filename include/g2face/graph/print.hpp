#pragma once
// Graphs as text.

#include <string>

#include "g2face/graph/graph.hpp"

namespace g2face {

/// A line for each node: number, op, settings, inputs, types, name.
std::string print(const Graph& graph);
/// The same as a Graphviz digraph.
std::string print_dot(const Graph& graph);

}  // namespace g2face
