// 12 bytes for each element.

#include <vector>

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/multi_tensor.cuh"
#include "kernels/cuda/step.hpp"

namespace g2face {
namespace {

struct Average {
  float decay, rest;
  __device__ Average prepared() const { return *this; }
  __device__ void operator()(const float* x, float* y) const { y[0] = decay * x[0] + rest * x[1]; }
};

}  // namespace

std::optional<Step> ema_cuda(const EmaAttrs& a, const Signature& s) {
  if (!cuda::is_plain(s, DType::f32)) return std::nullopt;
  const int count = static_cast<int>(s.out.size());
  std::vector<std::int64_t> n;
  for (const TensorDesc& d : s.out) n.push_back(d.type.shape.numel());
  Step step;
  step.kernel = str("ema cuda ", count, " tensors");
  step.run = [=, f = Average{static_cast<float>(a.decay), static_cast<float>(1 - a.decay)}](const Buffers& b,
                                                                                            Stream& stream) {
    cuda::run_multi_tensor<2, 1>(
        b, n, [count](int t, int k) { return k * count + t; }, [](int t, int) { return t; }, f,
        cuda::stream_of(stream));
  };
  for (int t = 0; t < count; ++t) step.in_place.push_back({t, t});
  return step;
}

}  // namespace g2face
