#pragma once
// Memory of tensors and of the host as a device.

#include <cstddef>

namespace g2face {

/// Memory for that many bytes, aligned to 64; null when there is not enough. Large blocks come from the system and go
/// back to it at once, on huge pages where it offers them; a heap would keep what parameters leave behind when they are
/// packed or copied.
std::byte* allocate_host(std::size_t bytes) noexcept;
void release_host(std::byte* memory, std::size_t bytes) noexcept;
/// Gives the pages back until they are used again. The contents are lost.
void forget_host(std::byte* memory, std::size_t bytes) noexcept;

}  // namespace g2face
