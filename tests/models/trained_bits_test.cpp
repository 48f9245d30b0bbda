#include "g2face/models/trained_bits.hpp"

#include <doctest/doctest.h>

#include "g2face/error.hpp"
#include "g2face/models/config.hpp"

using namespace g2face;

TEST_CASE("trained bits: a model file keeps what it was trained on beside its architecture") {
  Parameters model;
  CHECK(!trained_bits(model));
  const ModelConfig config = ModelConfig::preset("g2face-slim-64");
  config.store(model);
  CHECK(!trained_bits(model));
  for (const PayloadBits bits : {PayloadBits::floats, PayloadBits::uniform}) {
    store_trained_bits(model, bits);
    CHECK(trained_bits(model) == bits);
    CHECK(ModelConfig::of(model) == config);
  }
  for (const char* wrong : {R"({"hidden_bits": {"trained_on": "coins"}})", R"({"hidden_bits": 1})"}) {
    model.metadata()["g2face"] = wrong;
    CHECK_THROWS_AS(trained_bits(model), CheckpointError);
  }
}
