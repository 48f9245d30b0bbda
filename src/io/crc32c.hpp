#pragma once
// The checksum of TensorBoard's records and of our checkpoints.

#include <cstddef>
#include <cstdint>
#include <span>

namespace g2face::io {

/// CRC-32C (Castagnoli 1993; RFC 3720), of `before`'s bytes followed by these.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace g2face::io
