#include "g2face/train/ada.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "g2face/ops/random.hpp"

using namespace g2face;

namespace {

Tensor logits(std::initializer_list<float> values) {
  return Tensor::from({static_cast<std::int64_t>(values.size()), 1}, values);
}
bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

}  // namespace

TEST_CASE("ada: where it is off, nothing happens") {
  AdaptiveAugment ada({.target = 0}, 1, {});
  TrainingJob job;
  const Value images = job.input("image", {DType::f32, {2, 3, 8, 8}});
  CHECK(ada.augment(job, "real", images) == images);
  Batch inputs;
  ada.draw("real", 0, {2, 8, 8}, inputs);
  ada.tune(logits({1, 1}));
  StepReport report;
  ada.report(report);
  Parameters state;
  ada.store(state);
  CHECK(inputs.empty());
  CHECK(report.empty());
  CHECK(state.size() == 0);
}

TEST_CASE("ada: inputs of a job are what was drawn, by place, position and probability") {
  const AdaptiveAugment ada({.target = 0, .p = 0.7}, 5, {});
  TrainingJob job;
  const Value images = job.input("image", {DType::f32, {2, 3, 8, 8}});
  CHECK(ada.augment(job, "real", images).shape() == images.shape());
  Batch first, again, later, elsewhere;
  ada.draw("real", 40, {2, 8, 8}, first);
  for (const auto& input : first) {
    INFO(input.first);
    REQUIRE(job.inputs.contains(input.first));
    CHECK(job.inputs.at(input.first).type() == input.second.type());
  }
  CHECK(first.size() + 1 == job.inputs.size());
  ada.draw("real", 40, {2, 8, 8}, again);
  ada.draw("real", 41, {1, 8, 8}, later);
  ada.draw("fake", 40, {2, 8, 8}, elsewhere);
  const std::string name = "augment/real/colours";
  CHECK(same_bytes(first.at(name), again.at(name)));
  CHECK(std::memcmp(first.at(name).as<float>().data() + 16, later.at(name).data(), 64) == 0);
  CHECK_FALSE(same_bytes(first.at(name), elsewhere.at("augment/fake/colours")));
  // Of the same numbers: the golden recordings hold for draw_augmentation.
  const Augmentation want = draw_augmentation(0.7, {5, random_stream("augment/real"), 40}, {2, 8, 8});
  CHECK(same_bytes(first.at(name), want.colours));
  CHECK(same_bytes(first.at("augment/real/geometry"), want.geometry));
  CHECK(same_bytes(first.at("augment/real/pads"), want.pads));
}

TEST_CASE("ada: what is kept is all that it goes on from, to the last bit") {
  const AdaSettings settings{.target = 0.3, .length = 70, .every = 3, .p = 0.1};
  AdaptiveAugment whole(settings, 0, {});
  CHECK(whole.p() == 0.1);
  for (int i = 0; i < 5; ++i) whole.tune(logits({1, -1, 1}));  // p has changed once; two steps are counted
  CHECK(whole.p() == 0.1 + 9 / 70.);
  Parameters kept;
  whole.store(kept);
  AdaptiveAugment resumed(settings, 0, kept);
  for (int i = 0; i < 10; ++i) {
    whole.tune(logits({1, -1, -1}));
    resumed.tune(logits({1, -1, -1}));
  }
  Parameters a, b;
  whole.store(a);
  resumed.store(b);
  REQUIRE(a.size() == 5);
  for (const auto& kept_one : a) CHECK_MESSAGE(same_bytes(kept_one.second, b.at(kept_one.first)), kept_one.first);
  StepReport report;
  whole.report(report);
  CHECK(report == StepReport{{"augment/p", whole.p()}, {"augment/r", -1. / 3}});

  AdaptiveAugment fixed({.target = 0, .every = 1, .p = 0.25}, 0, {});
  fixed.tune(logits({1, 1}));
  CHECK(fixed.p() == 0.25);
}

TEST_CASE("ada: a state that makes no sense is refused") {
  Parameters good;
  AdaptiveAugment({.target = 0.6}, 0, {}).store(good);
  const auto error = [&](const char* name, const Tensor& value) -> std::string {
    Parameters bad = good;
    bad.set(name, value);
    try {
      AdaptiveAugment({.target = 0.6}, 0, bad);
    } catch (const CheckpointError& e) {
      return e.what();
    }
    return "accepted";
  };
  const auto number = [](double x) { return Tensor::full({DType::f64, {1}}, x); };
  CHECK(error("ada/p", number(0.5)) == "accepted");
  CHECK(error("ada/p", number(1.5)) == "'ada/p' is 1.5, expected 0 to 1");
  CHECK(error("ada/p", number(std::nan(""))) == "'ada/p' is nan, expected 0 to 1");
  CHECK(error("ada/p", Tensor::zeros({DType::f32, {1}})) == "'ada/p' is f32[1], expected f64[1]");
  CHECK(error("ada/steps", number(8)) == "'ada/steps' is 8, expected a whole number from 0 to 7");
  CHECK(error("ada/images", number(0.5)).starts_with("'ada/images' is 0.5, expected a whole number from 0 to "));
  Parameters part = good;
  part.erase("ada/signs");
  CHECK_THROWS_AS(AdaptiveAugment({.target = 0.6}, 0, part), CheckpointError);
  CHECK_THROWS_WITH_AS(AdaptiveAugment({.target = 2}, 0, {}), "ada.target is 2, expected 0 to 1", Error);
}
