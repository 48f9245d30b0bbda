// TrainingConfig as JSON.

#include <array>

#include "g2face/train/config.hpp"
#include "io/config_fields.hpp"
#include "io/model_fields.hpp"
#include "io/train_fields.hpp"

namespace g2face {
namespace {

constexpr auto recover_bits_names = std::to_array<std::string_view>({"fresh", "extracted"});
constexpr auto fake_names = std::to_array<std::string_view>({"alternate", "anonymized", "recovered"});
constexpr auto noise_names = std::to_array<std::string_view>({"fresh", "fixed"});
constexpr io::Range not_negative{.least = 0}, share{.least = 0, .most = 1};
using io::positive;

void visit_numbers(io::ConfigFields& f, TrainingConfig& c) {
  f.field("preset", c.preset);
  f.field("model", c.base);
  f.group("architecture", [&] { io::model_fields(c.model)(f); });
  TrainingRecipe& r = c.recipe;
  f.field("batch", r.batch, positive);
  f.field("seed", r.seed);
  f.group("weights", [&] {
    LossWeights& w = r.weights;
    f.field("diversity", w.diversity, not_negative);
    f.field("consistency", w.consistency, not_negative);
    f.field("identity", w.identity, not_negative);
    f.field("recovered", w.recovered, not_negative);
    f.field("wrong_key", w.wrong_key, not_negative);
    f.field("shape", w.shape, not_negative);
    f.field("landmarks", w.landmarks, not_negative);
    f.field("colours", w.colours, not_negative);
    f.field("l1", w.l1, not_negative);
    f.field("lpips", w.lpips, not_negative);
    f.field("adversarial", w.adversarial, not_negative);
    f.field("hiding", w.hiding, not_negative);
    f.field("r1", w.r1, not_negative);
  });
  f.choice("bits", r.bits, payload_bits_names);
  f.choice("recover_bits", r.recover_bits, recover_bits_names);
  f.field("identity_swap", r.identity_swap, share);
  f.field("wrong_key_ramp", r.wrong_key_ramp);
  f.field("real_identities", r.real_identities, share);
  f.choice("fake", r.fake, fake_names);
  f.choice("noise", r.noise, noise_names);
  f.group("channel", [&] {
    ChannelOptions& to = r.channel;
    f.field("resize", to.resize, share);
    f.field("resize_factor", to.resize_factor, {.least = 0, .most = 1, .open = true});
    f.field("noise", to.noise, share);
    f.field("jpeg", to.jpeg, share);
    f.field("jpeg_quality", to.jpeg_quality);
    f.field("jpeg_halve_colours", to.jpeg_halve_colours);
    f.field("round", to.round);
  });
  io::ada_fields(f, r.ada);
  f.field("rate", r.rate, not_negative);
  f.field("prior_rate", r.prior_rate, not_negative);
  f.field("discriminator_rate", r.discriminator_rate, not_negative);
  io::adam_fields(f, r.adam);
  io::loss_scale_fields(f, r.loss_scale);
  io::schedule_fields(f, r.schedule);
  f.field("r1_interval", r.r1_interval, io::interval);
  f.field("ema", r.ema, {.least = 0, .most = 0.999999});
  f.field("flip", r.flip);
}

TrainingConfig begun_with(const TrainingConfig& named) {
  TrainingConfig begun;
  begun.recipe = TrainingRecipe::preset(named.preset);
  begun.model = ModelConfig::preset(named.base);
  return begun;
}

}  // namespace

TrainingConfig TrainingConfig::from_json(std::string_view text, const std::string& where) {
  return io::read_training(text, where, visit_numbers, begun_with);
}
std::string TrainingConfig::to_json() const { return io::write_training(*this, visit_numbers); }
std::string TrainingConfig::identity() const { return io::write_numbers(*this, visit_numbers); }

}  // namespace g2face
