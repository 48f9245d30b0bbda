// PriorConfig as JSON.

#include "g2face/train/prior_recipe.hpp"
#include "io/config_fields.hpp"
#include "io/model_fields.hpp"
#include "io/train_fields.hpp"

namespace g2face {
namespace {

constexpr io::Range not_negative{.least = 0}, share{.least = 0, .most = 1};
using io::positive;

void visit_numbers(io::ConfigFields& f, PriorConfig& c) {
  f.field("preset", c.preset);
  f.field("model", c.base);
  f.group("architecture", [&] { io::model_fields(c.model)(f); });
  PriorRecipe& r = c.recipe;
  f.field("batch", r.batch, positive);
  f.field("seed", r.seed);
  f.field("mapping_depth", r.mapping_depth, {1, 64});
  f.field("rate", r.rate, not_negative);
  io::adam_fields(f, r.adam);
  f.field("r1", r.r1, not_negative);
  f.field("r1_interval", r.r1_interval, io::interval);
  f.field("path_length", r.path_length, not_negative);
  f.field("path_length_interval", r.path_length_interval, io::interval);
  f.field("path_length_decay", r.path_length_decay, share);
  f.field("path_length_shrink", r.path_length_shrink, io::interval);
  io::ada_fields(f, r.ada);
  f.field("mixing", r.mixing, share);
  f.field("w_decay", r.w_decay, share);
  f.field("ema_images", r.ema_images, not_negative);
  f.field("flip", r.flip);
}

/// The architecture that a preset is for.
std::string model_of(std::string_view preset) {
  if (preset == "prior-64") return "g2face-slim-64-mobile";
  return preset == "prior-128" ? "g2face-slim-128" : "g2face-256";
}

PriorConfig begun_with(const PriorConfig& named) {
  PriorConfig begun;
  begun.recipe = PriorRecipe::preset(named.preset);
  begun.base = named.base.empty() ? model_of(named.preset) : named.base;
  begun.model = ModelConfig::preset(begun.base);
  return begun;
}

}  // namespace

PriorConfig PriorConfig::from_json(std::string_view text, const std::string& where) {
  return io::read_training(text, where, visit_numbers, begun_with);
}
std::string PriorConfig::to_json() const { return io::write_training(*this, visit_numbers); }
std::string PriorConfig::identity() const { return io::write_numbers(*this, visit_numbers); }

}  // namespace g2face
