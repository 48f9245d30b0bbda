#pragma once
// The bytes of a gallery of people, before they are encrypted: include/g2face/payload/pseudonyms.hpp.

#include <optional>

#include "g2face/payload/pseudonyms.hpp"
#include "payload/bytes.hpp"

namespace g2face::payload {

/// The identities have the same number of values.
Bytes write_people(std::span<const GalleryPerson> people);
/// Nothing if the bytes are not as write_people would write them, or hold values that are no numbers.
std::optional<std::vector<GalleryPerson>> read_people(std::span<const std::uint8_t> plain);

}  // namespace g2face::payload
