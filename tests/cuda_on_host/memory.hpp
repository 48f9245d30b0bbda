#pragma once
// Device memory, out of reach for everyone but kernels and copies.

#include <cstddef>

namespace cuda_on_host {

/// Holds NaN; null when there is no more.
void* allocate_device_memory(std::size_t bytes);
/// False for an address that no allocation begins at.
bool release_device_memory(void* p);

enum class Location { host, device, neither };  // neither: not within one allocation
Location location_of(const void* p, std::size_t bytes);

/// While one lives, device memory can be read and written.
class OpenDeviceMemory {
 public:
  OpenDeviceMemory();
  ~OpenDeviceMemory();
  OpenDeviceMemory(const OpenDeviceMemory&) = delete;
  OpenDeviceMemory& operator=(const OpenDeviceMemory&) = delete;
};

}  // namespace cuda_on_host
