#include "g2face/train/prior_recipe.hpp"

#include <array>
#include <cmath>
#include <utility>

namespace g2face {
namespace {

constexpr auto sizes =
    std::to_array<std::pair<std::string_view, double>>({{"prior-64", 64}, {"prior-128", 128}, {"prior-256", 256}});

}  // namespace

void PriorRecipe::validate() const {
  const auto require = [](bool ok, std::string_view field, const auto& value, std::string_view expected) {
    check<Error>(ok, "prior recipe: ", field, " is ", value, ", expected ", expected);
  };
  const auto in_range = [&](std::string_view field, double value, double most) {
    require(value >= 0 && value <= most, field, value, str("0 to ", most));
  };
  require(batch >= 1 && batch <= 65536, "batch", batch, "1 to 65536");
  require(batch <= 4 || batch % 4 == 0, "batch", batch, "at most 4, or a multiple of 4 (the minibatch statistic)");
  require(seed < (std::uint64_t{1} << 53), "seed", seed, "a number below 2^53");
  require(mapping_depth >= 1 && mapping_depth <= 64, "mapping_depth", mapping_depth, "1 to 64");
  in_range("rate", rate, 1e6);
  in_range("r1", r1, 1e6);
  in_range("path_length", path_length, 1e6);
  in_range("path_length_decay", path_length_decay, 1);
  in_range("mixing", mixing, 1);
  in_range("w_decay", w_decay, 1);
  in_range("ema_images", ema_images, 1e12);
  require(r1_interval >= 1, "r1_interval", r1_interval, "a positive number of steps");
  require(path_length_interval >= 1, "path_length_interval", path_length_interval, "a positive number of steps");
  require(path_length_shrink >= 1 && batch % path_length_shrink == 0, "path_length_shrink", path_length_shrink,
          str("a divisor of the batch, ", batch));
  ada.validate();
}

double PriorRecipe::ema() const { return ema_images > 0 ? std::exp2(-static_cast<double>(batch) / ema_images) : 0; }

PriorRecipe PriorRecipe::preset(std::string_view name) {
  std::string all;
  for (const auto& [known, size] : sizes) {
    all += str(all.empty() ? "" : ", ", known);
    if (known != name) continue;
    PriorRecipe r;
    r.r1 = 0.0002 * size * size / 16;
    r.ema_images = 312.5 * 16;
    return r;
  }
  throw Error(str("prior preset '", name, "' is unknown; there are ", all));
}

const std::vector<std::string>& PriorRecipe::preset_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    list.reserve(sizes.size());
    for (const auto& [name, size] : sizes) list.emplace_back(name);
    return list;
  }();
  return names;
}

}  // namespace g2face
