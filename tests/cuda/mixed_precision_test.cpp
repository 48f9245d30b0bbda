// Training in 16 bits on CUDA: near f32, resumable, and whole where gradients overflow.

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <set>

#include "g2face/fill.hpp"
#include "g2face/nn/layers.hpp"
#include "g2face/ops.hpp"
#include "g2face/train/engine.hpp"

namespace g2face::tests {
namespace {

/// Three convolutions with batch statistics between them, channels enough for maps to be stored in 16 bits.
Value network(const Scope& net, Value x) {
  const ConvOptions wide{.out = 16, .kernel = 3, .pad = 1};
  Value y = leaky_relu(batch_norm_layer(net / "norm", conv(net / "a", x, wide)), 0.2);
  y = leaky_relu(conv(net / "b", y, wide), 0.2);
  return conv(net / "c", y, {.out = 3, .kernel = 1});
}

const Type image_type{DType::f32, {2, 3, 8, 8}};

Parameters first_parameters() {
  Graph g;
  const Scope net = Scope(g, "net").in_training();
  network(net, g.input(image_type, "image"));
  return initial_parameters(net.declared(), 1);
}

/// Fits the network to pictures; the loss is also multiplied by `size`.
struct Fit {
  TrainingEngine engine;
  double size;
  std::int64_t taken;

  static TrainingEngine engine_for(Precision precision, const Parameters& start) {
    Graph g;
    const Scope net = Scope(g, "net").in_training();
    network(net, g.input(image_type, "image"));
    const TrainedNetwork trained{{net.declared().begin(), net.declared().end()}, true};
    EngineOptions options;
    options.run = {.device = Device::cuda(), .precision = precision};
    options.ema = 0.5;
    return {start, {&trained, 1}, options};
  }
  Fit(Precision precision, const Parameters& start, std::int64_t first_step = 0, double loss_size = 1)
      : engine(engine_for(precision, start)), size(loss_size), taken(first_step) {}

  StepReport step() {
    TrainingJob& job = engine.job("fit", [&](TrainingJob& j) {
      const Scope net = Scope(j.graph, "net").in_training();
      const Value loss =
          mean(square(network(net, j.input("image", image_type)) - j.input("target", image_type))) * size;
      engine.minimize(j, loss, {&net}, [](std::string_view) { return RateInputs{"step", "rate"}; });
      engine.average(j, {&net});
      for (const Update& u : net.updates()) j.updates.push_back(u);
      j.report = {{"loss", loss}};
    });
    ++taken;
    engine.run(job, {{"image", fill(str("image ", taken), image_type.shape, 0.8)},
                     {"target", fill(str("target ", taken), image_type.shape, 0.8)},
                     {"step", whole_number(taken)},
                     {"rate", real_number(0.01)}});
    StepReport report;
    engine.add_report("fit", job, taken, report);
    return report;
  }
};

std::set<std::string> differences(const Parameters& a, const Parameters& b) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || b.at(name).type() != tensor.type() ||
        std::memcmp(b.at(name).data(), tensor.data(), tensor.bytes()) != 0)
      names.insert(name);
  return names;
}

/// Of the ways from `start` to two states, the cosine.
double agreement(const Parameters& start, const Parameters& want, const Parameters& got) {
  double products = 0, wanted = 0, moved = 0;
  for (const auto& [name, tensor] : start) {
    if (tensor.dtype() != DType::f32 || name.find("running") != std::string::npos) continue;
    const auto a = tensor.as<float>(), b = want.at(name).as<float>(), c = got.at(name).as<float>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double w = double{b[i]} - double{a[i]}, m = double{c[i]} - double{a[i]};
      products += w * m;
      wanted += w * w;
      moved += m * m;
    }
  }
  return products / std::sqrt(wanted * moved);
}

TEST_CASE("training in 16 bits on CUDA goes where f32 goes, and keeps f32") {
  const Parameters start = first_parameters();
  Fit exact(Precision::strict, start);
  std::array<double, 4> want{};
  for (double& loss : want) loss = exact.step()[0].second;
  const Parameters want_state = exact.engine.state();
  struct Limits {
    Precision precision;
    double loss, least_cosine;
  };
  // Losses err by a few roundings of maps. The direction errs more: the first step of Adam is the rate in the direction
  // of each gradient's sign, and signs of gradients below the rounding are lost.
  for (const Limits& limits :
       {Limits{Precision::tf32, 5e-3, 0.95}, Limits{Precision::bf16, 5e-2, 0.8}, Limits{Precision::f16, 5e-3, 0.95}}) {
    CAPTURE(name_of(limits.precision));
    Fit fit(limits.precision, start);
    for (const double loss : want) CHECK(fit.step()[0].second == doctest::Approx(loss).epsilon(limits.loss));
    const Parameters state = fit.engine.state();
    for (const auto& [name, tensor] : want_state) CHECK(state.at(name).type() == tensor.type());
    const double cosine = agreement(start, want_state, state);
    CHECK(cosine > limits.least_cosine);
    CHECK(cosine < 1 - 1e-9);  // something was rounded
    CHECK(state.contains("adam/loss_scale") == (limits.precision == Precision::f16));
  }
}

TEST_CASE("training in 16 bits on CUDA: two steps, stop, two steps are four steps") {
  for (const Precision precision : {Precision::bf16, Precision::f16}) {
    CAPTURE(name_of(precision));
    Fit whole(precision, first_parameters()), first(precision, first_parameters());
    for (int i = 0; i < 2; ++i) CHECK(whole.step() == first.step());
    Fit second(precision, first.engine.state(), 2);
    for (int i = 0; i < 2; ++i) CHECK(whole.step() == second.step());
    CHECK(differences(whole.engine.state(), second.engine.state()).empty());
  }
}

TEST_CASE("training in f16: where gradients overflow nothing changes but the scale") {
  Parameters start = first_parameters();
  // No gradient that is not 0 stays finite in f16 with that factor.
  start.set("adam/loss_scale", Tensor::full({DType::f32, {1}}, 0x1p100));
  Fit fit(Precision::f16, start);
  const Parameters before = fit.engine.state();
  const StepReport report = fit.step();
  CHECK(report.back() == std::pair<std::string, double>("fit/skipped", 1));
  CHECK(differences(before, fit.engine.state()) == std::set<std::string>{"adam/loss_scale"});
  CHECK(fit.engine.state().at("adam/loss_scale").item() == 0x1p99);

  start.set("adam/loss_scale", Tensor::full({DType::f32, {1}}, 1024));
  Fit good(Precision::f16, start);
  CHECK(good.step().back().second == 0);
  const std::set<std::string> changed = differences(before, good.engine.state());
  for (const char* name : {"net/a.weight", "adam/second/net/a.weight", "ema/net/a.weight", "net/norm.running_mean",
                           "net/norm.running_var", "adam/good_updates"})
    CHECK_MESSAGE(changed.contains(name), name);
}

TEST_CASE("training in f16: gradients that are never finite stop it") {
  // The loss is finite in f32, and the gradient of the maps, which are f16, is not.
  Parameters start = first_parameters();
  start.set("adam/loss_scale", Tensor::full({DType::f32, {1}}, 2));
  Fit fit(Precision::f16, start, 0, 1e30);
  const Parameters before = fit.engine.state();
  CHECK(fit.step().back().second == 1);
  CHECK_THROWS_WITH_AS(fit.step(), doctest::Contains("train in bf16"), NotFiniteError);
  CHECK(differences(before, fit.engine.state()) == std::set<std::string>{"adam/loss_scale"});
}

}  // namespace
}  // namespace g2face::tests
