#include "g2face/train/recipe.hpp"

namespace g2face {

void TrainingRecipe::validate() const {
  const auto require = [](bool ok, std::string_view field, const auto& value, std::string_view expected) {
    check<Error>(ok, "training recipe: ", field, " is ", value, ", expected ", expected);
  };
  require(batch >= 2 && batch <= 65536, "batch", batch, "2 to 65536 (batch statistics need two)");
  require(batch <= 4 || batch % 4 == 0, "batch", batch, "at most 4, or a multiple of 4 (the minibatch statistic)");
  require(seed < (std::uint64_t{1} << 53), "seed", seed, "a number below 2^53");
  for (const auto& [field, value] :
       std::initializer_list<std::pair<std::string_view, double>>{{"weights.diversity", weights.diversity},
                                                                  {"weights.consistency", weights.consistency},
                                                                  {"weights.identity", weights.identity},
                                                                  {"weights.recovered", weights.recovered},
                                                                  {"weights.wrong_key", weights.wrong_key},
                                                                  {"weights.shape", weights.shape},
                                                                  {"weights.landmarks", weights.landmarks},
                                                                  {"weights.colours", weights.colours},
                                                                  {"weights.l1", weights.l1},
                                                                  {"weights.lpips", weights.lpips},
                                                                  {"weights.adversarial", weights.adversarial},
                                                                  {"weights.hiding", weights.hiding},
                                                                  {"weights.r1", weights.r1},
                                                                  {"rate", rate},
                                                                  {"prior_rate", prior_rate},
                                                                  {"discriminator_rate", discriminator_rate}})
    require(value >= 0 && value <= 1e6, field, value, "0 to 1e6");
  require(wrong_key_ramp[0] >= 0 && wrong_key_ramp[0] <= wrong_key_ramp[1], "wrong_key_ramp",
          str('[', wrong_key_ramp[0], ", ", wrong_key_ramp[1], ']'), "two steps, the first one first");
  require(real_identities >= 0 && real_identities <= 1, "real_identities", real_identities, "a share of 0 to 1");
  require(identity_swap >= 0 && identity_swap <= 1, "identity_swap", identity_swap, "a share of 0 to 1");
  channel.validate();
  ada.validate();
  require(loss_scale.begins_well(), "loss_scale.initial", loss_scale.initial, "a power of two, 1 to 2^24");
  require(loss_scale.interval >= 1 && loss_scale.interval <= 1'000'000, "loss_scale.interval", loss_scale.interval,
          "1 to 1000000 updates");
  require(r1_interval >= 1, "r1_interval", r1_interval, "a positive number of steps");
  require(ema >= 0 && ema < 1, "ema", ema, "0 to below 1");
  require(schedule.warm_up >= 0, "schedule.warm_up", schedule.warm_up, "0 or more epochs");
  require(schedule.gamma > 0 && schedule.gamma <= 1, "schedule.gamma", schedule.gamma, "above 0, at most 1");
}

TrainingRecipe TrainingRecipe::preset(std::string_view name) {
  TrainingRecipe r;
  if (name == "authors") {
    r.batch = 32;  // 8 on each of 4 GPUs
    return r;
  }
  check<Error>(name == "g2face", "training preset '", name, "' is unknown: use authors or g2face");
  r.bits = PayloadBits::uniform;
  r.recover_bits = RecoverBits::extracted;
  r.channel.round = true;
  r.ema = 0.999;
  r.schedule.warm_up = 1;
  return r;
}

const std::vector<std::string>& TrainingRecipe::preset_names() {
  static const std::vector<std::string> names = {"authors", "g2face"};
  return names;
}

}  // namespace g2face
