#include "g2face/models/trained_bits.hpp"

#include "g2face/error.hpp"
#include "io/config_fields.hpp"

namespace g2face {
namespace {

constexpr const char* fact_key = "hidden_bits";

io::VisitFields fields(PayloadBits& bits) {
  return [&bits](io::ConfigFields& f) { f.choice("trained_on", bits, payload_bits_names); };
}

}  // namespace

std::optional<PayloadBits> trained_bits(const Parameters& parameters) {
  PayloadBits bits = PayloadBits::uniform;
  try {
    if (!io::read_fact(parameters, fact_key, "model file", fields(bits))) return {};
  } catch (const io::ConfigError& error) {
    throw CheckpointError(error.what());
  }
  return bits;
}

void store_trained_bits(Parameters& parameters, PayloadBits bits) {
  io::write_fact(parameters, fact_key, fields(bits));
}

}  // namespace g2face
