#pragma once
// Parameters where a device computes with them.

#include <memory>
#include <string_view>

#include "g2face/device.hpp"
#include "g2face/parameters.hpp"

namespace g2face {

struct DeviceParameterData;

/// Parameters in the memory of a device, for executors that share them and change them: while a model is trained, this
/// is where its weights are. A handle: copies share the memory, which lives as long as one of them or an executor does.
/// One thread at a time may use it and the executors that do; what they queue runs one after the other.
class DeviceParameters {
 public:
  /// Copies every tensor there is now. Throws DeviceError when there is not enough memory.
  DeviceParameters(const Device& device, const Parameters& parameters);

  /// Gets memory that executors share instead of having an arena each: those made after this call whose plans need no
  /// more. Only the outputs of the one that ran last can then be read. Throws DeviceError when there is not enough, and
  /// PlanError if it was called before.
  void share_arena(std::size_t bytes);

  /// A copy of what one holds now. Throws CheckpointError if there is none of that name.
  Tensor get(std::string_view name) const;
  /// A copy of all, in the dtypes that they came in (the reference device computes with doubles in between).
  Parameters get() const;

  const std::shared_ptr<DeviceParameterData>& data() const { return data_; }

 private:
  std::shared_ptr<DeviceParameterData> data_;
};

}  // namespace g2face
