#include "cuda/pass_check.hpp"
#include "kernels/cuda/kernels.hpp"

namespace g2face::test {
namespace {

std::optional<Step> kernel(const Attrs& a, const Signature& s) { return upfirdn2d_cuda(a.as<Upfirdn2dAttrs>(), s); }

// Step by step, with every intermediate image: zeros between samples, pads, filter, every down-th sample.
Tensor obvious(const Tensor& x, const Tensor& f, const Upfirdn2dAttrs& a) {
  const std::int64_t planes = x.shape()[0] * x.shape()[1], height = x.shape()[2], width = x.shape()[3];
  const std::int64_t padded_height = height * a.up_y + a.pad_y0 + a.pad_y1;
  const std::int64_t padded_width = width * a.up_x + a.pad_x0 + a.pad_x1;
  const std::int64_t kh = f.shape()[0], kw = f.shape()[1];
  const std::int64_t out_height = (padded_height - kh) / a.down_y + 1, out_width = (padded_width - kw) / a.down_x + 1;
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  Tensor y({DType::f64, {x.shape()[0], x.shape()[1], out_height, out_width}});
  for (std::int64_t p = 0; p < planes; ++p) {
    std::vector<double> padded(at(padded_height * padded_width), 0.0);
    for (std::int64_t i = 0; i < height; ++i) {
      for (std::int64_t j = 0; j < width; ++j) {
        const std::int64_t row = i * a.up_y + a.pad_y0, column = j * a.up_x + a.pad_x0;
        if (row < 0 || row >= padded_height || column < 0 || column >= padded_width) continue;
        padded[at(row * padded_width + column)] = static_cast<double>(x.as<float>()[at((p * height + i) * width + j)]);
      }
    }
    for (std::int64_t i = 0; i < out_height; ++i) {
      for (std::int64_t j = 0; j < out_width; ++j) {
        double sum = 0;
        for (std::int64_t u = 0; u < kh; ++u) {
          for (std::int64_t v = 0; v < kw; ++v) {
            const std::int64_t tap = a.correlate ? u * kw + v : (kh - 1 - u) * kw + kw - 1 - v;
            sum += static_cast<double>(f.as<float>()[at(tap)]) *
                   padded[at((i * a.down_y + u) * padded_width + j * a.down_x + v)];
          }
        }
        y.mutable_as<double>()[at((p * out_height + i) * out_width + j)] = sum;
      }
    }
  }
  return y;
}

void check_case(const Shape& shape, const Shape& taps, const Upfirdn2dAttrs& attrs) {
  CAPTURE(attrs.str());
  const Tensor x = varied(shape, 3), f = varied(taps, 4);
  check_kernel(kernel, upfirdn2d_op, attrs, std::vector{x, f}, obvious(x, f, attrs));
}

TEST_CASE("upfirdn2d on CUDA") {
  check_case({1, 1, 4, 4}, {1, 1}, {});
  check_case({2, 3, 8, 8}, {4, 4}, {.pad_x0 = 2, .pad_x1 = 1, .pad_y0 = 2, .pad_y1 = 1});
  check_case({1, 2, 5, 7}, {4, 4}, {.up_x = 2, .up_y = 2, .pad_x0 = 2, .pad_x1 = 1, .pad_y0 = 2, .pad_y1 = 1});
  check_case({1, 2, 9, 6}, {4, 4}, {.down_x = 2, .down_y = 2, .pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1});
  check_case({1, 1, 6, 5}, {3, 2}, {.up_x = 3, .up_y = 2, .down_x = 2, .down_y = 3, .pad_x0 = -1, .pad_y1 = 4});
  check_case({1, 1, 6, 6}, {1, 5}, {.pad_x0 = 4, .pad_x1 = -2, .pad_y0 = -1, .pad_y1 = -2, .correlate = true});
  check_case({1, 4, 40, 40}, {4, 4}, {.pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1});  // more than one block
}

Tensor product(std::initializer_list<float> column, std::initializer_list<float> row) {
  Tensor f({DType::f32, {static_cast<std::int64_t>(column.size()), static_cast<std::int64_t>(row.size())}});
  float* to = f.mutable_as<float>().data();
  for (const float c : column) {
    for (const float r : row) *to++ = c * r;
  }
  return f;
}

TEST_CASE("upfirdn2d on CUDA: features") {
  const Tensor lopsided = product({1, -3, 2, 0.5f}, {0.25f, 1, 3, -1}), uneven = varied({4, 4}, 4);
  const Upfirdn2dAttrs shrinking{.pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1},
      cropping{.pad_x0 = -1, .pad_x1 = 3, .pad_y0 = 4, .pad_y1 = -2, .correlate = true},
      up{.up_x = 2, .up_y = 2, .pad_x0 = 2, .pad_x1 = 1, .pad_y0 = 2, .pad_y1 = 1},
      down{.down_x = 2, .down_y = 2, .pad_x0 = 1, .pad_x1 = 1, .pad_y0 = 1, .pad_y1 = 1},
      mixed{.up_x = 3, .up_y = 2, .down_x = 2, .down_y = 3, .pad_x0 = -1, .pad_y1 = 4};
  for (const Precision precision : {Precision::strict, Precision::bf16, Precision::f16}) {
    const auto check_features = [&](const Shape& x, const Tensor& f, const Upfirdn2dAttrs& a, bool known,
                                    const std::string& name) {
      Pass pass = features_pass(upfirdn2d_op, a, {varied(x, 3), f}, precision);
      pass.known = known;
      check_pass(pass, name);
    };
    for (const Shape& x : {Shape{2, 8, 9, 6}, {1, 136, 6, 5}}) {
      for (const Tensor& f : {lopsided, uneven, Tensor::zeros({DType::f32, {4, 4}})}) {
        check_features(x, f, shrinking, true, "upfirdn2d cuda:blur");
        check_features(x, f, cropping, true, "upfirdn2d cuda:blur");
      }
      check_features(x, lopsided, cropping, false, "upfirdn2d cuda:lanes");
      check_features(x, lopsided, up, true, "upfirdn2d cuda:lanes");
      check_features(x, lopsided, down, true, "upfirdn2d cuda:lanes");
      check_features(x, varied({3, 2}, 8), mixed, true, "upfirdn2d cuda:lanes");
    }
  }
}

}  // namespace
}  // namespace g2face::test
