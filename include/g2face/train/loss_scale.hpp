#pragma once
// Gradients in f16: a loss is multiplied before it is differentiated, so that small gradients do not vanish on their
// way through the network, and a step whose gradients overflowed is left out.

#include <cstdint>
#include <span>
#include <string_view>

#include "g2face/nn/scope.hpp"

namespace g2face {

constexpr double largest_loss_scale = 1 << 24;

struct LossScaleOptions {
  double initial = 65536;        // a power of two, so that scaling rounds nothing: 1 to the largest
  std::int64_t interval = 2000;  // updates in a row that went well, after which the scale doubles
  bool operator==(const LossScaleOptions&) const = default;
  bool begins_well() const;  // `initial` is as it should be
};

/// Names of what is kept below the scope of the optimizer, both f32 [1].
constexpr std::string_view loss_scale_name = "loss_scale", good_updates_name = "good_updates";

/// The scale in a graph that updates parameters. It is read, used and changed in the graph: nothing waits for the host.
///   LossScale scale(optimizer, options);
///   slopes = gradients(scale.scaled(loss), parameters);
///   scale.look_at(slopes);
///   adam_updates(optimizer, step, {{scale.with_factor(rate), parameters, slopes}});
///   updates = scale.guarded(u) of each other update, and scale.updates()
class LossScale {
 public:
  LossScale(const Scope& optimizer, const LossScaleOptions& options);

  Value scale() const { return scale_; }  // before the step, f32 [1]
  Value scaled(Value loss) const;
  /// Gradients of the scaled loss, f32. Their sums are looked at, which are not finite if one element is not.
  void look_at(std::span<const Value> gradients);
  /// f32 [2], for adam(): the rate, and what these gradients are to be multiplied by: 1 / scale, or 0 if one of them is
  /// not finite.
  Value with_factor(Value rate) const;
  /// f32 [1]: 1 if the step is left out.
  Value skipped() const;
  /// An update that leaves what it updates as it is, bit for bit, if the step is left out.
  Update guarded(const Update& update, Value old) const;
  /// Of the scale, which halves after a step that was left out, and of the count of updates since.
  std::vector<Update> updates() const;

 private:
  LossScaleOptions options_;
  Value scale_, good_updates_, good_;
};

}  // namespace g2face
