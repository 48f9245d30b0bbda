#include "g2face/models/lpips.hpp"

#include <array>
#include <cmath>

#include "g2face/nn/layers.hpp"
#include "g2face/ops.hpp"
#include "models/lpips_weights.hpp"

namespace g2face {
namespace {

struct Slice {
  std::int64_t width;     // in units of the first slice's
  std::array<int, 3> at;  // positions in torchvision's VGG16; -1 = none
};
constexpr std::array<Slice, 5> slices = {
    {{1, {0, 2, -1}}, {2, {5, 7, -1}}, {4, {10, 12, 14}}, {8, {17, 19, 21}}, {8, {24, 26, 28}}}};

Value scaled(const Scope& s, Value image) {
  const Value shift =
      s.param("shift", {1, 3, 1, 1}, init::buffer(Tensor::from({1, 3, 1, 1}, {-.030F, -.088F, -.188F})));
  const Value scale = s.param("scale", {1, 3, 1, 1}, init::buffer(Tensor::from({1, 3, 1, 1}, {.458F, .448F, .450F})));
  return s.result((image - shift) / scale);
}

// Unit length at each pixel. The reference adds 1e-10 to the length; the 1e-20 under the root changes no value, but
// keeps the gradient finite where all channels are zero.
Value unit_length(Value x) {
  const Value length = sqrt(sum(square(x), {.axes = {1}, .keep_dims = true}) + 1e-20);
  return x / (length + 1e-10);
}

Init published_weights(std::size_t slice, std::int64_t channels) {
  Init init;
  init.kind = Init::Kind::values;
  init.values =
      Tensor::from({1, channels, 1, 1}, lpips_channel_weights(slice).first(static_cast<std::size_t>(channels)));
  return init;
}

}  // namespace

std::vector<Value> vgg_features(const Scope& s, Value image, std::int64_t width) {
  std::vector<Value> features;
  Value x = image;
  for (std::size_t k = 0; k < slices.size(); ++k) {
    if (k > 0) x = max_pool2d(x, {});
    const Scope slice = s / "net" / str("slice", k + 1);
    const std::int64_t out = slices[k].width * width;
    const double he = std::sqrt(2.0 / static_cast<double>(9 * out));
    for (int position : slices[k].at) {
      if (position < 0) continue;
      x = relu(conv(slice / position, x, {.out = out, .pad = 1, .weight_init = init::normal(he)}));
    }
    features.push_back(slice.result(x));
  }
  return features;
}

Value lpips(const Scope& s, Value a, Value b, const ModelConfig& config) {
  check<ShapeError>(a.shape() == b.shape() && a.shape().rank() == 4 && a.shape()[1] == 3, "lpips '", s.path(),
                    "': images ", a.shape(), " and ", b.shape(), " are not both [N,3,H,W]");
  const std::vector<Value> of_a = lpips_features(s, a, config), of_b = lpips_features(s, b, config);
  return lpips_distance(s, of_a, of_b);
}

std::vector<Value> lpips_features(const Scope& s, Value image, const ModelConfig& config) {
  std::vector<Value> features = vgg_features(s, scaled(s / "scaling_layer", image), config.lpips_width);
  for (Value& x : features) x = unit_length(x);
  return features;
}

Value lpips_distance(const Scope& s, std::span<const Value> a, std::span<const Value> b) {
  check<ShapeError>(a.size() == slices.size() && b.size() == slices.size(), "lpips '", s.path(), "': ", a.size(),
                    " and ", b.size(), " maps of features, expected ", slices.size(), " of each image");
  Value total;
  for (std::size_t k = 0; k < slices.size(); ++k) {
    const Scope lin = s / str("lin", k);
    const std::int64_t channels = a[k].shape()[1];
    const Value w = (lin / "model" / 1).param("weight", {1, channels, 1, 1}, published_weights(k, channels));
    const Value difference = square(a[k] - b[k]);
    const Value weighted = lin.result(sum(difference * w, {.axes = {1}, .keep_dims = true}));
    const Value term = mean(weighted, {.axes = {2, 3}, .keep_dims = true});
    (s / "per_layer" / static_cast<int>(k)).result(reshape(term, {term.shape()[0]}));
    total = total ? total + term : term;
  }
  return s.result(total);
}

}  // namespace g2face
