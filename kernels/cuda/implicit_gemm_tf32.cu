#include "kernels/cuda/implicit_gemm.cuh"

namespace g2face::cuda {

template <>
std::span<const GemmVariant> gemm_variants<tf32>() {
  using Tiles = TensorTiles<tf32>;
  static constexpr GemmVariant all[] = {copying_variant<tf32, Tiles::Largest>, copying_variant<tf32, Tiles::Large>,
                                        copying_variant<tf32, Tiles::Narrow>, copying_variant<tf32, Tiles::Small>,
                                        gathering_variant<tf32, float, Tiles::Narrow>};
  return all;
}

}  // namespace g2face::cuda
