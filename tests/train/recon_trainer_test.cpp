#include "g2face/train/recon_trainer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "g2face/face/builtin_head.hpp"
#include "g2face/face/reference_layout.hpp"
#include "g2face/models/networks.hpp"
#include "models/tiny.hpp"

using namespace g2face;

namespace {

const Parameters& head() {
  static const Parameters model = reference_layout(builtin_head());
  return model;
}

ModelConfig tiny() {
  ModelConfig c = tests::tiny_config();
  c.resolution = 32;
  c.channels[32] = 4;
  c.style_bands = {4, 2, 2};
  c.recon_width = 4;
  c.validate();
  return c;
}

ReconRecipe quick() {
  ReconRecipe r;
  r.batch = 8;
  r.schedule.warm_up = 0;
  return r;
}

TrainingOptions on_cpu(std::int64_t first_step = 0) {
  return {.device = Device::cpu(),
          .precision = Precision::strict,
          .threads = 1,  // too small for more
          .epoch_images = 1000,
          .first_step = first_step};
}

Parameters start(const RenderedFaces& faces) {
  Parameters p = new_recon(tiny(), faces.statistics(), 3);
  for (const auto& [name, tensor] : head()) p.set(name, tensor);
  FaceModelFacts::of(head()).store(p);
  return p;
}

double number(const StepReport& report, std::string_view name) {
  for (const auto& [key, value] : report)
    if (key == name) return value;
  FAIL(name);
  return 0;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

}  // namespace

TEST_CASE("reference layout: 80, 64 and 80 modes, of which those that were there do what they did") {
  const Parameters before = builtin_head();
  const FaceModel was = FaceModel::of(before), is = FaceModel::of(head());
  CHECK(is.coefficient_count() == ModelConfig::coefficient_count);
  CHECK(is.texture == 80);
  CHECK(is.facts.expression_names.size() == 64);
  const auto a = before.at("face_model/identity").as<float>(), b = head().at("face_model/identity").as<float>();
  const auto had = static_cast<std::size_t>(was.identity);
  bool equal = true, zero = true;
  for (std::size_t row = 0; row < static_cast<std::size_t>(3 * was.vertices); ++row)
    for (std::size_t k = 0; k < 80; ++k)
      (k < had ? equal : zero) &= b[80 * row + k] == (k < had ? a[had * row + k] : 0);
  CHECK(equal);
  CHECK(zero);
  for (const float level : head().at("face_model/mean_texture").as<float>()) CHECK((level > 0 && level < 1));
  const Parameters again = reference_layout(head());
  for (const auto& entry : head()) CHECK_MESSAGE(same(again.at(entry.first), entry.second), entry.first);
  CHECK_THROWS_AS(reference_layout({}), CheckpointError);
  Parameters few = before;
  few.set("face_model/landmarks", Tensor::zeros({DType::i32, {5}}));
  CHECK_THROWS_WITH_AS(reference_layout(few), "face model: has 5 landmarks, expected 68", CheckpointError);
}

TEST_CASE("rendered faces: a function of the position; faces stand where aligned pictures have them") {
  RenderedFaces faces(head(), {.size = 16, .seed = 4});
  const Batch whole = faces.batch(8, 8), part = faces.batch(8, 8, 1, 2);
  for (const char* what : {"coefficients", "background", "whole"}) {
    const std::size_t half = whole.at(what).bytes() / 2;
    CHECK_MESSAGE(
        std::memcmp(static_cast<const std::byte*>(whole.at(what).data()) + half, part.at(what).data(), half) == 0,
        what);
  }
  CHECK_FALSE(same(faces.batch(0, 8).at("coefficients"), whole.at("coefficients")));
  CHECK_FALSE(
      same(RenderedFaces(head(), {.size = 16, .seed = 5}).batch(8, 8).at("coefficients"), whole.at("coefficients")));
  CHECK(faces.fingerprint() != RenderedFaces(head(), {.size = 16, .epoch = 9}).fingerprint());

  tests::Experiment e;
  const Tensor coefficients = faces.batch(0, 16).at("coefficients");
  const FaceModel model = FaceModel::of(head());
  const PosedFace face = posed_face(Scope(e.graph, "face_model"), model, e.input("c", coefficients));
  const Tensor at = e.run(head(), {face.landmarks})[0];
  for (std::size_t i = 0; i < 16; ++i) {
    const auto point = [&](std::size_t l, std::size_t axis) { return at.as<double>()[(68 * i + l) * 2 + axis] / 224; };
    double eyes = 0, mouth = 0;
    for (const std::size_t l : {36U, 39U, 42U, 45U}) eyes += point(l, 1) / 4;
    for (const std::size_t l : {48U, 54U}) mouth += point(l, 1) / 2;
    // 1 % N in place, cut at 2.5; perspective moves the projected middle a little off the projection of the middle.
    CHECK(1 - (eyes + mouth) / 2 == doctest::Approx(0.616).epsilon(0.06));
    CHECK(eyes - mouth > 0.2);
    CHECK(eyes - mouth < 0.42);
  }
  CHECK_THROWS_AS(RenderedFaces(builtin_head(), {}), CheckpointError);
}

TEST_CASE("recon trainer: it learns, and leaves network and face model to begin with") {
  RenderedFaces faces(head(), {.size = 32, .seed = 1});
  ReconRecipe recipe = quick();
  recipe.rate = 4e-3;
  ReconTrainer trainer(tiny(), recipe, faces.statistics(), start(faces), on_cpu());
  const Batch shown = faces.batch(0, 8);
  const Preview before = trainer.preview(shown);
  CHECK(number(before.numbers, "landmarks") ==
        doctest::Approx(number(before.numbers, "landmarks of the mean")).epsilon(1e-3));
  StepReport first, last;
  for (int i = 0; i < 50; ++i) {
    last = trainer.step(shown);  // so small a network learns eight faces by heart, and no more in a test's time
    if (i == 0) first = last;
  }
  for (const char* group : {"train/identity", "train/texture", "train/angles", "train/light"}) {
    // The mean says nothing: each group's error is about its variance, in eight faces.
    CHECK_MESSAGE(number(first, group) > 0.3, group);
    CHECK_MESSAGE(number(first, group) < 3, group);
  }
  for (const char* what : {"train/angles", "train/landmarks", "train/light", "train/total"})
    CHECK_MESSAGE(number(last, what) < 0.6 * number(first, what), what, ' ', number(first, what), ' ',
                  number(last, what));
  const Preview after = trainer.preview(shown);
  CHECK(after.pictures.size() == 3);
  CHECK(after.pictures[2].second.shape() == Shape{8, 3, 32, 32});

  const Parameters left = trainer.model();
  for (const auto& entry : head()) CHECK_MESSAGE(same(left.at(entry.first), entry.second), entry.first);
  CHECK(FaceModel::of(left).facts == FaceModelFacts::of(head()));
  CHECK(ModelConfig::of(left) == tiny());
  CHECK_FALSE(left.contains("adam/second/recon/backbone.conv1.weight"));
}

TEST_CASE("recon trainer: stopped and resumed is the same, bit for bit, with photos too") {
  RenderedFaces faces(head(), {.size = 32, .seed = 1});
  ReconRecipe recipe = quick();
  recipe.batch = 4;
  recipe.weights.photo = 1;
  recipe.ema = 0.9;
  const auto batch = [&](int i) {
    Batch b = faces.batch(4 * i, 4);
    b["photo"] = faces.batch(1000 + 4 * i, 4).at("background");
    return b;
  };
  ReconTrainer whole(tiny(), recipe, faces.statistics(), start(faces), on_cpu());
  ReconTrainer first(tiny(), recipe, faces.statistics(), start(faces), on_cpu());
  double before = 0, last = 0;
  for (int i = 0; i < 4; ++i) {
    last = number(whole.step(batch(i)), "train/photo");
    if (i == 0) before = last;
  }
  CHECK(before > 0);
  CHECK(last > 0);
  for (int i = 0; i < 2; ++i) first.step(batch(i));
  ReconTrainer second(tiny(), recipe, faces.statistics(), first.state(), on_cpu(2));
  for (int i = 2; i < 4; ++i) second.step(batch(i));
  const Parameters a = whole.state(), b = second.state();
  CHECK(a.size() == b.size());
  for (const auto& entry : a) CHECK_MESSAGE(same(b.at(entry.first), entry.second), entry.first);
}

TEST_CASE("recon trainer: photos alone teach it, through the drawing") {
  RenderedFaces faces(head(), {.size = 32, .seed = 1});
  ReconRecipe recipe = quick();
  recipe.batch = 4;
  recipe.weights = {.identity = 0,
                    .expression = 0,
                    .texture = 0,
                    .angles = 0,
                    .light = 0,
                    .translation = 0,
                    .landmarks = 0,
                    .photo = 1,
                    .photo_prior = 0};
  ReconTrainer trainer(tiny(), recipe, faces.statistics(), start(faces), on_cpu());
  Batch b = faces.batch(0, 4);
  b["photo"] = faces.batch(1000, 4).at("background");  // as good as any colours
  double first = 0, last = 0;
  for (int i = 0; i < 25; ++i) {
    last = number(trainer.step(b), "train/photo");
    if (i == 0) first = last;
  }
  CAPTURE(first);
  CHECK(last < 0.8 * first);
}

TEST_CASE("recon configuration: fields and what is not known") {
  const ReconConfig c = ReconConfig::from_json(
      R"({"model": "g2face-slim-128", "weights": {"photo": 2, "texture": 0}, "epoch": 500})", "recon.json");
  CHECK(c.model.resolution == 128);
  CHECK(c.recipe.weights.photo == 2);
  CHECK(c.recipe.weights.identity == 1);
  CHECK(ReconConfig::from_json(c.to_json(), "again").recipe == c.recipe);
  CHECK(c.identity().find("checkpoint_every") == std::string::npos);
  for (const char* bad : {R"({"weights": {"landmark": 1}})", R"({"epoch": 4})", R"({"batch": 1})", R"({"model": "x"})"})
    CHECK_THROWS_AS(ReconConfig::from_json(bad, "recon.json"), Error);
}
