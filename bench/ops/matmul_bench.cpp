#include "g2face/ops/matmul.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

struct Product {
  const char* name;
  std::int64_t m, n, k;
  bool transpose_b;
};

const std::vector<Product> products = {
    {"affine", 1, 512, 512, true},        {"arcface_fc", 1, 512, 25088, true},      {"recon_fc", 1, 257, 2048, true},
    {"face_model", 1, 107127, 144, true}, {"row_times_wide", 1, 25088, 512, false}, {"training", 64, 512, 512, true}};

const bool registered = [] {
  for (const Product& p : products) {
    add(str("matmul/", p.name), [&p](benchmark::State& s) {
      const Type a{DType::f32, {p.m, p.k}};
      const Type b{DType::f32, p.transpose_b ? Shape{p.n, p.k} : Shape{p.k, p.n}};
      set_rate(s, "GB/s", run(s, {matmul_op, MatmulAttrs{false, p.transpose_b}, {a, b}, {false, true}}));
      set_rate(s, "GFLOP/s", 2.0 * static_cast<double>(p.m * p.n * p.k));
    });
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
