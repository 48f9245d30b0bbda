#include "g2face/ops/pointwise.hpp"

#include "g2face/graph/op.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cuda/kernels.hpp"
#include "ops/functions.hpp"
#include "ops/loops.hpp"
#include "ops/text.hpp"

namespace g2face {
namespace {

using Instruction = PointwiseInstruction;

std::size_t operand_count(Instruction::Kind kind) {
  return kind == Instruction::Kind::unary ? 1 : kind == Instruction::Kind::binary ? 2 : 3;
}

Types infer(const PointwiseAttrs& attrs, std::span<const Type> in) {
  const DType dtype = in.empty() ? DType::u8 : in[0].dtype;
  check<ShapeError>(is_float(dtype), "the inputs must have a floating dtype (R1)");
  for (std::size_t i = 0; i < in.size(); ++i) {
    check<ShapeError>(in[i].dtype == dtype, "x", i, " ", in[i].str(), " has not the dtype of x0, ", dtype, " (R1)");
    check<ShapeError>(broadcasts_to(in[i].shape, attrs.shape), "x", i, " ", in[i].shape, " does not broadcast to ",
                      attrs.shape, " (R2)");
  }
  const auto written = [](int r, std::size_t count) { return r >= 0 && static_cast<std::size_t>(r) < count; };
  std::size_t count = in.size();
  for (std::size_t i = 0; i < attrs.program.size(); ++i) {
    const Instruction& step = attrs.program[i];
    check<ShapeError>(step.source.size() == operand_count(step.kind), "instruction ", i, " has ", step.source.size(),
                      " operands instead of ", operand_count(step.kind), " (R3)");
    for (const int r : step.source)
      check<ShapeError>(written(r, count), "instruction ", i, " reads register ", r, ", but only ", count,
                        " are written (R3)");
    ++count;
  }
  for (const int r : attrs.results)
    check<ShapeError>(written(r, count), "register ", r, " is a result, but only ", count, " are written (R3)");
  return Types(attrs.results.size(), Type{dtype, attrs.shape});
}

void reference(const PointwiseAttrs& attrs, const ReferenceArgs& args) {
  const std::size_t inputs = args.in_types.size();
  std::vector<double> registers(inputs + attrs.program.size());
  std::size_t place = 0;
  for_each_index(attrs.shape, [&](const Index& at) {
    for (std::size_t i = 0; i < inputs; ++i) {
      const int n = static_cast<int>(i);
      registers[i] = args.in(n)[broadcast_flat(args.in_shape(n), at, attrs.shape.rank())];
    }
    for (std::size_t i = 0; i < attrs.program.size(); ++i) {
      const Instruction& step = attrs.program[i];
      const auto operand = [&](std::size_t k) { return registers[static_cast<std::size_t>(step.source[k])]; };
      double& result = registers[inputs + i];
      switch (step.kind) {
        case Instruction::Kind::unary:
          result = apply(step.unary, operand(0));
          break;
        case Instruction::Kind::binary:
          result = apply(step.binary, operand(0), operand(1));
          break;
        case Instruction::Kind::select:
          result = operand(0) != 0 ? operand(1) : operand(2);
          break;
      }
    }
    for (std::size_t i = 0; i < attrs.results.size(); ++i)
      args.out(static_cast<int>(i))[place] = registers[static_cast<std::size_t>(attrs.results[i])];
    ++place;
  });
}

}  // namespace

std::string PointwiseAttrs::str() const {
  std::string text = shape.str();
  for (const Instruction& step : program) {
    text += "; ";
    if (step.kind == Instruction::Kind::unary) text += step.unary.str();
    if (step.kind == Instruction::Kind::binary) text += name_of(step.binary);
    if (step.kind == Instruction::Kind::select) text += "select";
    text += ' ' + list_text(step.source);
  }
  return text + " -> " + list_text(results);
}

std::vector<Value> pointwise(std::span<const Value> in, const PointwiseAttrs& attrs) {
  check<ShapeError>(!in.empty(), "pointwise: the inputs must have a floating dtype, but there are none (R1)");
  const Value first = in[0].graph->add(pointwise_op, in, attrs);
  std::vector<Value> results;
  for (std::size_t i = 0; i < attrs.results.size(); ++i)
    results.push_back({first.graph, first.node, static_cast<int>(i)});
  return results;
}

const OpDef pointwise_op = define_op<PointwiseAttrs, infer, nullptr, reference>("pointwise")
                               .with_cpu<PointwiseAttrs, pointwise_cpu>()
                               .with_cpu_layouts<PointwiseAttrs, pointwise_cpu_layouts>()
                               .with_cuda<PointwiseAttrs, pointwise_cuda>()
                               .with_cuda_layouts<PointwiseAttrs, pointwise_cuda_layouts>();

}  // namespace g2face
