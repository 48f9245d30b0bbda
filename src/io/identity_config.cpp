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

IdentityConfig begun_with(const IdentityConfig& named) {
  IdentityConfig begun;
  begun.model = ModelConfig::preset(named.base);
  return begun;
}

}  // namespace

IdentityConfig IdentityConfig::from_json(std::string_view text, const std::string& where) {
  return io::read_training(text, where, visit_numbers, begun_with);
}
std::string IdentityConfig::to_json() const { return io::write_training(*this, visit_numbers); }
std::string IdentityConfig::identity() const { return io::write_numbers(*this, visit_numbers); }

}  // namespace g2face
