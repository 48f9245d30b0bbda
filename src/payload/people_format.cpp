#include "payload/people_format.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace g2face::payload {
namespace {

// The low byte first, unlike in the other formats.
void put_low_first(Bytes& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
std::uint32_t take_low_first(std::span<const std::uint8_t>& in) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(in[i]) << (8 * i);
  in = in.subspan(4);
  return value;
}

}  // namespace

Bytes write_people(std::span<const GalleryPerson> people) {
  Bytes plain;
  put_low_first(plain, people.empty() ? 0 : static_cast<std::uint32_t>(people[0].identity.size()));
  for (const GalleryPerson& p : people) {
    put(plain, p.name);
    put_low_first(plain, p.draw);
    for (const float v : p.identity) put_low_first(plain, std::bit_cast<std::uint32_t>(v));
  }
  return plain;
}

std::optional<std::vector<GalleryPerson>> read_people(std::span<const std::uint8_t> plain) {
  if (plain.size() < 4) return std::nullopt;
  const std::size_t width = take_low_first(plain), each = 20 + 4 * width;
  if (plain.size() % each != 0 || (width == 0) != plain.empty()) return std::nullopt;
  std::vector<GalleryPerson> people(plain.size() / each);
  for (GalleryPerson& p : people) {
    std::copy_n(plain.begin(), p.name.size(), p.name.begin());
    plain = plain.subspan(p.name.size());
    p.draw = take_low_first(plain);
    p.identity.resize(width);
    for (float& v : p.identity) v = std::bit_cast<float>(take_low_first(plain));
    if (!std::ranges::all_of(p.identity, [](float v) { return std::isfinite(v); })) return std::nullopt;
  }
  return people;
}

}  // namespace g2face::payload
