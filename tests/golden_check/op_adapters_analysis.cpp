#include <algorithm>
#include <bit>
#include <cstdio>

#include "g2face/models/arcface.hpp"
#include "g2face/models/extractor.hpp"
#include "g2face/models/lpips.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/models/stylegan2.hpp"
#include "g2face/nn/layers.hpp"
#include "g2face/ops.hpp"
#include "op_adapters.hpp"

namespace g2face::golden {
namespace {

Outputs conv_layer_case(CaseBuilder& c) {
  return only(conv_layer(c.scope(), c.only_input(),
                         {.out = c.integer("out_channel"),
                          .kernel = c.integer("kernel_size"),
                          .downsample = c.flag("downsample", false),
                          .activate = c.flag("activate", true),
                          .bias = c.flag("bias", true)}));
}

Outputs residual_block_case(CaseBuilder& c) {
  return only(residual_block(c.scope(), c.only_input(), c.integer("out_channel")));
}

Outputs minibatch_stddev_case(CaseBuilder& c) {
  return only(
      minibatch_stddev(c.only_input(), {.group = c.integer("stddev_group"), .features = c.integer("stddev_feat")}));
}

Outputs discriminator_head_case(CaseBuilder& c) {
  return only(discriminator_head(c.scope(), c.only_input(), c.integer("channels")));
}

Outputs discriminator_case(CaseBuilder& c) {
  // The recorded widths are not those of the authors' table, so they are read off the weights.
  ModelConfig config;
  config.resolution = c.integer("size");
  config.channels.clear();
  config.channels[config.resolution] = c.param_extent("convs.0.0.weight", 0);
  std::int64_t size = config.resolution / 2;
  for (int i = 1; size >= 4; ++i, size /= 2)
    config.channels[size] = c.param_extent(str("convs.", i, ".skip.1.weight"), 0);
  return only(discriminator(c.scope(), c.only_input(), config));
}

Outputs arcface_block_case(CaseBuilder& c) {
  c.require("bn_eps", 1e-5);
  return only(arcface_block(c.scope(), c.only_input(), c.integer("planes"), c.integer("stride")));
}

Outputs bottleneck_case(CaseBuilder& c) {
  c.require("bn_eps", 1e-5);
  return only(recon_block(c.scope(), c.only_input(), c.integer("planes"), c.integer("stride")));
}

/// The two-layer block of the smaller ResNets, which no network of G2Face uses.
Outputs basic_block_case(CaseBuilder& c) {
  c.require("bn_eps", 1e-5);
  const Scope& s = c.scope();
  const Value x = c.only_input();
  const std::int64_t out = c.integer("planes"), stride = c.integer("stride");
  const Value first = conv(s / "conv1", x, {.out = out, .stride = stride, .pad = 1, .bias = false});
  const Value second =
      conv(s / "conv2", relu(batch_norm_layer(s / "bn1", first)), {.out = out, .pad = 1, .bias = false});
  const Value y = batch_norm_layer(s / "bn2", second);
  if (stride == 1 && x.shape()[1] == out) return only(relu(y + x));
  const Scope d = s / "downsample";
  const Value shortcut = conv(d / 0, x, {.out = out, .kernel = 1, .stride = stride, .bias = false});
  return only(relu(y + batch_norm_layer(d / 1, shortcut)));
}

Outputs max_pool_case(CaseBuilder& c) {
  const auto kernel = c.integers("kernel_size", 2), stride = c.integers("stride", 2), pad = c.integers("padding", 2);
  return only(max_pool2d(
      c.only_input(), {.kernel = {kernel[0], kernel[1]}, .stride = {stride[0], stride[1]}, .pad = {pad[0], pad[1]}}));
}

Outputs nearest_resize_case(CaseBuilder& c) {
  const auto size = c.integers("out_size", 2);
  return only(resize2d_nearest(c.only_input(), {.height = size[0], .width = size[1]}));
}

Outputs nearest_table_case(CaseBuilder& c) {
  Outputs outputs;
  for (const std::string& name : c.golden().names("output")) {
    int in = 0, out = 0;
    check<FormatError>(std::sscanf(name.c_str(), "index_%d_to_%d", &in, &out) == 2 && in > 0 && out > 0, "output '",
                       name, "' is not named index_<in>_to_<out>");
    const std::vector<std::int64_t> index = nearest_index(in, out);
    Tensor t(Type{DType::i64, {static_cast<std::int64_t>(index.size())}});
    std::copy(index.begin(), index.end(), t.mutable_as<std::int64_t>().begin());
    outputs[name].tensor = t;
  }
  return outputs;
}

Outputs average_pool_case(CaseBuilder& c) { return only(mean(c.only_input(), {.axes = {2, 3}, .keep_dims = true})); }

Outputs arcface_tail_case(CaseBuilder& c) {
  c.require("bn_eps", 1e-5);
  return only(arcface_tail(c.scope(), c.only_input(), c.param_extent("fc.weight", 0)));
}

Outputs arcface_stem_case(CaseBuilder& c) {
  return only(arcface_stem(c.scope(), c.only_input(), c.param_extent("conv1.weight", 0)));
}

Outputs recon_stem_case(CaseBuilder& c) {
  return only(recon_stem(c.scope(), c.only_input(), c.param_extent("conv1.weight", 0)));
}

Outputs recon_head_case(CaseBuilder& c) {
  return only(recon_head(c.scope(), mean(c.only_input(), {.axes = {2, 3}, .keep_dims = true})));
}

Outputs extractor_block_case(CaseBuilder& c) {
  c.require("bn_eps", 1e-5);
  c.require("bn_momentum", 0.1);
  c.require("negative_slope", 0.1);
  return only(extractor_block(c.scope(), c.only_input(), c.param_extent("conv1x1_branch_1.weight", 0)));
}

Outputs extractor_case(CaseBuilder& c) {
  ModelConfig config;
  config.extractor_width = c.param_extent("conv1x1_input.weight", 0);
  config.extractor_blocks = 0;
  while (c.has_param(str("body.", config.extractor_blocks, ".conv1x1_branch_1.weight"))) ++config.extractor_blocks;
  return only(extractor_map(c.scope(), c.only_input(), config));
}

/// Zeros are encoded as this.
constexpr float instead_of_zero = 1e-8f;

/// The reference rounds a logarithm just below powers of two, depending on the platform; there the bits of IEEE 754 are
/// what is expected, which differ from the recorded ones.
Tensor ieee_bits(const Tensor& x) {
  std::vector<std::int64_t> dims(x.shape().begin(), x.shape().end());
  dims.push_back(32);
  Tensor bits(Type{DType::u8, Shape(dims)});
  auto to = bits.mutable_as<std::uint8_t>().begin();
  for (const float v : x.as<float>()) {
    const auto u = std::bit_cast<std::uint32_t>(v == 0 ? instead_of_zero : v);
    for (int i = 31; i >= 0; --i) *to++ = static_cast<std::uint8_t>((u >> i) & 1u);
  }
  return bits;
}

Outputs float_to_bits_case(CaseBuilder& c) {
  const Value bits = float_to_bits(c.only_input());
  Outputs outputs = {{"bits", bits}, {"decoded", bits_to_float(bits)}};
  if (c.flag("platform_dependent", false)) {
    Tensor x = c.inputs().begin()->second.second.clone();
    outputs["bits"].expected = ieee_bits(x);
    for (float& v : x.mutable_as<float>()) v = v == 0 ? instead_of_zero : v;
    outputs["decoded"].expected = x;
  }
  return outputs;
}

constexpr double identity_limit = 50;

Outputs bits_to_float_case(CaseBuilder& c) {
  const Value bits = c.only_input();
  return {{"value", bits_to_float(bits)}, {"clamped", bits_to_float(bits, {.limit = identity_limit})}};
}

Outputs logits_to_feature_case(CaseBuilder& c) {
  const Value logits = c.only_input();
  return {{"bits", round(sigmoid(logits))},
          {"value", bits_to_float(logits)},
          {"clamped", bits_to_float(logits, {.limit = identity_limit})}};
}

Outputs bit_accuracy_case(CaseBuilder& c) {
  return only(mean(equal(round(sigmoid(c.input("logits"))), c.input("bits"))));
}

Outputs lpips_case(CaseBuilder& c) {
  ModelConfig config;
  config.lpips_width = c.param_extent("net.slice1.0.weight", 0);
  const Value distance = lpips(c.scope(), c.input("a"), c.input("b"), config);
  Outputs outputs = {{"y", mean(distance)}};
  outputs["per_sample"].value = reshape(distance, {distance.shape()[0]});
  for (int layer = 0; layer < 5; ++layer)
    outputs[str("layer", layer)].value = c.graph().marked(str("per_layer.", layer));
  return outputs;
}

constexpr OpAdapter table[] = {
    {"ConvLayer", 'h', conv_layer_case},
    {"ResBlock", 'h', residual_block_case},
    {"minibatch_stddev", 'h', minibatch_stddev_case},
    {"discriminator_final", 'h', discriminator_head_case},
    {"Discriminator", 'h', discriminator_case},
    {"IBasicBlock", 'i', arcface_block_case},
    {"Bottleneck", 'i', bottleneck_case},
    {"BasicBlock", 'i', basic_block_case},
    {"MaxPool2d", 'i', max_pool_case},
    {"nearest_resize", 'i', nearest_resize_case},
    {"nearest_index_table", 'i', nearest_table_case, false, true},
    {"global_average_pool", 'i', average_pool_case},
    {"iresnet_tail", 'i', arcface_tail_case},
    {"iresnet_stem", 'i', arcface_stem_case},
    {"resnet_stem", 'i', recon_stem_case},
    {"recon_head", 'i', recon_head_case},
    {"ExtractorBlock", 'j', extractor_block_case},
    {"HidingExtractor", 'j', extractor_case},
    {"float2bit", 'k', float_to_bits_case, false, true},
    {"bit2float", 'k', bits_to_float_case, false, true},
    {"round(sigmoid(x)) -> bit2float -> clamp", 'k', logits_to_feature_case, false, true},
    {"bit accuracy", 'k', bit_accuracy_case},
    {"LPIPS", 'n', lpips_case, true},
};

}  // namespace

std::span<const OpAdapter> analysing_adapters() { return table; }

}  // namespace g2face::golden
