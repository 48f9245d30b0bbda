// That a step which reads memory of a value that is dead is found by running with poison.
#include <cmath>

#include "cuda/kernel_check.hpp"
#include "g2face/plan/executor.hpp"
#include "kernels/cuda/step.hpp"

namespace g2face::test {
namespace {

struct CopyAttrs {
  bool late = false;  // the planted fault: copies what the step before this one read
  std::string str() const { return late ? "late" : "in time"; }
  bool operator==(const CopyAttrs&) const = default;
};

OpDef copying_row() {
  OpDef row;
  row.name = "copy";
  row.infer = [](const Attrs&, std::span<const Type> in) { return Types{in[0]}; };
  row.cuda = [](const Attrs& attrs, const Signature& s) -> std::optional<Step> {
    static const void* read_before = nullptr;
    Step step;
    step.kernel = "copy";
    step.run = [late = attrs.as<CopyAttrs>().late, bytes = static_cast<std::size_t>(s.in[0].type.shape.numel()) * 4](
                   const Buffers& buffers, Stream& stream) {
      const void* from = late ? read_before : buffers.in[0];
      cuda::check_call(cudaMemcpyAsync(buffers.out[0], from, bytes, cudaMemcpyDeviceToDevice, cuda::stream_of(stream)),
                       "cudaMemcpyAsync");
      read_before = buffers.in[0];
    };
    return step;
  };
  return row;
}

float last_of_three_copies(bool late) {
  static const OpDef copy_op = copying_row();
  Graph g;
  const Value x = g.input({DType::f32, {2, 100}}, "x");
  const Value first = g.add(copy_op, {x}, CopyAttrs{}), second = g.add(copy_op, {first}, CopyAttrs{});
  const Value third = g.add(copy_op, {second}, CopyAttrs{late});
  Executor run(plan(g, std::vector{third}, {.device = Device::cuda()}));
  run.set(x, Tensor::full(x.type(), 3));
  run.run({.poison = true});
  return run.get(third).as<float>()[0];
}

TEST_CASE("a step that reads a dead value is found") {
  CHECK(last_of_three_copies(false) == 3);
  CHECK(std::isnan(last_of_three_copies(true)));
}

}  // namespace
}  // namespace g2face::test
