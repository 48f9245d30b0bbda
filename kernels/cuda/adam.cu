// Reads and writes each tensor once: 20 bytes for each parameter with beta1 = 0 (p, g, v in; p, v out), else 28.

#include <cmath>
#include <vector>

#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/multi_tensor.cuh"
#include "kernels/cuda/step.hpp"

namespace g2face {
namespace {

template <bool first_moment>
struct Adam {
  const std::int64_t* step;
  const float* rate;
  double beta1, beta2;
  float eps;
  bool has_factor;  // behind the rate

  struct Prepared {
    float beta1, rest1, beta2, rest2, eps, step_size, second_scale, factor;
    /// x: p, g, v, m; y: p', v', m'
    __device__ void operator()(const float* x, float* y) const {
      if (factor == 0) {
        y[0] = x[0];
        y[1] = x[2];
        if constexpr (first_moment) y[2] = x[3];
        return;
      }
      const float g = x[1] * factor;
      float m = g;
      if constexpr (first_moment) {
        m = beta1 * x[3] + rest1 * g;
        y[2] = m;
      }
      const float v = beta2 * x[2] + rest2 * (g * g);
      y[0] = x[0] - step_size * (m / (std::sqrt(v) * second_scale + eps));
      y[1] = v;
    }
  };

  /// All threads must call it: one of them computes the corrections, which cancel too much for f32, in double.
  __device__ Prepared prepared() const {
    auto* shared = cuda::shared_memory<float>();
    if (threadIdx.x == 0) {
      const auto t = static_cast<double>(*step);
      shared[0] = static_cast<float>(static_cast<double>(*rate) / (1 - std::pow(beta1, t)));
      shared[1] = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, t)));
      if (t < 1) shared[0] = __uint_as_float(0x7fc00000u);
    }
    __syncthreads();
    return {static_cast<float>(beta1),
            static_cast<float>(1 - beta1),
            static_cast<float>(beta2),
            static_cast<float>(1 - beta2),
            eps,
            shared[0],
            shared[1],
            has_factor ? rate[1] : 1.f};
  }
};

template <bool first_moment>
std::optional<Step> step_of(const AdamAttrs& a, const Signature& s) {
  constexpr int each = first_moment ? 4 : 3, scalars = 2;
  std::vector<std::int64_t> n;
  for (std::size_t i = scalars; i < s.in.size(); i += each) n.push_back(s.in[i].type.shape.numel());
  const auto in = [](int t, int k) { return scalars + t * each + k; };
  const auto out = [](int t, int k) { return t * (each - 1) + k; };
  Step step;
  step.kernel = str("adam cuda ", n.size(), " tensors");
  step.run = [=, has_factor = s.in[1].type.shape.numel() == 2](const Buffers& b, Stream& stream) {
    const Adam<first_moment> f{b.get<std::int64_t>(0),    b.get<float>(1), a.beta1, a.beta2,
                               static_cast<float>(a.eps), has_factor};
    cuda::run_multi_tensor<each, each - 1>(b, n, in, out, f, cuda::stream_of(stream));
  };
  for (int t = 0; t < static_cast<int>(n.size()); ++t) {
    step.in_place.push_back({in(t, 0), out(t, 0)});
    for (int k = 1; k < each - 1; ++k) step.in_place.push_back({in(t, k + 1), out(t, k)});
  }
  return step;
}

}  // namespace

std::optional<Step> adam_cuda(const AdamAttrs& a, const Signature& s) {
  return a.beta1 == 0 ? step_of<false>(a, s) : step_of<true>(a, s);
}

}  // namespace g2face
