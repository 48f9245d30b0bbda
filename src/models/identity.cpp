#include "g2face/models/identity.hpp"

#include <array>
#include <string_view>
#include <vector>

#include "g2face/nn/layers.hpp"
#include "g2face/ops.hpp"

namespace g2face {

Value map_2_id(const Scope& s, Value z, const ModelConfig& config) {
  const Scope layers = s / "map_2_id";
  Value x = z;
  for (int position : {0, 2}) {
    x = linear(layers / position, x, config.identity_dim);
    x = (layers / (position + 1)).result(leaky_relu(x, 0.2));
  }
  return s.result(batch_norm_layer(layers / 4, x));
}

Value select_geometry(Value coefficients) {
  const Shape& shape = coefficients.shape();
  check<ShapeError>(shape.rank() == 2 && shape[1] == ModelConfig::coefficient_count, "select_geometry: coefficients ",
                    shape, ", expected [N,", ModelConfig::coefficient_count, "]");
  return concat({slice_axis(coefficients, 1, 0, 144), slice_axis(coefficients, 1, 224, 3)}, 1);
}

Value style_mlp(const Scope& s, Value identity, Value geometry, const ModelConfig& config) {
  check<ShapeError>(identity.shape().rank() == 2 && geometry.shape().rank() == 2, "style_mlp '", s.path(),
                    "': identity ", identity.shape(), " and geometry ", geometry.shape(), " are not both [N,values]");
  const Value joined = (s / "norm").result(pixel_norm(concat({identity, geometry}, 1)));
  const std::int64_t batch = joined.shape()[0];
  constexpr std::array<std::string_view, 3> branches = {"style_low", "style_middle", "style_high"};
  std::vector<Value> styles;
  for (std::size_t branch = 0; branch < branches.size(); ++branch) {
    Value x = joined;
    for (int layer = 0; layer < config.mlp_depth; ++layer) {
      x = equal_linear(s / branches[branch] / layer, x, config.style_dim,
                       {.lr_mul = config.mlp_lr_mul, .activation = true, .double_bias = true});
    }
    const Shape repeated{batch, config.style_bands[branch], config.style_dim};
    styles.push_back(broadcast_to(reshape(x, {batch, 1, config.style_dim}), repeated));
  }
  return s.result(concat(styles, 1));
}

}  // namespace g2face
