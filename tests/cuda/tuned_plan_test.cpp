// Tuned plans: whatever is chosen, results are those of the plan that is not tuned, to rounding.
#include <doctest/doctest.h>

#include <algorithm>

#include "g2face/fill.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "g2face/tuning.hpp"
#include "plan/plan_data.hpp"

namespace g2face::test {
namespace {

struct Net {
  Graph g;
  Value x = g.input({DType::f32, {1, 8, 6, 5}}, "x");
  Value w = g.parameter({DType::f32, {16, 8, 3, 3}}, "w"), v = g.parameter({DType::f32, {8, 16, 1, 1}}, "v");
  Value b = g.parameter({DType::f32, {240, 12}}, "b");
  Value h = leaky_relu(conv2d(x, w, {.pad = {1, 1}}), 0.2);
  Value y = matmul(reshape(conv2d(h, v), {1, 240}), b);
  Parameters parameters;
  Net() {
    for (const Value& p : {w, v, b}) {
      const std::string& name = g.node(p).attrs.as<LeafAttrs>().name;
      parameters.set(name, fill(name, p.shape()));
    }
  }
};

Tensor run_on(Net& net, Value out, const PlanOptions& options) {
  Executor run(plan(net.g, {out}, options), &net.parameters);
  run.set(net.x, fill("x", net.x.shape()));
  run.run();
  return run.get(out);
}

TEST_CASE("a tuned plan gives the same results, and is made without timing when all is remembered") {
  Net net;
  const Value dw = gradients(sum(square(net.y)), {net.w})[0];
  for (const Value out : {net.y, dw}) {
    for (const Precision precision : {Precision::strict, Precision::bf16}) {
      PlanOptions options{.device = Device::cuda(), .precision = precision};
      const Tensor want = run_on(net, out, options);
      options.tuning = std::make_shared<Tuning>();
      const double most = precision == Precision::strict ? 2e-6 : 2e-2;  // a few roundings to 16 bits
      CHECK(relative_error(run_on(net, out, options), want) < most);
      CHECK(options.tuning->size() >= 3);
      const std::size_t known = options.tuning->size();
      const std::vector<std::string> kernels = plan(net.g, {out}, options).kernels();
      CHECK(plan(net.g, {out}, options).kernels() == kernels);
      CHECK(options.tuning->size() == known);
    }
  }
}

TEST_CASE("a plan takes what is remembered") {
  Net net;
  PlanOptions options{.device = Device::cuda(), .precision = Precision::tf32};
  options.tuning = std::make_shared<Tuning>();
  const Plan tuned_once = plan(net.g, {net.y}, options);
  // Each step that has others, with each of them.
  for (const std::string part : {" split:", " cudnn:", " cublaslt:"}) {
    const auto forced = std::make_shared<Tuning>();
    for (const PlanStep& s : tuned_once.data().steps) {
      if (s.op->cuda_others == nullptr) continue;
      std::vector<TensorDesc> in, out;
      const auto known = std::make_unique<bool[]>(s.in.size());
      for (std::size_t i = 0; i < s.in.size(); ++i) {
        const PlanValue& value = tuned_once.data().values[static_cast<std::size_t>(s.in[i])];
        in.push_back(value.desc);
        known[i] = value.place == Place::parameter;
      }
      for (const int o : s.out) out.push_back(tuned_once.data().values[static_cast<std::size_t>(o)].desc);
      const Signature signature{in, out, {known.get(), s.in.size()}, Precision::tf32};
      const std::vector<Step> all = s.op->cuda_others(s.attrs, signature);
      const auto it = std::find_if(all.begin(), all.end(),
                                   [&](const Step& step) { return step.kernel.find(part) != std::string::npos; });
      if (it != all.end()) forced->remember(key_of(*s.op, s.attrs, signature), it->kernel);
    }
#ifdef G2FACE_CUDA_EMULATED
    REQUIRE(forced->size() > 0);
#endif
    const std::size_t count = forced->size();
    options.tuning = forced;
    const std::vector<std::string> kernels = plan(net.g, {net.y}, options).kernels();
    const auto taken = std::count_if(kernels.begin(), kernels.end(),
                                     [&](const std::string& k) { return k.find(part) != std::string::npos; });
    CHECK(taken >= static_cast<std::ptrdiff_t>(count));
    const Tensor want = run_on(net, net.y, {.device = Device::cuda(), .precision = Precision::strict});
    CHECK(relative_error(run_on(net, net.y, options), want) < 2e-3);  // factors of tf32: 2^-11
  }
}

}  // namespace
}  // namespace g2face::test
