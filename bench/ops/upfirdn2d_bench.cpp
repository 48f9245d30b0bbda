#include "g2face/ops/upfirdn2d.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

void filter(benchmark::State& state, const Shape& x, const Upfirdn2dAttrs& a, Precision precision = Precision::fast,
            const Device& device = Device::cpu()) {
  const Tensor f = Tensor::from({4, 4}, {1, 3, 3, 1, 3, 9, 9, 3, 3, 9, 9, 3, 1, 3, 3, 1});
  const std::vector<Type> in = {{DType::f32, x}, f.type()};
  set_rate(state, "GB/s", run(state, {upfirdn2d_op, a, in, {false, true}, precision, 0, f, device}));
}

struct Case {
  const char* name;
  std::int64_t channels, size;
  Upfirdn2dAttrs attrs;
};

const std::vector<Case> cases = {
    {"blur_128_at257", 128, 257, {.pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1}},
    {"blur_256_at129", 256, 129, {.pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1}},
    {"blur_512_at65", 512, 65, {.pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1}},
    {"up_3_at128", 3, 128, {.up_x = 2, .up_y = 2, .pad_x0 = 2, .pad_x1 = 1, .pad_y0 = 2, .pad_y1 = 1}},
    {"down_128_at256", 128, 256, {.down_x = 2, .down_y = 2, .pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1}},
};

const bool registered = [] {
  for (const Case& c : cases) {
    add(str("upfirdn2d/", c.name), [&c](benchmark::State& s) { filter(s, {1, c.channels, c.size, c.size}, c.attrs); });
    for (const std::int64_t n : {1, 16}) {
      for (const Precision p : {Precision::fast, Precision::bf16}) {
        add_cuda(str("upfirdn2d/", c.name, "/n", n, "/", name_of(p)), [&c, n, p](benchmark::State& s) {
          filter(s, {n, c.channels, c.size, c.size}, c.attrs, p, Device::cuda());
        });
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
