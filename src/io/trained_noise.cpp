#include "g2face/models/trained_noise.hpp"

#include "g2face/error.hpp"
#include "io/config_fields.hpp"

namespace g2face {
namespace {

constexpr const char* fact_key = "noise";

io::VisitFields fields(std::uint64_t& seed) {
  return [&seed](io::ConfigFields& f) { f.field("seed", seed); };
}

}  // namespace

std::optional<std::uint64_t> trained_noise(const Parameters& parameters) {
  std::uint64_t seed = 0;
  try {
    if (!io::read_fact(parameters, fact_key, "model file", fields(seed))) return {};
  } catch (const io::ConfigError& error) {
    throw CheckpointError(error.what());
  }
  return seed;
}

void store_trained_noise(Parameters& parameters, std::optional<std::uint64_t> seed) {
  if (seed) io::write_fact(parameters, fact_key, fields(*seed));
}

}  // namespace g2face
