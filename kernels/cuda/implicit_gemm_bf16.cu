#include "kernels/cuda/warpgroup_gemm.cuh"

namespace g2face::cuda {

template <>
std::span<const GemmVariant> gemm_variants<bf16>() {
  using Tiles = TensorTiles<bf16>;
  using Warpgroups = WarpgroupTiles<bf16>;
  static constexpr GemmVariant all[] = {
      copying_variant<bf16, Tiles::Largest>,        copying_variant<bf16, Tiles::Large>,
      copying_variant<bf16, Tiles::Narrow>,         copying_variant<bf16, Tiles::Small>,
      gathering_variant<bf16, float, Tiles::Large>, gathering_variant<bf16, float, Tiles::Narrow>,
      gathering_variant<bf16, bf16, Tiles::Narrow>, warpgroup_variant<bf16, Warpgroups::Wide>,
      warpgroup_variant<bf16, Warpgroups::Tall>};
  return all;
}

}  // namespace g2face::cuda
