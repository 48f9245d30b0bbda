// Ranks that have NCCL add in memory of their devices. Others send what lies in memory of the host: values are copied
// there and back, and a function of the host does the rest in the order of the stream. Whatever MPI is there, it need
// not know the device.

#include <algorithm>
#include <limits>
#include <memory>
#include <span>

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/rank_sums.hpp"
#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/step.hpp"

namespace g2face {
namespace {

/// Memory of the host that the device copies to and from by itself; also when planned while a stream is recorded.
std::shared_ptr<float> pinned(std::size_t n) {
  const cuda::RelaxedCapture relaxed;
  void* memory = nullptr;
  cuda::check_call(cudaMallocHost(&memory, std::max<std::size_t>(n, 1) * sizeof(float)), "cudaMallocHost");
  return {static_cast<float*>(memory), [](float* p) { cudaFreeHost(p); }};
}

void copy(void* to, const void* from, std::size_t n, cudaMemcpyKind kind, cudaStream_t stream) {
  if (n > 0) cuda::check_call(cudaMemcpyAsync(to, from, n * sizeof(float), kind, stream), "cudaMemcpyAsync");
}

void call(cudaStream_t stream, cudaHostFn_t function, void* with) {
  cuda::check_call(cudaLaunchHostFunc(stream, function, with), "cudaLaunchHostFunc");
}

struct Staged {
  std::shared_ptr<Communicator> ranks;
  std::shared_ptr<float> values;
  std::size_t n = 0;
};

// Exceptions may not leave functions that the driver calls: a failure shows as values that are not finite, which end a
// training.
void reduce(void* data) {
  const auto& s = *static_cast<Staged*>(data);
  try {
    s.ranks->all_reduce(std::span(s.values.get(), s.n));
  } catch (...) {
    std::fill_n(s.values.get(), s.n, std::numeric_limits<float>::quiet_NaN());
  }
}
void start(void* data) {
  auto& bucket = *static_cast<ReductionBucket*>(data);
  bucket.ticket = bucket.ranks->start_all_reduce(bucket.values, bucket.size());
}
void wait(void* data) {
  auto& bucket = *static_cast<ReductionBucket*>(data);
  try {
    bucket.ranks->wait(bucket.ticket);
  } catch (...) {
    std::fill_n(bucket.values.get(), bucket.size(), std::numeric_limits<float>::quiet_NaN());
  }
}

std::size_t elements(const Shape& shape) { return static_cast<std::size_t>(shape.numel()); }

// ---- between devices ----

std::shared_ptr<float> device_memory(std::size_t n) {
  const cuda::RelaxedCapture relaxed;
  void* memory = nullptr;
  cuda::check_call(cudaMalloc(&memory, std::max<std::size_t>(n, 1) * sizeof(float)), "cudaMalloc");
  return {static_cast<float*>(memory), [](float* p) { cudaFree(p); }};
}

Step reduce_on_devices(const std::shared_ptr<Communicator>& ranks, std::size_t n) {
  const cuda::RankSums sums(ranks, n);
  Step step;
  step.kernel = str("all_reduce nccl ", ranks->ranks(), " ranks");
  step.workspace = sums.floats() * sizeof(float);
  step.in_place = {{0, 0}};
  step.run = [sums](const Buffers& b, Stream& stream) {
    auto* const scratch = static_cast<float*>(b.workspace);
    copy(scratch, b.in[0], sums.count(), cudaMemcpyDeviceToDevice, cuda::stream_of(stream));
    sums.queue(scratch, stream);
    copy(b.out[0], sums.result(scratch), sums.count(), cudaMemcpyDeviceToDevice, cuda::stream_of(stream));
  };
  return step;
}

/// Both steps of a bucket.
Step bucket_on_devices(const std::shared_ptr<ReductionBucket>& bucket, bool waits) {
  const cuda::RankSums sums(bucket->ranks, bucket->size());
  if (!bucket->values) bucket->values = device_memory(sums.floats());
  Step step;
  step.kernel = str(waits ? "all_reduce_wait" : "all_reduce_start", " nccl ", bucket->shapes.size(), " tensors");
  if (waits) {
    step.run = [bucket, sums](const Buffers& b, Stream& stream) {
      const float* from = sums.result(bucket->values.get());
      for (std::size_t i = 0; i < b.out.size(); from += elements(bucket->shapes[i++]))
        copy(b.out[i], from, elements(bucket->shapes[i]), cudaMemcpyDeviceToDevice, cuda::stream_of(stream));
    };
    return step;
  }
  step.run = [bucket, sums](const Buffers& b, Stream& stream) {
    float* to = bucket->values.get();
    for (std::size_t i = 0; i < b.in.size(); to += elements(bucket->shapes[i++]))
      copy(to, b.in[i], elements(bucket->shapes[i]), cudaMemcpyDeviceToDevice, cuda::stream_of(stream));
    sums.queue(bucket->values.get(), stream);
    cuda::check_call(cudaMemsetAsync(b.out[0], 0, sizeof(float), cuda::stream_of(stream)), "cudaMemsetAsync");
  };
  return step;
}

bool have_devices(const std::shared_ptr<Communicator>& ranks) { return ranks && ranks->on_device(); }

}  // namespace

std::optional<Step> all_reduce_cuda(const AllReduceAttrs& a, const Signature& s) {
  if (!cuda::is_plain(s, DType::f32)) return std::nullopt;
  const std::size_t n = elements(s.in[0].type.shape);
  if (have_devices(a.ranks)) return reduce_on_devices(a.ranks, n);
  Step step;
  step.kernel = str("all_reduce cuda ", ranks_of(a.ranks), " ranks");
  step.in_place = {{0, 0}};
  if (!a.ranks) {
    step.run = [n](const Buffers& b, Stream& stream) {
      if (b.out[0] != b.in[0]) copy(b.out[0], b.in[0], n, cudaMemcpyDeviceToDevice, cuda::stream_of(stream));
    };
    return step;
  }
  step.run = [staged = std::make_shared<Staged>(Staged{a.ranks, pinned(n), n})](const Buffers& b, Stream& stream) {
    const cudaStream_t to = cuda::stream_of(stream);
    copy(staged->values.get(), b.in[0], staged->n, cudaMemcpyDeviceToHost, to);
    call(to, reduce, staged.get());
    copy(b.out[0], staged->values.get(), staged->n, cudaMemcpyHostToDevice, to);
  };
  return step;
}

std::optional<Step> all_reduce_start_cuda(const ReductionBucketAttrs& a, const Signature& s) {
  if (have_devices(a.bucket->ranks)) return bucket_on_devices(a.bucket, false);
  if (!a.bucket->values) a.bucket->values = pinned(a.bucket->size());
  Step step;
  step.kernel = str("all_reduce_start cuda ", s.in.size(), " tensors");
  step.run = [bucket = a.bucket](const Buffers& b, Stream& stream) {
    float* to = bucket->values.get();
    for (std::size_t i = 0; i < b.in.size(); ++i) {
      copy(to, b.in[i], elements(bucket->shapes[i]), cudaMemcpyDeviceToHost, cuda::stream_of(stream));
      to += elements(bucket->shapes[i]);
    }
    call(cuda::stream_of(stream), start, bucket.get());
    cuda::check_call(cudaMemsetAsync(b.out[0], 0, sizeof(float), cuda::stream_of(stream)), "cudaMemsetAsync");
  };
  return step;
}

std::optional<Step> all_reduce_wait_cuda(const ReductionBucketAttrs& a, const Signature& s) {
  if (have_devices(a.bucket->ranks)) return bucket_on_devices(a.bucket, true);
  Step step;
  step.kernel = str("all_reduce_wait cuda ", s.out.size(), " tensors");
  step.run = [bucket = a.bucket](const Buffers& b, Stream& stream) {
    call(cuda::stream_of(stream), wait, bucket.get());
    const float* from = bucket->values.get();
    for (std::size_t i = 0; i < b.out.size(); ++i) {
      copy(b.out[i], from, elements(bucket->shapes[i]), cudaMemcpyHostToDevice, cuda::stream_of(stream));
      from += elements(bucket->shapes[i]);
    }
  };
  return step;
}

}  // namespace g2face
