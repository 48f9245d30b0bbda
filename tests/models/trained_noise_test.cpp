#include "g2face/models/trained_noise.hpp"

#include <doctest/doctest.h>

#include "g2face/error.hpp"
#include "g2face/models/trained_bits.hpp"

using namespace g2face;

TEST_CASE("trained noise: a model file keeps its seed beside the rest, and says nothing of noise that was drawn anew") {
  Parameters model;
  store_trained_bits(model, PayloadBits::uniform);
  store_trained_noise(model, std::nullopt);
  CHECK(!trained_noise(model));
  for (const std::uint64_t seed : {std::uint64_t{0}, (std::uint64_t{1} << 53) - 1}) {
    store_trained_noise(model, seed);
    CHECK(trained_noise(model) == seed);
    CHECK(trained_bits(model) == PayloadBits::uniform);
  }
  for (const char* wrong : {R"({"noise": {"seed": -1}})", R"({"noise": {"seed": 1.5}})", R"({"noise": 1})",
                            R"({"noise": {"seed": 1e300}})"}) {
    model.metadata()["g2face"] = wrong;
    CHECK_THROWS_AS(trained_noise(model), CheckpointError);
  }
}
