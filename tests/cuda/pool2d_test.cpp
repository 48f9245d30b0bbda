#include "g2face/ops/pool2d.hpp"

#include "cuda/kernel_check.hpp"
#include "kernels/cuda/kernels.hpp"
#include "kernels/cuda/layouts.hpp"

namespace g2face::test {
namespace {

/// The elements of an nchw value in the order of nhwc and a storage type.
Tensor stored(const Tensor& x, DType dtype) {
  const Shape& s = x.shape();
  Tensor y({DType::f32, s});
  std::size_t at = 0;
  for (std::int64_t n = 0; n < s[0]; ++n)
    for (std::int64_t pixel = 0; pixel < s[2] * s[3]; ++pixel)
      for (std::int64_t c = 0; c < s[1]; ++c)
        y.mutable_as<float>()[at++] = x.as<float>()[static_cast<std::size_t>((n * s[1] + c) * s[2] * s[3] + pixel)];
  return y.to(dtype);
}

Tensor pool(const Pool2dAttrs& attrs, const Tensor& x, const Type& out, Layout layout) {
  const std::vector<TensorDesc> in_desc{{{DType::f32, x.shape()}, layout}}, out_desc{{out, layout}};
  Signature signature;
  signature.in = in_desc;
  signature.out = out_desc;
  const std::optional<Step> step = max_pool2d_cuda(attrs, signature);
  REQUIRE(step);
  const DeviceTensor from(x), to(Tensor::full({x.dtype(), out.shape}, -1e30));
  const void* const in_data[] = {from.data()};
  void* const out_data[] = {to.data()};
  Stream stream{Device::cuda()};
  step->run({in_data, out_data}, stream);
  cuda::check_call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  return to.to_host();
}

TEST_CASE("max_pool2d on CUDA in every layout") {
  const Tensor x = varied({2, 9, 7, 10}, 3);
  for (const Pool2dAttrs& attrs : {Pool2dAttrs{.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}},
                                   Pool2dAttrs{.kernel = {2, 3}, .stride = {1, 4}, .pad = {0, 1}, .ceil_mode = true}}) {
    CAPTURE(attrs.str());
    for (const Layout layout : {Layout::nhwc, Layout::nhwc_bf16, Layout::nhwc_f16}) {
      const DType dtype = cuda::storage_of({{DType::f32, {}}, layout});
      CAPTURE(name_of(layout));
      const Tensor rounded = x.to(dtype).to(DType::f32);
      const Type in{DType::f32, x.shape()}, out = max_pool2d_op.infer(attrs, std::array{in}).at(0);
      const Tensor want = pool(attrs, rounded, out, Layout::nchw);
      const Tensor got = pool(attrs, stored(rounded, dtype), out, layout);
      CHECK(relative_error(got.to(DType::f32), stored(want, DType::f32)) == 0);
    }
  }
}

}  // namespace
}  // namespace g2face::test
