// TrainingConfig as JSON.

#include <array>

#include "g2face/train/config.hpp"
#include "io/config_fields.hpp"
#include "io/model_fields.hpp"
#include "io/train_fields.hpp"

namespace g2face {
namespace {

constexpr auto bits_names = std::to_array<std::string_view>({"floats", "uniform"});
constexpr auto recover_bits_names = std::to_array<std::string_view>({"fresh", "extracted"});
constexpr auto fake_names = std::to_array<std::string_view>({"alternate", "anonymized", "recovered"});
constexpr io::Range not_negative{.least = 0};
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
    f.field("shape", w.shape, not_negative);
    f.field("landmarks", w.landmarks, not_negative);
    f.field("colours", w.colours, not_negative);
    f.field("l1", w.l1, not_negative);
    f.field("lpips", w.lpips, not_negative);
    f.field("adversarial", w.adversarial, not_negative);
    f.field("hiding", w.hiding, not_negative);
    f.field("r1", w.r1, not_negative);
  });
  f.choice("bits", r.bits, bits_names);
  f.choice("recover_bits", r.recover_bits, recover_bits_names);
  f.choice("fake", r.fake, fake_names);
  f.group("channel", [&] {
    f.field("noise", r.channel.noise, not_negative);
    f.field("round", r.channel.round);
  });
  f.field("rate", r.rate, not_negative);
  f.field("prior_rate", r.prior_rate, not_negative);
  f.field("discriminator_rate", r.discriminator_rate, not_negative);
  io::adam_fields(f, r.adam);
  io::loss_scale_fields(f, r.loss_scale);
  io::schedule_fields(f, r.schedule);
  f.field("r1_interval", r.r1_interval, positive);
  f.field("ema", r.ema, {.least = 0, .most = 0.999999});
  f.field("flip", r.flip);
}

}  // namespace

TrainingConfig TrainingConfig::from_json(std::string_view text, const std::string& where) {
  TrainingConfig config;
  const auto read = [&] {
    io::read_config(text, where, [&](io::ConfigFields& f) {
      visit_numbers(f, config);
      io::run_fields(f, config.run);
    });
  };
  read();  // for the names of the presets, over which all is read again
  const std::string recipe = config.preset, architecture = config.base;
  config = TrainingConfig{};
  try {
    config.recipe = TrainingRecipe::preset(recipe);
    config.model = ModelConfig::preset(architecture);
    read();
    config.recipe.validate();
    config.model.validate();
  } catch (const io::ConfigError&) {
    throw;
  } catch (const Error& e) {
    throw io::ConfigError(str(where, ": ", e.what()));
  }
  return config;
}

std::string TrainingConfig::to_json() const {
  TrainingConfig copy = *this;
  return io::write_config([&](io::ConfigFields& f) {
    visit_numbers(f, copy);
    io::run_fields(f, copy.run);
  });
}

std::string TrainingConfig::identity() const {
  TrainingConfig copy = *this;
  return io::write_config([&](io::ConfigFields& f) { visit_numbers(f, copy); });
}

}  // namespace g2face
