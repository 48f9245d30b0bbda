// The smallest model that has every part of the real one, on CUDA against the obvious loops.

#include <doctest/doctest.h>

#include "cuda/kernel_check.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/models/arcface.hpp"
#include "g2face/models/extractor.hpp"
#include "g2face/models/generator.hpp"
#include "g2face/models/identity.hpp"
#include "g2face/models/lpips.hpp"
#include "g2face/models/mobilefacenet.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/models/stylegan2.hpp"
#include "models/tiny.hpp"

namespace g2face::tests {
namespace {

const ModelConfig tiny = tiny_config();

/// Every output on CUDA in a precision, compared with the reference device.
void compare(const Experiment& e, const Parameters& parameters, const std::vector<Value>& outputs,
             const std::vector<Tensor>& want, const PlanOptions& options, double limit) {
  CAPTURE(name_of(options.precision));
  Executor run(plan(e.graph, outputs, options), &parameters);
  for (const auto& [value, tensor] : e.inputs) run.set(value, tensor);
  std::vector<Tensor> first;
  test::for_each_schedule([&] {  // of the plan's branches, too
    run.run();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      CAPTURE(i);
      CAPTURE(e.graph.node(outputs[i]).name);
      const Tensor got = run.get(outputs[i]);
      CHECK_LT(relative_error(got.to(DType::f64), want[i]), limit);
      if (first.size() <= i) first.push_back(got);
      CHECK(relative_error(got, first[i]) == 0);
    }
  });
}

void compare_precisions(const Experiment& e, const Parameters& parameters, const std::vector<Value>& outputs) {
  const std::vector<Tensor> want = e.run(parameters, outputs);
  for (const auto& [precision, limit] :
       {std::pair(Precision::strict, 1e-5), std::pair(Precision::fast, 1e-5), std::pair(Precision::tf32, 5e-3),
        std::pair(Precision::bf16, 5e-2), std::pair(Precision::f16, 1e-2)}) {
    compare(e, parameters, outputs, want, {.device = Device::cuda(), .precision = precision}, limit);
  }
}

TEST_CASE("networks that look at images, and those that make identities and styles") {
  Experiment e;
  const Value image = e.input("image", {2, 3, 16, 16}), other = e.input("other", {2, 3, 16, 16});
  const Value z = e.input("z", {2, 6}), geometry = e.input("geometry", {2, 147});
  const auto scope = [&](std::string_view network) { return Scope(e.graph, network); };
  compare_precisions(
      e, new_parameters(network_names(), tiny, Fill::reference),
      {arcface(scope("arcface"), image, tiny), recon(scope("recon"), image, tiny),
       hiding_extractor(scope("hiding_extractor"), image, tiny), lpips(scope("lpips"), image, other, tiny),
       map_2_id(scope("map_2_id"), z, tiny), style_mlp(scope("style_mlp"), z, geometry, tiny)});
}

TEST_CASE("mobilefacenet, and its gradient for the image") {
  ModelConfig config = tiny;
  config.identity_network = IdentityNetwork::mobilefacenet;
  constexpr std::string_view only[] = {"arcface"};
  Experiment e;
  const Value image = e.input("image", {2, 3, 16, 16});
  const Value identity = mobilefacenet(Scope(e.graph, "arcface").frozen(), image, config);
  const std::vector<Value> outputs = {identity, gradients(sum(square(identity)), {image})[0]};
  const Parameters parameters = new_parameters(only, config, Fill::reference);
  const PlanOptions training{.device = Device::cuda(), .precision = Precision::strict, .fold = false};
  compare(e, parameters, outputs, e.run(parameters, outputs), training, 1e-4);
}

struct GeneratorExperiment : Experiment {
  Value seed = graph.constant(Tensor::scalar(5, DType::i64).reshape({1}));
  Value styles = input("styles", {1, 6, 8});
  Value image = generator(Scope(graph, "generator"), input("image", {1, 3, 16, 16}), styles, input("bits", {1, 2, 32}),
                          {.seed = seed}, tiny);
  Parameters parameters = new_parameters(network_names(), tiny, Fill::reference);

  Value parameter(const std::string& name, const Shape& shape) {
    return graph.parameter({DType::f32, shape}, "generator/" + name);
  }
};

TEST_CASE("the generator") {
  const GeneratorExperiment e;
  compare_precisions(e, e.parameters, {e.image});
}

TEST_CASE("the gradient of the generator, and the second one of the discriminator") {
  GeneratorExperiment e;
  std::vector<Value> outputs =
      gradients(sum(square(e.image)), {e.styles, e.parameter("pyramid.1.conv1.conv.weight", {4, 4, 3, 3}),
                                       e.parameter("fusion_mask.1.conv.weight", {8, 24, 1, 1})});
  const Value faces = e.input("faces", {4, 3, 16, 16});
  const Value judged = discriminator(Scope(e.graph, "discriminator"), faces, tiny);
  const Value penalty = sum(square(gradients(sum(judged), {faces})[0]));
  outputs.push_back(penalty);
  const PlanOptions training{.device = Device::cuda(), .precision = Precision::strict, .fold = false};
  compare(e, e.parameters, outputs, e.run(e.parameters, outputs), training, 1e-4);
}

}  // namespace
}  // namespace g2face::tests
