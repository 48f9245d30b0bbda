#pragma once
// NCCL: ranks send each other what lies in memory of their GPUs. The only file that knows it is nccl.cpp.

#include <memory>
#include <optional>
#include <string>

#include "g2face/distributed/communicator.hpp"

namespace g2face::cuda {

/// Connects the device of this rank with those of the others, which all call it at the same time. Null on all of them
/// if any machine lacks NCCL, or ranks share a GPU, which NCCL refuses; null if this build lacks it.
std::shared_ptr<DeviceTransport> nccl_transport(Communicator& ranks, int device);

/// "2.28.3"; "none" if this machine lacks it; nothing if this build does.
std::optional<std::string> nccl_version();

}  // namespace g2face::cuda
