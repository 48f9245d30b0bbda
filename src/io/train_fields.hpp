#pragma once
// What the configurations of all trainings have in common.

#include "g2face/error.hpp"
#include "g2face/train/augment.hpp"
#include "g2face/train/config.hpp"
#include "io/config_fields.hpp"

namespace g2face::io {

constexpr WholeRange positive{1, std::int64_t{1} << 53};
constexpr WholeRange interval{1, 1'000'000};  // steps, an int

inline void adam_fields(ConfigFields& f, AdamAttrs& adam) {
  f.group("adam", [&] {
    f.field("beta1", adam.beta1, {.least = 0, .most = 0.9999});
    f.field("beta2", adam.beta2, {.least = 0, .most = 0.999999});
    f.field("eps", adam.eps, {.least = 0, .open = true});
  });
}

inline void loss_scale_fields(ConfigFields& f, LossScaleOptions& scale) {
  f.group("loss_scale", [&] {
    f.field("initial", scale.initial, {.least = 1, .most = largest_loss_scale});
    f.field("interval", scale.interval, {1, 1'000'000});
  });
}

inline void schedule_fields(ConfigFields& f, Schedule& schedule) {
  f.group("schedule", [&] {
    f.field("warm_up", schedule.warm_up);
    f.field("gamma", schedule.gamma, {.least = 0, .most = 1, .open = true});
  });
}

inline void ada_fields(ConfigFields& f, AdaSettings& ada) {
  f.group("ada", [&] {
    f.field("target", ada.target, {.least = 0, .most = 1});
    f.field("length", ada.length, {.least = 0, .open = true});
    f.field("every", ada.every, {1, 1'000'000});
    f.field("p", ada.p, {.least = 0, .most = 1});
  });
}

inline void run_fields(ConfigFields& f, RunSettings& run) {
  f.field("steps", run.steps, positive);
  f.field("report_every", run.report_every, positive);
  f.field("sample_every", run.sample_every, positive);
  f.field("checkpoint_every", run.checkpoint_every, positive);
  f.field("keep", run.keep, {1, 1'000'000});
  f.field("samples", run.samples, {1, 64});
  f.field("cache_mb", run.cache_mb, {0, 1'000'000});
  f.field("data_threads", run.data_threads, {1, 64});
}

/// Reads a configuration whose fields have the values of presets where they are missing. `visit_numbers` visits the
/// fields that decide the numbers, `begun` makes the configuration that the presets named in it stand for, and over
/// that all is read again. What these and validate() throw comes out as ConfigError, "WHERE: ...".
template <class Config>
Config read_training(std::string_view json, const std::string& where, void (*visit_numbers)(ConfigFields&, Config&),
                     Config (*begun)(const Config&)) {
  Config config;
  const VisitFields all = [&](ConfigFields& f) {
    visit_numbers(f, config);
    run_fields(f, config.run);
  };
  read_config(json, where, all);
  try {
    config = begun(config);
    read_config(json, where, all);
    config.recipe.validate();
    config.model.validate();
  } catch (const ConfigError&) {
    throw;
  } catch (const Error& e) {
    throw ConfigError(str(where, ": ", e.what()));
  }
  return config;
}

template <class Config>
std::string write_training(Config config, void (*visit_numbers)(ConfigFields&, Config&)) {
  return write_config([&](ConfigFields& f) {
    visit_numbers(f, config);
    run_fields(f, config.run);
  });
}
/// Of what decides the numbers alone.
template <class Config>
std::string write_numbers(Config config, void (*visit_numbers)(ConfigFields&, Config&)) {
  return write_config([&](ConfigFields& f) { visit_numbers(f, config); });
}

}  // namespace g2face::io
