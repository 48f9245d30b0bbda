// The convolutions of the generator, and the depthwise ones of MobileFaceNet. On the CPU beside oneDNN's bare primitive
// in the same run (goal: at least 85 % of it); on a GPU for one image and for sixteen.

#include "g2face/ops/conv2d.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/onednn.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

struct Layer {
  const char* name;
  std::int64_t c, o, size, kernel, stride, pad;
  bool transposed = false;
  std::int64_t groups = 1;
};

const std::vector<Layer> layers = {
    {"3x3_3_128_at256", 3, 128, 256, 3, 1, 1},
    {"3x3_128_128_at256", 128, 128, 256, 3, 1, 1},
    {"3x3_256_256_at128", 256, 256, 128, 3, 1, 1},
    {"3x3_512_512_at64", 512, 512, 64, 3, 1, 1},
    {"3x3_512_512_at32", 512, 512, 32, 3, 1, 1},
    {"3x3_512_512_at16", 512, 512, 16, 3, 1, 1},
    {"4x4s2_128_256_at256", 128, 256, 256, 4, 2, 1},
    {"4x4s2_256_512_at128", 256, 512, 128, 4, 2, 1},
    {"4x4s2_512_512_at64", 512, 512, 64, 4, 2, 1},
    {"up3x3s2_256_128_at128", 256, 128, 128, 3, 2, 0, true},
    {"up3x3s2_512_256_at64", 512, 256, 64, 3, 2, 0, true},
    {"up3x3s2_512_512_at32", 512, 512, 32, 3, 2, 0, true},
    {"1x1_256_128_at256", 256, 128, 256, 1, 1, 0},
    {"1x1_768_256_at128", 768, 256, 128, 1, 1, 0},
    {"1x1_1536_512_at64", 1536, 512, 64, 1, 1, 0},
    {"1x1_128_3_at256", 128, 3, 256, 1, 1, 0},
    {"dw3x3_64_at56", 64, 64, 56, 3, 1, 1, false, 64},
    {"dw3x3s2_128_at56", 128, 128, 56, 3, 2, 1, false, 128},
    {"dw3x3_256_at14", 256, 256, 14, 3, 1, 1, false, 256},
    {"dw7x7_512_at7", 512, 512, 7, 7, 1, 0, false, 512},
};

constexpr int most_candidates = 20;

struct Sizes {
  Conv2dAttrs attrs;
  Shape x, w, y;
  double flops;
};

/// Of a transposed convolution, x is the result and y the input.
Sizes sizes_of(const Layer& l, std::int64_t n = 1) {
  Sizes s;
  s.attrs.stride = {l.stride, l.stride};
  s.attrs.pad = {l.pad, l.pad};
  s.attrs.groups = l.groups;
  s.attrs.kernel = {l.kernel, l.kernel};
  const std::int64_t large = l.transposed ? (l.size - 1) * l.stride + l.kernel - 2 * l.pad : l.size;
  const std::int64_t small = l.transposed ? l.size : (l.size + 2 * l.pad - l.kernel) / l.stride + 1;
  s.attrs.input = {large, large};
  s.x = {n, l.transposed ? l.o : l.c, large, large};
  s.y = {n, l.transposed ? l.c : l.o, small, small};
  s.w = {s.y[1], s.x[1] / l.groups, l.kernel, l.kernel};
  s.flops = 2.0 * static_cast<double>(n * s.w.numel() * small * small);
  return s;
}

Call call_of(const Layer& l, const Sizes& s, Precision precision) {
  const OpDef& op = l.transposed ? conv2d_input_grad_op : conv2d_op;
  return {op, s.attrs, {{DType::f32, l.transposed ? s.y : s.x}, {DType::f32, s.w}}, {false, true}, precision};
}

void kernel(benchmark::State& state, const Layer& l, Precision precision) {
  const Sizes s = sizes_of(l);
  run(state, call_of(l, s, precision));
  set_rate(state, "GFLOP/s", s.flops);
}

