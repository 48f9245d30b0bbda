#include "kernels/cuda/implicit_gemm.cuh"

namespace g2face::cuda {

template <>
std::span<const GemmVariant> gemm_variants<float>() {
  using Large = GemmTile<float, 128, 64, 3, 256, 1, FloatProduct<128>>;
  using Small = GemmTile<float, 64, 64, 3, 128, 2, FloatProduct<64>>;
  static constexpr GemmVariant all[] = {copying_variant<float, Large>, copying_variant<float, Small>,
                                        gathering_variant<float, float, Small>};
  return all;
}

}  // namespace g2face::cuda
