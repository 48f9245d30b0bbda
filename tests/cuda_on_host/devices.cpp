// What the stand-in says of itself.
#include <cuda_runtime.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return cudaErrorInvalidValue;
  std::strcpy(properties->name, "the host, emulating");
  properties->totalGlobalMem = std::size_t{1} << 30;
  properties->major = 9;
  properties->minor = 0;
  return cudaSuccess;
}
// Every process has a device of its own.
cudaError_t cudaDeviceGetPCIBusId(char* id, int bytes, int device) {
  if (device != 0 || bytes < 16) return cudaErrorInvalidValue;
  std::snprintf(id, static_cast<std::size_t>(bytes), "process %d", static_cast<int>(getpid()));
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }
