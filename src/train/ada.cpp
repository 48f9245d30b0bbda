#include "g2face/train/ada.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

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

/// Those of one rank, of a tensor f32 [N,...].
Tensor rows(const Tensor& all, const Share& share) {
  if (share.count == all.shape()[0]) return all;
  std::vector<std::int64_t> shape(all.shape().begin(), all.shape().end());
  shape[0] = share.count;
  Tensor part({DType::f32, Shape(shape)});
  const std::int64_t row = all.numel() / all.shape()[0];
  std::ranges::copy(all.as<float>().subspan(static_cast<std::size_t>(share.first * row), part.as<float>().size()),
                    part.mutable_as<float>().begin());
  return part;
}

}  // namespace

AdaptiveAugment::AdaptiveAugment(const AdaSettings& settings, std::uint64_t seed, const Parameters& start,
                                 std::shared_ptr<Communicator> ranks)
    : seed_(seed), state_{.settings = settings, .p = settings.p}, ranks_(std::move(ranks)) {
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
  const Augmentation drawn = draw_augmentation(state_.p, key, images);
  const Share share = share_of(images.samples, ranks_);
  inputs[name + "/geometry"] = rows(drawn.geometry, share);
  inputs[name + "/pads"] = drawn.pads;
  inputs[name + "/colours"] = rows(drawn.colours, share);
}

void AdaptiveAugment::tune(const Tensor& real_logits) {
  if (!on()) return;
  if (!ranks_) {
    state_.tune(real_logits);
    return;
  }
  double signs = sum_of_signs(real_logits);
  ranks_->all_reduce(std::span(&signs, 1));
  state_.tune(signs, real_logits.numel() * ranks_->ranks());
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
