#include "g2face/ops/conv2d_pointwise.hpp"

#include "g2face/graph/op.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face {
namespace {

Types infer(const Conv2dPointwiseAttrs& a, std::span<const Type> in) {
  check<ShapeError>(in.size() >= 2, "there must be x and w, but there are ", in.size(), " inputs (R1)");
  Types of_pointwise = conv2d_op.infer(a.conv, in.first(2));
  of_pointwise.insert(of_pointwise.end(), in.begin() + 2, in.end());
  return pointwise_op.infer(a.pointwise, of_pointwise);
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const Conv2dPointwiseAttrs& a) {
  std::vector<Value> of_pointwise{conv2d(in[0], in[1], a.conv)};
  of_pointwise.insert(of_pointwise.end(), in.begin() + 2, in.end());
  return pointwise(of_pointwise, a.pointwise);
}

}  // namespace

std::string Conv2dPointwiseAttrs::str() const { return g2face::str(conv.str(), "; ", pointwise.str()); }

std::vector<Value> conv2d_pointwise(std::span<const Value> in, const Conv2dPointwiseAttrs& attrs) {
  check<ShapeError>(!in.empty(), "conv2d_pointwise: there must be x and w (R1)");
  const Value first = in[0].graph->add(conv2d_pointwise_op, in, attrs);
  std::vector<Value> results;
  for (std::size_t i = 0; i < attrs.pointwise.results.size(); ++i) {
    results.push_back({first.graph, first.node, static_cast<int>(i)});
  }
  return results;
}

const OpDef conv2d_pointwise_op = define_fused_op<Conv2dPointwiseAttrs, infer, formula>("conv2d_pointwise")
                                      .with_cuda<Conv2dPointwiseAttrs, conv2d_pointwise_cuda>()
                                      .with_cuda_others<Conv2dPointwiseAttrs, conv2d_pointwise_cuda_others>()
                                      .with_cuda_layouts<Conv2dPointwiseAttrs, conv2d_pointwise_cuda_layouts>();

}  // namespace g2face
