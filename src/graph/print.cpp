#include "g2face/graph/print.hpp"

#include <sstream>

#include "g2face/graph/op.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

constexpr std::int64_t shown_elements = 8;

std::string constant_text(const Tensor& tensor) {
  if (tensor.numel() > shown_elements) return {};
  const Tensor values = tensor.to(DType::f64);
  std::ostringstream out;
  const char* separator = "{";
  for (const double v : values.as<double>()) {
    out << separator << exact(v);
    separator = ",";
  }
  out << (tensor.numel() == 0 ? "{}" : "}");
  return out.str();
}

std::string settings(const Node& node) {
  if (node.op == &constant_op) return constant_text(node.attrs.as<ConstantAttrs>().tensor);
  return is_leaf(node) ? node.attrs.as<LeafAttrs>().name : node.attrs.str();
}

std::string types_text(const Node& node) {
  std::string text;
  for (const Type& type : node.types) {
    if (!text.empty()) text += ", ";
    text += type.str();
  }
  return text;
}

// A leaf's name is its setting already.
const std::string& place(const Node& node) {
  static const std::string none;
  return node.op == &input_op || node.op == &parameter_op ? none : node.name;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

std::string print(const Graph& graph) {
  std::ostringstream out;
  for (int i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(i);
    out << '%' << i << " = " << node.op->name;
    for (std::size_t k = 0; k < node.in.size(); ++k) {
      out << (k == 0 ? "(%" : ", %") << node.in[k].node;
      if (node.in[k].output > 0) out << '.' << node.in[k].output;
    }
    if (!node.in.empty()) out << ')';
    if (const std::string text = settings(node); !text.empty()) out << ' ' << text;
    out << " : " << types_text(node);
    if (!place(node).empty()) out << "  " << place(node);
    out << '\n';
  }
  return out.str();
}

std::string print_dot(const Graph& graph) {
  std::ostringstream out;
  out << "digraph g2face {\n  node [shape=box];\n";
  for (int i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(i);
    std::string label = str('%', i, ' ', node.op->name);
    for (const std::string& line : {settings(node), types_text(node), place(node)})
      if (!line.empty()) label += "\\n" + escaped(line);
    out << "  n" << i << " [label=\"" << label << '"' << (is_leaf(node) ? ", shape=ellipse" : "") << "];\n";
    for (std::size_t k = 0; k < node.in.size(); ++k) {
      out << "  n" << node.in[k].node << " -> n" << i;
      if (node.in.size() > 1) out << " [label=" << k << ']';
      out << ";\n";
    }
  }
  out << "}\n";
  return out.str();
}

}  // namespace g2face
