#pragma once

#include <map>
#include <string>

#include "backend.hpp"
#include "g2face/plan/device_parameters.hpp"
#include "plan/block.hpp"

namespace g2face {

struct DeviceParameterData {
  struct Entry {
    Type type;
    DType memory_dtype;  // the reference device holds doubles
    Block memory;
  };

  explicit DeviceParameterData(const Device& d) : device(d), backend(backend_of(d)), stream(backend.open_stream()) {
    stream.device = d;
  }
  ~DeviceParameterData() { backend.close_stream(stream); }
  DeviceParameterData(const DeviceParameterData&) = delete;
  DeviceParameterData& operator=(const DeviceParameterData&) = delete;

  Device device;
  Backend& backend;
  Stream stream;  // of all executors that use the parameters, so that one sees what another did before
  std::map<std::string, Entry, std::less<>> tensors;
  Block arena;                        // of executors that share one
  const void* arena_holds = nullptr;  // the executor whose values are in it
};

}  // namespace g2face
