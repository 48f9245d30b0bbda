#include "op_adapters.hpp"

#include <algorithm>
#include <cctype>

#include "g2face/models/identity.hpp"
#include "g2face/models/iff.hpp"
#include "g2face/models/stylegan2.hpp"
#include "g2face/nn/layers.hpp"
#include "g2face/ops.hpp"

namespace g2face::golden {
namespace {

Outputs upfirdn2d_case(CaseBuilder& c) {
  const auto up = c.integers("up", 2), down = c.integers("down", 2), pad = c.integers("pad", 4);
  return only(upfirdn2d(c.input("x"), c.input("kernel"),
                        {.up_x = up[0],
                         .up_y = up[1],
                         .down_x = down[0],
                         .down_y = down[1],
                         .pad_x0 = pad[0],
                         .pad_x1 = pad[1],
                         .pad_y0 = pad[2],
                         .pad_y1 = pad[3]}));
}

Outputs fused_leaky_relu_case(CaseBuilder& c) {
  const Value x = c.only_input();
  const double slope = c.number("negative_slope"), gain = c.number("scale");
  if (!c.flag("bias", true)) return only(leaky_relu(x, slope) * gain);
  return only(
      bias_act(x, c.scope().param("bias", {c.param_extent("bias", 0)}, init::zeros()), {.slope = slope, .gain = gain}));
}

Outputs modulated_conv_case(CaseBuilder& c) {
  const Value x = c.input("x"), style = c.input("style");
  const std::int64_t out = c.integer("out_channel"), kernel = c.integer("kernel_size");
  const bool demodulate = c.flag("demodulate", true);
  if (!c.flag("downsample", false))
    return only(modulated_conv(
        c.scope(), x, style,
        {.out = out, .kernel = kernel, .upsample = c.flag("upsample", false), .demodulate = demodulate}));
  // No network of G2Face halves the size in a modulated convolution, so there is a builder of the op only.
  const Scope& s = c.scope();
  const std::int64_t in = x.shape()[1];
  const Value w = reshape(s.param("weight", {1, out, in, kernel, kernel}, init::normal()), {out, in, kernel, kernel});
  const Value modulation = equal_linear(s / "modulation", style, in, {.bias_init = 1});
  return only(modulated_conv2d(x, w, modulation, blur_filter(s / "blur"),
                               {.resample = Resample::down,
                                .demodulate = demodulate,
                                .weight_scale = 1 / std::sqrt(static_cast<double>(in * kernel * kernel))}));
}

Outputs styled_conv_case(CaseBuilder& c) {
  c.require("kernel_size", 3);
  const Value noise = c.has_input("noise") ? c.input("noise") : Value{};
  return only(styled_conv(c.scope(), c.input("x"), c.input("style"), noise, c.integer("out_channel"),
                          c.flag("upsample", false)));
}

Outputs to_rgb_case(CaseBuilder& c) {
  const Value below = c.has_input("skip") ? c.input("skip") : Value{};
  return only(to_rgb(c.scope(), c.input("x"), c.input("style"), below));
}

Outputs constant_input_case(CaseBuilder& c) {
  c.require("size", 4);
  return only(constant_input(c.scope(), c.integer("channel"), c.integer("batch")));
}

Outputs hiding_injection_case(CaseBuilder& c) {
  return only(hiding_injection(c.scope(), c.only_input(), c.integer("size"), c.integer("out_channel")));
}

Outputs fusion_mask_case(CaseBuilder& c) {
  c.require("instance_norm_eps", 1e-5);
  const Value x = c.only_input();
  return only(fusion_mask(c.scope(), std::span(&x, 1), c.integer("out_channels")));
}

Outputs fusion_case(CaseBuilder& c) {
  const Value generated = c.input("gen"), original = c.input("orig");
  std::vector<Value> seen = {generated, original};
  Value added;
  if (c.flag("hiding", false)) {
    seen.push_back(c.input("hiding_a"));
    added = c.input("hiding_b");
  }
  const Value mask = fusion_mask(c.scope(), seen, c.integer("channels"));
  return {{"mask", mask}, {"y", blend(mask, generated, original, added)}};
}

Outputs pyramid_layer_case(CaseBuilder& c) {
  c.require("instance_norm_eps", 1e-5);
  c.require("negative_slope", 0.2);
  return only(pyramid_layer(c.scope(), c.only_input(), c.integer("out_channels"), c.flag("downsample", false),
                            c.flag("activate", true)));
}

Outputs pyramid_case(CaseBuilder& c) {
  return only(pyramid_block(c.scope(), c.only_input(), c.integer("out_channels"), c.flag("downsample", false)));
}

Outputs equal_linear_case(CaseBuilder& c) {
  const std::string activation = c.text("activation"), version = c.text("version");
  check<FormatError>(activation.empty() || activation == "fused_lrelu", "attribute 'activation' is '", activation,
                     "', expected null or fused_lrelu");
  check<FormatError>(version == "style" || version == "mlp", "attribute 'version' is '", version,
                     "', expected style or mlp");
  return only(
      equal_linear(c.scope(), c.only_input(), c.integer("out_dim"),
                   {.lr_mul = c.number("lr_mul"), .activation = !activation.empty(), .double_bias = version == "mlp"}));
}

Outputs equal_conv_case(CaseBuilder& c) {
  return only(equal_conv(c.scope(), c.only_input(),
                         {.out = c.integer("out_channel"),
                          .kernel = c.integer("kernel_size"),
                          .stride = c.integer("stride"),
                          .pad = c.integer("padding"),
                          .bias = c.flag("bias", true)}));
}

Outputs pixel_norm_case(CaseBuilder& c) { return only(pixel_norm(c.only_input())); }

Outputs map_2_id_case(CaseBuilder& c) {
  c.require("bn_eps", 1e-5);
  c.require("bn_momentum", 0.1);
  ModelConfig config;
  config.identity_dim = c.integer("hidden");
  return only(map_2_id(c.scope(), c.only_input(), config));
}

/// The numbers in a text: "low x6, middle x6, high x2" has 6, 6 and 2.
std::vector<std::int64_t> numbers_in(const std::string& text) {
  std::vector<std::int64_t> found;
  bool inside = false;
  for (const char ch : text) {
    const bool digit = std::isdigit(static_cast<unsigned char>(ch)) != 0;
    if (digit && !inside) found.push_back(0);
    if (digit && found.back() < 1'000'000) found.back() = found.back() * 10 + (ch - '0');
    inside = digit;
  }
  return found;
}

Outputs style_mlp_case(CaseBuilder& c) {
  ModelConfig config;
  config.style_dim = c.integer("style_dim");
  config.mlp_depth = c.integer("n_mlp");
  config.mlp_lr_mul = c.number("lr_mlp");
  const std::vector<std::int64_t> bands = numbers_in(c.text("branches"));
  check<FormatError>(bands.size() == 3, "attribute 'branches' holds ", bands.size(), " numbers, expected 3");
  std::copy(bands.begin(), bands.end(), config.style_bands.begin());
  return only(style_mlp(c.scope(), c.input("latent_id"), c.input("latent_shape"), config));
}

constexpr OpAdapter table[] = {
    {"upfirdn2d", 'a', upfirdn2d_case},
    {"fused_leaky_relu", 'b', fused_leaky_relu_case},
    {"ModulatedConv2d", 'c', modulated_conv_case},
    {"StyledConv", 'd', styled_conv_case},
    {"ToRGB", 'd', to_rgb_case},
    {"ConstantInput", 'd', constant_input_case},
    {"HidingInjection", 'd', hiding_injection_case},
    {"FusionMask", 'e', fusion_mask_case},
    {"IFF", 'e', fusion_case},
    {"PyramidConvLayer", 'f', pyramid_layer_case},
    {"Pyramid", 'f', pyramid_case},
    {"EqualLinear", 'g', equal_linear_case},
    {"EqualConv2d", 'g', equal_conv_case},
    {"PixelNorm", 'g', pixel_norm_case},
    {"Map2ID", 'g', map_2_id_case},
    {"MLP", 'g', style_mlp_case},
};

}  // namespace

std::span<const OpAdapter> generating_adapters() { return table; }

const OpAdapter* find_adapter(std::string_view op) {
  for (const auto& adapters : {generating_adapters(), analysing_adapters(), training_adapters(), augmenting_adapters(),
                               aligning_adapters(), face_adapters()})
    for (const OpAdapter& a : adapters)
      if (a.prefix ? op.starts_with(a.op) : op == a.op) return &a;
  return nullptr;
}

}  // namespace g2face::golden
