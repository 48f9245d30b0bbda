#include "g2face/models/networks.hpp"

#include <doctest/doctest.h>

using namespace g2face;

namespace {

const ModelConfig slim = ModelConfig::preset("g2face-slim-64");
constexpr std::string_view map_2_id_only[] = {"map_2_id"};

std::string refusal(Parameters& parameters, std::span<const std::string_view> networks) {
  try {
    adopt_parameters(parameters, networks, slim);
  } catch (const CheckpointError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("new parameters fit, and begin as training begins") {
  Parameters parameters = new_parameters(network_names(), slim, Fill::random, 7);
  CHECK_EQ(refusal(parameters, network_names()), "");
  CHECK_EQ(ModelConfig::of(parameters), slim);
  for (float v : parameters.at("generator/hiding_injects.0.weight").as<float>()) CHECK_EQ(v, 0);
  for (float v : parameters.at("generator/conv1.conv.modulation.bias").as<float>()) CHECK_EQ(v, 1);
  double squares = 0;
  const Tensor& equalised = parameters.at("style_mlp/style_low.1.weight");
  for (float v : equalised.as<float>()) squares += double{v} * double{v};
  CHECK(squares / static_cast<double>(equalised.numel()) == doctest::Approx(1e4).epsilon(0.1));

  const Parameters same = new_parameters(map_2_id_only, slim, Fill::random, 7);
  const Parameters other = new_parameters(map_2_id_only, slim, Fill::random, 8);
  const std::string name = "map_2_id/map_2_id.0.weight";
  CHECK_EQ(relative_error(same.at(name), parameters.at(name)), 0);
  CHECK_GT(relative_error(other.at(name), parameters.at(name)), 1);
}

TEST_CASE("everything that does not fit is listed in one error") {
  Parameters parameters = new_parameters(map_2_id_only, slim, Fill::reference);
  parameters.erase("map_2_id/map_2_id.0.bias");
  parameters.set("map_2_id/map_2_id.2.bias", Tensor::zeros({DType::f32, {3}}));
  parameters.set("map_2_id/map_2_id.4.running_var", Tensor::zeros({DType::f64, {32}}));
  parameters.set("map_2_id/map_2_id.5.weight", Tensor::zeros({DType::f32, {1}}));
  parameters.set("face_model/keypoints", Tensor::zeros({DType::i32, {68}}));
  CHECK_EQ(refusal(parameters, map_2_id_only),
           "parameters do not fit model 'g2face-slim-64': missing: map_2_id/map_2_id.0.bias; of another shape or "
           "dtype: map_2_id/map_2_id.2.bias f32[3] instead of f32[32], map_2_id/map_2_id.4.running_var f64[32] "
           "instead of f32[32]; not known: map_2_id/map_2_id.5.weight");
}

TEST_CASE("second names of shared tensors and 16-bit storage are accepted") {
  constexpr std::string_view lpips_only[] = {"lpips"};
  Parameters parameters = new_parameters(lpips_only, slim, Fill::reference);
  const Tensor weights = parameters.at("lpips/lin2.model.1.weight");
  parameters.set("lpips/lins.2.model.1.weight", weights);
  parameters.set("lpips/lins.3.model.1.weight", parameters.at("lpips/lin3.model.1.weight"));
  parameters.erase("lpips/lin2.model.1.weight");
  const std::string half = "lpips/net.slice1.0.weight";
  parameters.set(half, parameters.at(half).to(DType::bf16));
  CHECK_EQ(refusal(parameters, lpips_only), "");
  CHECK_EQ(relative_error(parameters.at("lpips/lin2.model.1.weight"), weights), 0);
  CHECK_EQ(parameters.at(half).dtype(), DType::f32);
  CHECK_FALSE(parameters.contains("lpips/lins.3.model.1.weight"));
}
