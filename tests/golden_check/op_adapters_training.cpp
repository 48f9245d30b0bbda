#include "g2face/nn/ema.hpp"
#include "g2face/ops.hpp"
#include "g2face/train/losses.hpp"
#include "g2face/train/schedule.hpp"
#include "op_adapters.hpp"

namespace g2face::golden {
namespace {

Outputs generator_loss_case(CaseBuilder& c) { return only(generator_loss(c.input("fake_pred"))); }

Outputs discriminator_loss_case(CaseBuilder& c) {
  return only(discriminator_loss(c.input("real_pred"), c.input("fake_pred")));
}

Outputs cosine_embedding_case(CaseBuilder& c) {
  c.require("margin", 0);
  return only(c.number("id_coef") * cosine_embedding(c.input("a"), c.input("b"), c.input("label")));
}

Outputs diversity_case(CaseBuilder& c) { return only(c.number("diversity_coef") * diversity(c.only_input())); }

Outputs geometry_case(CaseBuilder& c) {
  c.require("shape_coef", 1);
  c.require("lm_coef", 0.01);
  c.require("color_coef", 1);
  const GeometryLoss loss = geometry_loss({c.input("shape"), c.input("landmark"), c.input("color")},
                                          {c.input("shape_recon"), c.input("landmark_recon"), c.input("color_recon")});
  return {{"shape_loss", loss.shape}, {"landmark_loss", loss.landmarks}, {"color_loss", loss.colours}, {"y", loss.sum}};
}

Outputs l1_case(CaseBuilder& c) { return only(l1(c.input("a"), c.input("b"))); }

Outputs hidden_bits_case(CaseBuilder& c) {
  return only(c.number("hiding_coef") * hidden_bits(c.input("logits"), c.input("bits")));
}

Tensor scalar(double value, DType dtype) { return Tensor::full({dtype, {1}}, value); }

/// Steps of Adam on one recorded parameter: what it is after each, the last being the change of all, and the mean of
/// squares at the end.
struct Steps {
  std::vector<Value> rows;
  Value last, second;
};
Steps adam_steps(CaseBuilder& c, Value start, const std::string& name, double rate_factor) {
  Graph& g = c.graph();
  const std::vector<double> betas = c.numbers("betas"), rates = c.numbers("lr_per_step");
  check<FormatError>(betas.size() == 2, "attribute 'betas' has ", betas.size(), " numbers, expected 2");
  const AdamAttrs attrs{.beta1 = betas[0], .beta2 = betas[1], .eps = c.number("eps")};
  AdamTensors at{start, {}, g.constant(Tensor::zeros(start.type()))};
  if (attrs.beta1 != 0) at.first = at.second;
  Steps steps;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    at.gradient = c.input(str("grad_", name, '_', i));
    const AdamResult r = adam(g.constant(scalar(static_cast<double>(i + 1), DType::i64)),
                              g.constant(scalar(rates[i] * rate_factor, DType::f32)), {{at}}, attrs)[0];
    at = {r.parameter, {}, r.second, r.first};
    std::vector<std::int64_t> row(start.shape().begin(), start.shape().end());
    row.insert(row.begin(), 1);
    steps.rows.push_back(reshape(r.parameter, Shape(row)));
  }
  steps.last = at.parameter;
  steps.second = at.second;
  return steps;
}

Outputs adam_case(CaseBuilder& c) {
  c.require("weight_decay", 0);
  Outputs outputs;
  for (const std::string name : {"a", "b"}) {
    const Value start = c.input(name);
    const double factor = name == "a" ? 1 : c.number("group_b_lr_factor");
    const Steps steps = adam_steps(c, start, name, factor);
    outputs[name + "_steps"].value = concat(steps.rows, 0);
    outputs[name + "_exp_avg_sq"].value = steps.second;
    // Beside the parameter the change would be rounded away. It does not depend on it, so the same steps from zero are
    // the change.
    outputs[name + "_delta_total"].value =
        adam_steps(c, c.graph().constant(Tensor::zeros(start.type())), name, factor).last;
  }
  return outputs;
}

Outputs schedule_case(CaseBuilder& c) {
  const Schedule schedule{.warm_up = static_cast<int>(c.integer("warmup_epochs")), .gamma = c.number("gamma")};
  const std::vector<double> base = c.numbers("base_lr");
  check<FormatError>(base.size() == 2, "attribute 'base_lr' has ", base.size(), " numbers, expected 2");
  const std::int64_t epochs = c.golden().shape("output.lr_group0").numel();
  const auto rates = [&](double rate, double (Schedule::*factor)(int) const) {
    Tensor t({DType::f64, {epochs}});
    for (std::int64_t e = 0; e < epochs; ++e)
      t.mutable_as<double>()[static_cast<std::size_t>(e)] = rate * (schedule.*factor)(static_cast<int>(e + 1));
    return t;
  };
  Outputs outputs;
  outputs["lr_group0"].tensor = rates(base[0], &Schedule::factor);
  outputs["lr_group1"].tensor = rates(base[1], &Schedule::factor);
  outputs["lr_logged"].tensor = rates(base[0], &Schedule::printed_factor);
  outputs["lr_before_first_epoch"].tensor = Tensor::full({DType::f64, {2}}, base[0] * schedule.factor(0));
  return outputs;
}

Outputs ema_case(CaseBuilder& c) {
  Outputs outputs;
  for (const std::string& input : c.golden().names("input")) {
    if (!input.starts_with("ema.")) continue;
    const std::string name = input.substr(4);
    const Value average = c.input(input), value = c.input("new." + name);
    outputs[input].value =
        is_averaged(name) ? ema({{average}}, {{value}}, {.decay = c.number("decay")})[0] : affine(average, 1);
  }
  return outputs;
}

constexpr OpAdapter table[] = {
    {"mean softplus(-pred)", 'n', generator_loss_case, true},
    {"mean softplus(-real) + mean softplus(fake)", 'n', discriminator_loss_case},
    {"CosineEmbeddingLoss", 'n', cosine_embedding_case},
    {"mean over n*n of relu(cos_ij), i != j", 'n', diversity_case},
    {"MSE shape + 0.01 * MSE landmark + MSE colour", 'n', geometry_case},
    {"mean absolute difference", 'n', l1_case},
    {"10 * mean BCE with logits", 'n', hidden_bits_case},
    {"Adam", 'p', adam_case},
    {"GradualWarmup(multiplier 1) then ExponentialLR", 'p', schedule_case},
    {"EMA", 'p', ema_case},
};

}  // namespace

std::span<const OpAdapter> training_adapters() { return table; }

}  // namespace g2face::golden
