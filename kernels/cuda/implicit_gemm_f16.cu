#include "kernels/cuda/warpgroup_gemm.cuh"

namespace g2face::cuda {

template <>
std::span<const GemmVariant> gemm_variants<f16>() {
  using Tiles = TensorTiles<f16>;
  using Warpgroups = WarpgroupTiles<f16>;
  static constexpr GemmVariant all[] = {
      copying_variant<f16, Tiles::Largest>,        copying_variant<f16, Tiles::Large>,
      copying_variant<f16, Tiles::Narrow>,         copying_variant<f16, Tiles::Small>,
      gathering_variant<f16, float, Tiles::Large>, gathering_variant<f16, float, Tiles::Narrow>,
      gathering_variant<f16, f16, Tiles::Narrow>,  warpgroup_variant<f16, Warpgroups::Wide>,
      warpgroup_variant<f16, Warpgroups::Tall>};
  return all;
}

}  // namespace g2face::cuda
