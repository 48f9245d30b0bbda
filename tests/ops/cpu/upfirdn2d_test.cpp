#include "g2face/ops/upfirdn2d.hpp"

#include <doctest/doctest.h>

#include "cpu_step.hpp"
#include "kernels/cpu/layout.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

Tensor separable(std::vector<float> column, std::vector<float> row) {
  Tensor f(Type{DType::f32, {static_cast<std::int64_t>(column.size()), static_cast<std::int64_t>(row.size())}});
  for (std::size_t i = 0; i < column.size(); ++i) {
    for (std::size_t j = 0; j < row.size(); ++j) f.mutable_as<float>()[i * row.size() + j] = column[i] * row[j];
  }
  return f;
}

void check_all(const Upfirdn2dAttrs& a, const Shape& shape, const Tensor& f) {
  const std::vector<Tensor> in = {random_tensor(shape, 1), f};
  const std::vector<Type> types = types_of(in);
  for (const LayoutChoice& layouts : upfirdn2d_op.cpu_layouts(a, types, upfirdn2d_op.infer(a, types))) {
    for (const int threads : {1, 2, 3}) {
      INFO(shape, " ", threads);
      check_cpu({upfirdn2d_op, a, in, layouts.in, layouts.out, {}, threads}, 5e-7);
    }
  }
}

}  // namespace

TEST_CASE("upfirdn2d on cpu: the filters and factors of the networks, in every layout") {
  const Tensor f = separable({1, 3, 3, 1}, {1, 3, 3, 1});
  for (const Shape& shape : {Shape{2, 32, 9, 9}, Shape{1, 3, 8, 8}, Shape{1, 16, 70, 67}}) {
    for (const char* isa : all_isas) {
      const ScopedIsa scope(isa);
      check_all({.pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1}, shape, f);
    }
    check_all({.pad_x0 = 2, .pad_x1 = 2, .pad_y0 = 2, .pad_y1 = 2}, shape, f);
    check_all({.up_x = 2, .up_y = 2, .pad_x0 = 2, .pad_x1 = 1, .pad_y0 = 2, .pad_y1 = 1}, shape, f);
    check_all({.down_x = 2, .down_y = 2, .pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1}, shape, f);
  }
}

TEST_CASE("upfirdn2d on cpu: asymmetric and inseparable filters, any factors, cropping and wide pads") {
  const std::vector<Tensor> filters = {separable({1, 2, -4}, {0.5f, -1, 3, 2, 7}), random_tensor({3, 4}, 5),
                                       random_tensor({1, 1}, 6), Tensor::zeros({DType::f32, {2, 2}}),
                                       random_tensor({6, 2}, 7)};
  const std::vector<Upfirdn2dAttrs> settings = {
      {.pad_x0 = 3, .pad_x1 = 4, .pad_y0 = 5, .pad_y1 = 2},
      {.up_x = 2, .up_y = 3, .pad_x0 = 4, .pad_x1 = 2, .pad_y0 = 3, .pad_y1 = 9, .correlate = true},
      {.down_x = 3, .down_y = 2, .pad_x0 = 2, .pad_x1 = 3, .pad_y0 = 2, .pad_y1 = 2},
      {.up_x = 3, .up_y = 2, .down_x = 2, .down_y = 3, .pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 2, .pad_y1 = 5},
      {.pad_x0 = -1, .pad_x1 = -2, .pad_y0 = -2, .pad_y1 = 1},
      {.up_x = 2, .up_y = 2, .pad_x0 = -3, .pad_x1 = 2, .pad_y0 = 4, .pad_y1 = -1},
  };
  for (const Tensor& f : filters) {
    for (const Upfirdn2dAttrs& a : settings) {
      check_all(a, {1, 16, 11, 9}, f);
      check_all(a, {2, 2, 10, 13}, f);
    }
  }
  check_all({.pad_x0 = 2, .pad_x1 = 2, .pad_y0 = 2, .pad_y1 = 2}, {1, 16, 1, 1}, separable({1, 3, 3, 1}, {1, 3, 3, 1}));
}
