#include "g2face/eval/metrics.hpp"

#include <doctest/doctest.h>

#include "g2face/anonymizer.hpp"
#include "g2face/fill.hpp"
#include "g2face/models/networks.hpp"

using namespace g2face;

TEST_CASE("bits: how many are read wrong, and how far the weakest is from being misread") {
  const Tensor bits = Tensor::from({1, 2, 2}, {1, 0, 1, 0});
  const auto logits = [](std::initializer_list<float> values) { return Tensor::from({1, 2, 2}, values); };
  const Tensor right = logits({3, -2, 0.5F, -9}), wrong = logits({3, 2, 0.5F, -9}), undecided = logits({3, -2, 0, -9});
  CHECK(bit_error_rate(right, bits) == 0);
  CHECK(payload_margin(right, bits) == 0.5);
  CHECK(bit_error_rate(wrong, bits) == 0.25);
  CHECK(payload_margin(wrong, bits) == -2);
  CHECK(payload_margin(undecided, bits) == 0);
  CHECK_THROWS_AS(payload_margin(right, Tensor::zeros({DType::f32, {4}})), ShapeError);
}

TEST_CASE("read_bits reads what recover reads") {
  const ModelConfig config = ModelConfig::preset("g2face-slim-64");
  Anonymizer anonymizer(new_parameters(inference_networks(), config, Fill::reference));
  const Tensor image = fill("metrics/image", {2, 3, config.resolution, config.resolution}, 0.9);
  const Tensor logits = anonymizer.read_bits(image);
  CHECK(logits.shape() == Shape({2, config.bit_rows(), 32}));
  CHECK(anonymizer.device_seconds(3) > 0);
  CHECK(relative_error(logits, anonymizer.recover(image).logits) == 0);
  CHECK_THROWS_AS(anonymizer.read_bits(Tensor::zeros({DType::f32, {1, 3, 5, 5}})), ShapeError);
}
