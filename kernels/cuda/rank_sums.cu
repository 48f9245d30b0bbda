// Every rank adds one part of the values and sends the sums to all: as many bytes as a ring would send. 4 (ranks + 1)
// bytes for each sum.

#include "kernels/cuda/rank_sums.hpp"
#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/step.hpp"
#include "kernels/launch.cuh"

namespace g2face::cuda {
namespace {

constexpr std::size_t few = 1024;  // values

/// In double and in the order of the ranks, whose parts lie one after the other.
__global__ void add_parts_kernel(const float* parts, int ranks, std::int64_t count, float* sums) {
  for (std::int64_t i = thread_index(); i < count; i += thread_count()) {
    double sum = parts[i];
    for (int r = 1; r < ranks; ++r) sum += parts[r * count + i];
    sums[i] = static_cast<float>(sum);
  }
}

}  // namespace

RankSums::RankSums(std::shared_ptr<Communicator> ranks, std::size_t count)
    : ranks_(std::move(ranks)),
      count_(count),
      part_(count <= few ? count : (count - 1) / static_cast<std::size_t>(ranks_->ranks()) + 1),
      all_(part_ * static_cast<std::size_t>(ranks_->ranks())),
      whole_(count <= few) {}

std::size_t RankSums::floats() const { return (whole_ ? part_ : all_) + all_; }

const float* RankSums::result(const float* scratch) const { return whole_ ? scratch : scratch + all_; }

void RankSums::queue(float* scratch, Stream& stream) const {
  if (count_ == 0) return;
  DeviceTransport& transport = *ranks_->on_device();
  float* const received = scratch + (whole_ ? part_ : all_);
  if (whole_) {
    transport.gather(scratch, received, part_, stream);
  } else {
    if (all_ > count_)
      check_call(cudaMemsetAsync(scratch + count_, 0, (all_ - count_) * sizeof(float), stream_of(stream)),
                 "cudaMemsetAsync");
    transport.exchange(scratch, received, part_, stream);
  }
  const auto count = static_cast<std::int64_t>(part_);
  launch(add_parts_kernel, blocks_for(count), threads_per_block, 0, stream_of(stream),
         static_cast<const float*>(received), ranks_->ranks(), count, scratch);
  if (!whole_) transport.gather(scratch, received, part_, stream);
}

}  // namespace g2face::cuda
