#include "g2face/train/ada.hpp"

#include <cmath>

#include "g2face/ops/random.hpp"

namespace g2face {
namespace {

std::string name_of(const std::string& place) { return str("augment/", place); }

double read(const Parameters& from, const std::string& name, double least, double most, bool whole) {
  const Tensor& t = from.at(name);
  check<CheckpointError>(t.type() == Type{DType::f64, {1}}, "'", name, "' is ", t.type().str(), ", expected f64[1]");
  const double value = t.item();
  check<CheckpointError>(value >= least && value <= most && (!whole || value == std::nearbyint(value)), "'", name,
                         "' is ", value, ", expected ", whole ? "a whole number from " : "", least, " to ", most);
  return value;
}

}  // namespace

AdaptiveAugment::AdaptiveAugment(const AdaSettings& settings, std::uint64_t seed, const Parameters& start)
    : seed_(seed), state_{.settings = settings, .p = settings.p} {
  settings.validate();
  if (!on() || !start.contains("ada/p")) return;
  constexpr double many = 0x1p53;
  state_.p = read(start, "ada/p", 0, 1, false);
  state_.r = read(start, "ada/r", -1, 1, false);
  state_.images = static_cast<std::int64_t>(read(start, "ada/images", 0, many, true));
  state_.signs = read(start, "ada/signs", -many, many, true);
  state_.steps = static_cast<int>(read(start, "ada/steps", 0, settings.every - 1, true));
}

Value AdaptiveAugment::augment(TrainingJob& job, const std::string& place, Value images) const {
  if (!on()) return images;
  const std::int64_t n = images.shape()[0];
  const std::string name = name_of(place);
  return g2face::augment(
      images, {job.input(name + "/geometry", {DType::f32, {n, 3, 3}}), job.input(name + "/pads", {DType::f32, {4}}),
               job.input(name + "/colours", {DType::f32, {n, 4, 4}})});
}

void AdaptiveAugment::draw(const std::string& place, std::int64_t first, const ImageBatch& images,
                           Batch& inputs) const {
  if (!on()) return;
  const std::string name = name_of(place);
  const DrawKey key{.seed = seed_, .stream = random_stream(name), .first = static_cast<std::uint64_t>(first)};
  Augmentation drawn = draw_augmentation(state_.p, key, images);
  inputs[name + "/geometry"] = std::move(drawn.geometry);
  inputs[name + "/pads"] = std::move(drawn.pads);
  inputs[name + "/colours"] = std::move(drawn.colours);
}

void AdaptiveAugment::tune(const Tensor& real_logits) {
  if (on()) state_.tune(real_logits);
}

void AdaptiveAugment::report(StepReport& report) const {
  if (!on()) return;
  report.emplace_back("augment/p", state_.p);
  report.emplace_back("augment/r", state_.r);
}

void AdaptiveAugment::store(Parameters& state) const {
  if (!on()) return;
  const auto set = [&](const char* name, double value) { state.set(name, Tensor::full({DType::f64, {1}}, value)); };
  set("ada/p", state_.p);
  set("ada/r", state_.r);
  set("ada/signs", state_.signs);
  set("ada/images", static_cast<double>(state_.images));
  set("ada/steps", state_.steps);
}

}  // namespace g2face
