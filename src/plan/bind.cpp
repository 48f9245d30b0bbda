// Asks kernels for steps.

#include <algorithm>

#include "g2face/ops/reshape.hpp"
#include "plan/plan_data.hpp"

namespace g2face {

namespace {

bool on_reference(const PlanData& plan) { return plan.options.device.kind == Device::Kind::reference; }

Place place_of(const Node& node, bool known) {
  if (node.op == &input_op) return Place::input;
  if (node.op == &parameter_op) return Place::parameter;
  if (node.op == &constant_op) return Place::constant;
  return known ? Place::known : Place::arena;
}

std::string described(const Signature& signature) {
  std::string text;
  for (const TensorDesc& d : signature.in) text += str(text.empty() ? "" : ", ", d.type.str(), " ", d.layout);
  return text;
}

}  // namespace

Step make_step(const Node& node, const Signature& signature, const PlanData& plan) {
  if (on_reference(plan)) return reference_step(*node.op, node.attrs, signature, true);
  if (const auto kernel = kernel_of(*node.op, plan.options.device); kernel != nullptr) {
    if (std::optional<Step> step = kernel(node.attrs, signature)) return std::move(*step);
  }
  const bool on_host = plan.options.device.kind == Device::Kind::cpu;
  check<PlanError>(on_host && node.op->reference != nullptr, node.op->name, " '", node.name, "': no kernel for ",
                   described(signature), " on ", plan.options.device, " and no formula");
  return reference_step(*node.op, node.attrs, signature, false);
}

void bind(const LaidOut& laid_out, PlanData& plan) {
  const Graph& graph = *laid_out.lowered.graph;
  std::vector<std::vector<int>> value_of(static_cast<std::size_t>(graph.size()));

  for (int n = 0; n < graph.size(); ++n) {
    const Node& node = graph.node(n);
    const bool known = laid_out.lowered.known[static_cast<std::size_t>(n)];
    const LayoutChoice& chosen = laid_out.chosen[static_cast<std::size_t>(n)];
    auto& own = value_of[static_cast<std::size_t>(n)];
    for (std::size_t o = 0; o < node.types.size(); ++o) {
      PlanValue value;
      value.desc = {node.types[o], chosen.out[o]};
      value.place = place_of(node, known);
      value.name = node.name;
      value.bytes = on_reference(plan) ? static_cast<std::size_t>(node.types[o].shape.numel()) * sizeof(double)
                                       : value.desc.bytes();
      own.push_back(static_cast<int>(plan.values.size()));
      plan.values.push_back(std::move(value));
    }
    PlanValue& first = plan.values[static_cast<std::size_t>(own[0])];
    if (node.op == &constant_op) first.tensor = node.attrs.as<ConstantAttrs>().tensor;
    if (node.op == &parameter_op) first.name = node.attrs.as<LeafAttrs>().name;
    if (node.op == &input_op) {
      first.name = node.attrs.as<LeafAttrs>().name;
      plan.inputs[laid_out.lowered.input_nodes.at(n)] = own[0];
    }
    if (is_leaf(node)) continue;

    std::vector<int> in;
    for (const Value& v : node.in) {
      in.push_back(value_of[static_cast<std::size_t>(v.node)][static_cast<std::size_t>(v.output)]);
    }
    if (node.op == &reshape_op) {
      first.alias_of = in[0];
      continue;
    }
    std::vector<TensorDesc> in_desc, out_desc;
    const auto in_known = std::make_unique<bool[]>(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      in_desc.push_back({node.in[i].type(), chosen.in[i]});
      in_known[i] = laid_out.lowered.known[static_cast<std::size_t>(node.in[i].node)];
    }
    for (const int v : own) out_desc.push_back(plan.values[static_cast<std::size_t>(v)].desc);
    const Signature signature{in_desc,
                              out_desc,
                              {in_known.get(), in.size()},
                              plan.options.precision,
                              plan.options.determinism,
                              plan.options.threads};
    PlanStep step;
    step.op = node.op;
    step.attrs = node.attrs;
    step.name = node.name;
    step.in = std::move(in);
    step.out = own;
    step.step = make_step(node, signature, plan);
    for (const Packing& p : step.step.packings) {
      check<PlanError>(in_known[static_cast<std::size_t>(p.input)], node.op->name, " '", node.name, "': kernel ",
                       step.step.kernel, " packs an input that is not known");
    }
    (known ? plan.load_steps : plan.steps).push_back(std::move(step));
  }
  for (std::size_t i = 0; i < laid_out.lowered.outputs.size(); ++i) {
    const Value v = laid_out.lowered.outputs[i];
    // The planned graph's own handles are filled in by plan(), in the same order.
    plan.outputs[{-1 - static_cast<int>(i), 0}] =
        value_of[static_cast<std::size_t>(v.node)][static_cast<std::size_t>(v.output)];
  }
}

Step reference_step(const OpDef& op, const Attrs& attrs, const Signature& signature, bool memory_is_double) {
  struct Call {
    const OpDef* op;
    Attrs attrs;
    std::vector<Type> in, out;
  };
  auto call = std::make_shared<Call>(Call{&op, attrs, {}, {}});
  std::size_t workspace = 0;
  for (const TensorDesc& d : signature.in) {
    call->in.push_back(d.type);
    workspace += round_up(static_cast<std::size_t>(d.type.shape.numel()) * sizeof(double));
  }
  for (const TensorDesc& d : signature.out) {
    call->out.push_back(d.type);
    workspace += round_up(static_cast<std::size_t>(d.type.shape.numel()) * sizeof(double));
  }
  Step step;
  step.kernel = "reference";
  if (memory_is_double) {
    step.run = [call](const Buffers& m, Stream&) {
      std::vector<const double*> in;
      std::vector<double*> out;
      for (std::size_t i = 0; i < m.in.size(); ++i) in.push_back(m.get<double>(static_cast<int>(i)));
      for (std::size_t o = 0; o < m.out.size(); ++o) out.push_back(m.out_as<double>(static_cast<int>(o)));
      call->op->reference(call->attrs, {call->in, call->out, in, out});
    };
    return step;
  }
  for (const TensorDesc& d : signature.in) {
    check<PlanError>(d.layout == Layout::nchw, op.name, ": reference loops take nchw, not ", d.layout);
  }
  step.workspace = workspace;
  step.run = [call](const Buffers& m, Stream&) {
    auto* at = static_cast<std::byte*>(m.workspace);
    const auto take = [&](const Type& t) {
      auto* p = reinterpret_cast<double*>(at);
      at += round_up(static_cast<std::size_t>(t.shape.numel()) * sizeof(double));
      return p;
    };
    std::vector<const double*> in;
    std::vector<double*> out;
    for (std::size_t i = 0; i < m.in.size(); ++i) {
      double* p = take(call->in[i]);
      convert(m.in[i], call->in[i].dtype, p, DType::f64, call->in[i].shape.numel());
      in.push_back(p);
    }
    for (const Type& t : call->out) out.push_back(take(t));
    call->op->reference(call->attrs, {call->in, call->out, in, out});
    for (std::size_t o = 0; o < m.out.size(); ++o) {
      convert(out[o], DType::f64, m.out[o], call->out[o].dtype, call->out[o].shape.numel());
    }
  };
  return step;
}

}  // namespace g2face
