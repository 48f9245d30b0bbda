#include "g2face/ops/ema.hpp"

#include "g2face/graph/op.hpp"
#include "g2face/ops/binary.hpp"
#include "g2face/ops/unary.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

Types infer(const EmaAttrs& a, std::span<const Type> in) {
  const std::size_t count = in.size() / 2;
  check<ShapeError>(count > 0 && in.size() == 2 * count, in.size(),
                    " tensors are not as many averages as values, or none (R1)");
  check<ShapeError>(0 <= a.decay && a.decay <= 1, "decay ", a.decay, " must lie in 0 .. 1 (R2)");
  for (std::size_t i = 0; i < count; ++i) {
    check<ShapeError>(in[i] == in[count + i] && is_float(in[i].dtype), "average ", i, " is ", in[i].str(),
                      " and its value ", in[count + i].str(), "; both must be of one shape and floating dtype (R3)");
  }
  return {in.begin(), in.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::vector<Value> formula(Graph&, std::span<const Value> in, const EmaAttrs& a) {
  const std::size_t count = in.size() / 2;
  std::vector<Value> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(affine(in[i], a.decay) + affine(in[count + i], 1 - a.decay));
  return out;
}

}  // namespace

std::string EmaAttrs::str() const { return "decay " + exact(decay); }

std::vector<Value> ema(std::span<const Value> averages, std::span<const Value> values, const EmaAttrs& attrs) {
  check<ShapeError>(!averages.empty(), "ema: there is nothing to average (R1)");
  std::vector<Value> in(averages.begin(), averages.end());
  in.insert(in.end(), values.begin(), values.end());
  const Value first = in[0].graph->add(ema_op, in, attrs);
  std::vector<Value> results;
  results.reserve(averages.size());
  for (int i = 0; i < static_cast<int>(averages.size()); ++i) results.push_back({first.graph, first.node, i});
  return results;
}

const OpDef ema_op = define_fused_op<EmaAttrs, infer, formula>("ema").with_cuda<EmaAttrs, ema_cuda>();

}  // namespace g2face
