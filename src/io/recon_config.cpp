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

ReconConfig begun_with(const ReconConfig& named) {
  ReconConfig begun;
  begun.model = ModelConfig::preset(named.base);
  return begun;
}

}  // namespace

ReconConfig ReconConfig::from_json(std::string_view text, const std::string& where) {
  return io::read_training(text, where, visit_numbers, begun_with);
}
std::string ReconConfig::to_json() const { return io::write_training(*this, visit_numbers); }
std::string ReconConfig::identity() const { return io::write_numbers(*this, visit_numbers); }

}  // namespace g2face
