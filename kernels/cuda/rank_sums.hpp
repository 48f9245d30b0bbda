#pragma once
// Sums over ranks of what lies in memory of their devices.

#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <utility>

#include "g2face/device.hpp"
#include "g2face/distributed/communicator.hpp"

namespace g2face::cuda {

/// What Communicator::all_reduce does with `count` values in memory of the host, with the same bits, where ranks have a
/// DeviceTransport. Works in scratch memory of floats() floats.
class RankSums {
 public:
  RankSums(std::shared_ptr<Communicator> ranks, std::size_t count);

  std::size_t count() const { return count_; }
  std::size_t floats() const;
  /// Queues the sums of the values that lie at the beginning of `scratch`.
  void queue(float* scratch, Stream& stream) const;
  /// Where they will be.
  const float* result(const float* scratch) const;

 private:
  std::shared_ptr<Communicator> ranks_;
  std::size_t count_, part_, all_;  // values: given, in the part of a rank, in all parts
  bool whole_;                      // so few that every rank gets all of them and adds all
};

}  // namespace g2face::cuda