/// The gradient of the weights for two images, as training has it; `strict` is oneDNN's.
void weight_grad(benchmark::State& state, const Layer& l, Precision precision) {
  const Sizes s = sizes_of(l, 2);
  run(state, {conv2d_weight_grad_op, s.attrs, {{DType::f32, s.x}, {DType::f32, s.y}}, {}, precision});
  set_rate(state, "GFLOP/s", s.flops);
}

void cuda_kernel(benchmark::State& state, const Layer& l, std::int64_t n, Precision precision, int candidate = -1) {
  const Sizes s = sizes_of(l, n);
  Call call = call_of(l, s, precision);
  call.device = Device::cuda();
  call.candidate = candidate;
  set_rate(state, "GB/s", run(state, call));
  set_rate(state, "TFLOP/s", s.flops * 1e-3);
}

/// The library's direct algorithm with formats of its choice and nothing around it.
void bare(benchmark::State& state, const Layer& l) {
  using onednn::Format;
  const Sizes s = sizes_of(l);
  onednn::Convolution c;
  c.kind = l.transposed ? onednn::Convolution::Kind::input_grad : onednn::Convolution::Kind::forward;
  c.x = Format::any(DType::f32, s.x.dims());
  const Shape grouped = {l.groups, s.w[0] / l.groups, s.w[1], s.w[2], s.w[3]};
  c.w = Format::any(DType::f32, (l.groups == 1 ? s.w : grouped).dims());
  c.y = Format::any(DType::f32, s.y.dims());
  c.stride = s.attrs.stride;
  c.pad = s.attrs.pad;
  c.kernel = s.attrs.kernel;
  c.x_size = {s.x[2], s.x[3]};
  c.y_size = {s.y[2], s.y[3]};
  c.threads = threads();
  const auto primitive = onednn::convolution(c);
  std::vector<Tensor> held;
  std::vector<const void*> data;
  for (int i = 0; i < 3; ++i) {
    held.push_back(memory(primitive->format(i).bytes()));
    data.push_back(held.back().mutable_data());
  }
  held.push_back(memory(primitive->scratchpad_bytes()));
  for (auto _ : state) primitive->run(data, held.back().mutable_data());
  state.SetLabel("onednn:" + primitive->name());
  set_rate(state, "GFLOP/s", s.flops);
}

const bool registered = [] {
  for (const Layer& l : layers) {
    add(str("conv2d/", l.name, "/bare"), [&l](benchmark::State& state) { bare(state, l); });
    for (const auto& [name, precision] : {std::pair{"strict", Precision::strict}, std::pair{"fast", Precision::fast},
                                          std::pair{"bf16", Precision::bf16}}) {
      add(str("conv2d/", l.name, "/", name), [&l, p = precision](benchmark::State& state) { kernel(state, l, p); });
    }
    for (const auto& [name, precision] : {std::pair{"strict", Precision::strict}, std::pair{"fast", Precision::fast}}) {
      add(str("conv2d_weight_grad/", l.name, "/", name),
          [&l, p = precision](benchmark::State& state) { weight_grad(state, l, p); });
    }
    for (const std::int64_t n : {1, 16}) {
      for (const Precision p : {Precision::strict, Precision::tf32, Precision::bf16, Precision::f16}) {
        add_cuda(str("conv2d/", l.name, "/n", n, "/", name_of(p)),
                 [&l, n, p](benchmark::State& state) { cuda_kernel(state, l, n, p); });
      }
      // What a tuned plan chooses from.
      for (int i = 0; i < most_candidates && l.groups == 1; ++i) {
        add_cuda(
            str("conv2d/", l.name, "/n", n, "/", i),
            [&l, n, i](benchmark::State& state) { cuda_kernel(state, l, n, Precision::bf16, i); }, "candidates/");
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
