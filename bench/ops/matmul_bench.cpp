#include "g2face/ops/matmul.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

struct Product {
  const char* name;
  std::int64_t m, n, k;
  bool transpose_b;
};

const std::vector<Product> products = {{"affine", 1, 512, 512, true},        {"affine_n16", 16, 512, 512, true},
                                       {"arcface_fc", 1, 512, 25088, true},  {"recon_fc", 1, 257, 2048, true},
                                       {"face_model", 1, 107127, 144, true}, {"row_times_wide", 1, 25088, 512, false},
                                       {"training", 64, 512, 512, true}};

void product(benchmark::State& state, const Product& p, Precision precision, const Device& device) {
  const Type a{DType::f32, {p.m, p.k}};
  const Type b{DType::f32, p.transpose_b ? Shape{p.n, p.k} : Shape{p.k, p.n}};
  Call call{matmul_op, MatmulAttrs{false, p.transpose_b}, {a, b}, {false, true}, precision};
  call.device = device;
  set_rate(state, "GB/s", run(state, call));
  set_rate(state, "GFLOP/s", 2.0 * static_cast<double>(p.m * p.n * p.k));
}

const bool registered = [] {
  for (const Product& p : products) {
    add(str("matmul/", p.name), [&p](benchmark::State& s) { product(s, p, Precision::fast, Device::cpu()); });
    for (const Precision precision : {Precision::strict, Precision::bf16}) {
      add_cuda(str("matmul/", p.name, "/", name_of(precision)),
               [&p, precision](benchmark::State& s) { product(s, p, precision, Device::cuda()); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
