// ReconConfig as JSON.

#include "g2face/train/recon_trainer.hpp"
#include "io/model_fields.hpp"
#include "io/train_fields.hpp"

namespace g2face {
namespace {

constexpr io::Range not_negative{.least = 0};

void visit_numbers(io::ConfigFields& f, ReconConfig& c) {
  f.field("model", c.base);
  f.group("architecture", [&] { io::model_fields(c.model)(f); });
  ReconRecipe& r = c.recipe;
  f.field("batch", r.batch, {2, 1'000'000});
  f.field("seed", r.seed);
  f.field("epoch", r.epoch, io::positive);
  f.group("weights", [&] {
    ReconRecipe::Weights& w = r.weights;
    f.field("identity", w.identity, not_negative);
    f.field("expression", w.expression, not_negative);
    f.field("texture", w.texture, not_negative);
    f.field("angles", w.angles, not_negative);
    f.field("light", w.light, not_negative);
    f.field("translation", w.translation, not_negative);
    f.field("landmarks", w.landmarks, not_negative);
    f.field("photo", w.photo, not_negative);
    f.field("photo_prior", w.photo_prior, not_negative);
  });
  f.field("rate", r.rate, not_negative);
  io::adam_fields(f, r.adam);
  io::schedule_fields(f, r.schedule);
  f.field("ema", r.ema, {.least = 0, .most = 0.999999});
  f.field("flip", r.flip);
}

}  // namespace

ReconConfig ReconConfig::from_json(std::string_view text, const std::string& where) {
  ReconConfig config;
  io::read_over_presets(
      text, where,
      [&](io::ConfigFields& f) {
        visit_numbers(f, config);
        io::run_fields(f, config.run);
      },
      [&] {
        const std::string preset = config.base;
        config = ReconConfig{};
        config.model = ModelConfig::preset(preset);
      },
      [&] {
        config.recipe.validate();
        config.model.validate();
      });
  return config;
}

std::string ReconConfig::to_json() const {
  ReconConfig copy = *this;
  return io::write_config([&](io::ConfigFields& f) {
    visit_numbers(f, copy);
    io::run_fields(f, copy.run);
  });
}

std::string ReconConfig::identity() const {
  ReconConfig copy = *this;
  return io::write_config([&](io::ConfigFields& f) { visit_numbers(f, copy); });
}

}  // namespace g2face
