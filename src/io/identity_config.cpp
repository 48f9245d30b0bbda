// IdentityConfig as JSON.

#include "g2face/train/identity_trainer.hpp"
#include "io/model_fields.hpp"
#include "io/train_fields.hpp"

namespace g2face {
namespace {

constexpr io::Range not_negative{.least = 0};

void visit_numbers(io::ConfigFields& f, IdentityConfig& c) {
  f.field("model", c.base);
  f.group("architecture", [&] { io::model_fields(c.model)(f); });
  IdentityRecipe& r = c.recipe;
  f.field("batch", r.batch, {2, 1'000'000});
  f.field("seed", r.seed);
  f.group("weights", [&] {
    f.field("classes", r.weights.classes, not_negative);
    f.field("teacher", r.weights.teacher, not_negative);
  });
  f.field("margin", r.margin.margin, {.least = 0, .most = 1.57});
  f.field("scale", r.margin.scale, {.least = 0, .open = true});
  f.field("rate", r.rate, not_negative);
  f.field("decay", r.decay, not_negative);
  io::adam_fields(f, r.adam);
  io::schedule_fields(f, r.schedule);
  f.field("ema", r.ema, {.least = 0, .most = 0.999999});
  f.field("flip", r.flip);
  f.group("held_out", [&] {
    f.field("people", r.held_out.people, {0, 10'000});
    f.field("images", r.held_out.images, {1, 1'000});
  });
}

}  // namespace

IdentityConfig IdentityConfig::from_json(std::string_view text, const std::string& where) {
  IdentityConfig config;
  io::read_over_presets(
      text, where,
      [&](io::ConfigFields& f) {
        visit_numbers(f, config);
        io::run_fields(f, config.run);
      },
      [&] {
        const std::string preset = config.base;
        config = IdentityConfig{};
        config.model = ModelConfig::preset(preset);
      },
      [&] {
        config.recipe.validate();
        config.model.validate();
      });
  return config;
}

std::string IdentityConfig::to_json() const {
  IdentityConfig copy = *this;
  return io::write_config([&](io::ConfigFields& f) {
    visit_numbers(f, copy);
    io::run_fields(f, copy.run);
  });
}

std::string IdentityConfig::identity() const {
  IdentityConfig copy = *this;
  return io::write_config([&](io::ConfigFields& f) { visit_numbers(f, copy); });
}

}  // namespace g2face
