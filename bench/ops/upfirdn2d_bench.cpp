#include "g2face/ops/upfirdn2d.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

void filter(benchmark::State& state, const Shape& x, const Upfirdn2dAttrs& a) {
  const Tensor f = Tensor::from({4, 4}, {1, 3, 3, 1, 3, 9, 9, 3, 3, 9, 9, 3, 1, 3, 3, 1});
  const std::vector<Type> in = {{DType::f32, x}, f.type()};
  set_rate(state, "GB/s", run(state, {upfirdn2d_op, a, in, {}, Precision::fast, 0, f}));
}

const bool registered = [] {
  const Upfirdn2dAttrs blur{.pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1};
  for (const auto& [channels, size] : {std::pair{128, 257}, std::pair{256, 129}, std::pair{512, 65}}) {
    const Shape x = {1, channels, size, size};
    add(str("upfirdn2d/blur_", channels, "_at", size), [x, blur](benchmark::State& s) { filter(s, x, blur); });
  }
  add("upfirdn2d/up_3_at128", [](benchmark::State& s) {
    filter(s, {1, 3, 128, 128}, {.up_x = 2, .up_y = 2, .pad_x0 = 2, .pad_x1 = 1, .pad_y0 = 2, .pad_y1 = 1});
  });
  add("upfirdn2d/down_128_at256", [](benchmark::State& s) {
    filter(s, {1, 128, 256, 256}, {.down_x = 2, .down_y = 2, .pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1});
  });
  return true;
}();

}  // namespace
}  // namespace g2face::bench
