#pragma once
// Fields that the configurations of all trainings have.

#include "g2face/train/config.hpp"
#include "io/config_fields.hpp"

namespace g2face::io {

constexpr WholeRange positive{1, std::int64_t{1} << 53};

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

}  // namespace g2face::io
