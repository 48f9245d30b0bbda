#include "payload/bytes.hpp"

namespace g2face::payload {

// Not in the header: GCC 12 at -O3 sees overflows in vectors that grow by inlined inserts, where there are none.
void put(Bytes& out, std::span<const std::uint8_t> bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void put(Bytes& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

}  // namespace g2face::payload
