#include "g2face/ops/pointwise_sums.hpp"

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"

namespace g2face {
namespace {

/// The program with the sources of the sums as further results.
PointwiseAttrs with_sources(const PointwiseSumsAttrs& a) {
  PointwiseAttrs all = a.pointwise;
  for (const auto& s : a.sums) all.results.push_back(s.source);
  return all;
}

Types infer(const PointwiseSumsAttrs& a, std::span<const Type> in) {
  const std::size_t registers = in.size() + a.pointwise.program.size();
  for (const auto& s : a.sums)
    check<ShapeError>(s.source >= 0 && static_cast<std::size_t>(s.source) < registers, "register ", s.source,
                      " is summed, but only ", registers, " are written (R4)");
  Types types = pointwise_op.infer(with_sources(a), in);
  for (std::size_t i = 0; i < a.sums.size(); ++i) {
    Type& type = types[a.pointwise.results.size() + i];
    type = reduce_op.infer(a.sums[i].reduce, std::vector{type})[0];
  }
  return types;
}

std::vector<Value> formula(Graph& graph, std::span<const Value> in, const PointwiseSumsAttrs& a) {
  std::vector<Value> values = pointwise(in, with_sources(a));
  for (std::size_t i = 0; i < a.sums.size(); ++i) {
    Value& v = values[a.pointwise.results.size() + i];
    v = graph.add(reduce_op, {v}, a.sums[i].reduce);
  }
  return values;
}

}  // namespace

std::string PointwiseSumsAttrs::str() const {
  std::string text = pointwise.str();
  for (const Sum& s : sums) text += g2face::str("; sum ", s.source, ' ', s.reduce.str());
  return text;
}

std::vector<Value> pointwise_sums(std::span<const Value> in, const PointwiseSumsAttrs& attrs) {
  check<ShapeError>(!in.empty(), "pointwise_sums: the inputs must have a floating dtype, but there are none (R1)");
  const Value first = in[0].graph->add(pointwise_sums_op, in, attrs);
  std::vector<Value> results;
  for (std::size_t i = 0; i < attrs.pointwise.results.size() + attrs.sums.size(); ++i)
    results.push_back({first.graph, first.node, static_cast<int>(i)});
  return results;
}

const OpDef pointwise_sums_op = define_fused_op<PointwiseSumsAttrs, infer, formula>("pointwise_sums")
                                    .with_cpu<PointwiseSumsAttrs, pointwise_sums_cpu>()
                                    .with_cpu_layouts<PointwiseSumsAttrs, pointwise_sums_cpu_layouts>();

}  // namespace g2face
