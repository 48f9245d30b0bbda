#include "g2face/ops/adam.hpp"

#include <cmath>

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

// Inputs: step, rate, then for each parameter p, g, v and, with beta1, m. Results: p', v' and m' of each.
constexpr std::size_t scalars = 2;

std::size_t tensors_of(const AdamAttrs& a) { return a.beta1 == 0 ? 3 : 4; }

Types infer(const AdamAttrs& a, std::span<const Type> in) {
  const std::size_t each = tensors_of(a);
  check<ShapeError>(!in.empty() && in[0] == Type{DType::i64, {1}}, "step ", in.empty() ? "(none)" : in[0].str(),
                    " must be i64[1] (R1)");
  const bool has_rate = in.size() > 1 && (in[1] == Type{DType::f32, {1}} || in[1] == Type{DType::f32, {2}});
  check<ShapeError>(has_rate, "rate ", in.size() < 2 ? "(none)" : in[1].str(), " must be f32[1] or f32[2] (R2)");
  check<ShapeError>(0 <= a.beta1 && a.beta1 < 1 && 0 <= a.beta2 && a.beta2 < 1 && a.eps > 0, "beta1 ", a.beta1,
                    " and beta2 ", a.beta2, " must be at least 0 and below 1, and eps ", a.eps, " positive (R3)");
  check<ShapeError>(in.size() > scalars && (in.size() - scalars) % each == 0, in.size() - scalars,
                    " tensors are no whole number of parameters, which have ", each, " each (R4)");
  Types out;
  for (std::size_t i = scalars; i < in.size(); i += each) {
    for (std::size_t k = 0; k < each; ++k) {
      check<ShapeError>(in[i + k] == Type{DType::f32, in[i].shape}, "parameter ", (i - scalars) / each, " is ",
                        in[i].str(), " and has a tensor ", in[i + k].str(), "; all must be f32 of one shape (R5)");
    }
    out.insert(out.end(), each - 1, in[i]);
  }
  return out;
}

void reference(const AdamAttrs& a, const ReferenceArgs& args) {
  const std::size_t each = tensors_of(a), count = (args.in_types.size() - scalars) / each;
  const double step = args.in(0)[0], rate = args.in(1)[0], factor = args.in(1).size() == 2 ? args.in(1)[1] : 1;
  check<Error>(step >= 1, "adam: step ", step, " must be at least 1");
  const double correction1 = 1 - std::pow(a.beta1, step), correction2 = 1 - std::pow(a.beta2, step);
  for (std::size_t k = 0; k < count; ++k) {
    const auto in = [&](std::size_t i) { return args.in(static_cast<int>(scalars + k * each + i)); };
    const auto out = [&](std::size_t i) { return args.out(static_cast<int>(k * (each - 1) + i)); };
    for (std::size_t i = 0; i < in(0).size(); ++i) {
      if (factor == 0) {
        out(0)[i] = in(0)[i];
        out(1)[i] = in(2)[i];
        if (a.beta1 != 0) out(2)[i] = in(3)[i];
        continue;
      }
      const double g = in(1)[i] * factor;
      const double m = a.beta1 == 0 ? g : a.beta1 * in(3)[i] + (1 - a.beta1) * g;
      const double v = a.beta2 * in(2)[i] + (1 - a.beta2) * g * g;
      out(0)[i] = in(0)[i] - rate * (m / correction1) / (std::sqrt(v / correction2) + a.eps);
      out(1)[i] = v;
      if (a.beta1 != 0) out(2)[i] = m;
    }
  }
}

}  // namespace

std::string AdamAttrs::str() const { return "beta1 " + exact(beta1) + " beta2 " + exact(beta2) + " eps " + exact(eps); }

std::vector<AdamResult> adam(Value step, Value rate, std::span<const AdamTensors> parameters, const AdamAttrs& attrs) {
  std::vector<Value> in = {step, rate};
  for (const AdamTensors& t : parameters) {
    in.insert(in.end(), {t.parameter, t.gradient, t.second});
    if (attrs.beta1 != 0) in.push_back(t.first);
  }
  Value next = step.graph->add(adam_op, in, attrs);
  const auto take = [&next] {
    const Value v = next;
    ++next.output;
    return v;
  };
  std::vector<AdamResult> results(parameters.size());
  for (AdamResult& r : results) {
    r.parameter = take();
    r.second = take();
    if (attrs.beta1 != 0) r.first = take();
  }
  return results;
}

const OpDef adam_op = define_op<AdamAttrs, infer, nullptr, reference>("adam")
                          .with_cpu<AdamAttrs, adam_cpu>()
                          .with_cuda<AdamAttrs, adam_cuda>();

}  // namespace g2face
