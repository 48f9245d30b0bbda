#include "g2face/ops/moments.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

const bool registered = [] {
  for (const auto& [channels, size] : {std::pair{128, 256}, std::pair{256, 128}, std::pair{512, 64}}) {
    for (const int choice : {0, 1}) {
      const Shape x = {1, channels, size, size};
      add(str("moments/", channels, "_at", size, choice == 0 ? "/blocked" : "/nchw"), [x, choice](benchmark::State& s) {
        const MomentsAttrs a{.axes = {2, 3}};
        set_rate(s, "GB/s", run(s, {moments_op, a, {{DType::f32, x}}, {}, Precision::fast, choice}));
      });
    }
    for (const std::int64_t n : {1, 16}) {
      for (const Precision p : {Precision::fast, Precision::bf16}) {
        add_cuda(str("moments/", channels, "_at", size, "/n", n, "/", name_of(p)),
                 [x = Shape{n, channels, size, size}, p](benchmark::State& s) {
                   const MomentsAttrs a{.axes = {2, 3}};
                   set_rate(s, "GB/s", run(s, {moments_op, a, {{DType::f32, x}}, {}, p, 0, {}, Device::cuda()}));
                 });
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
