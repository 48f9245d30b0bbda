#include <cudnn.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "elements.hpp"
#include "streams.hpp"

struct CudnnOnHost {
  cudaStream_t stream = nullptr;
};
struct CudnnBoxOnHost {
  cudnnTensorFormat_t format{};
  cudnnDataType_t type{};
  int n = 0, c = 0, h = 0, w = 0;
};
struct CudnnTensorOnHost : CudnnBoxOnHost {};
struct CudnnFilterOnHost : CudnnBoxOnHost {};
struct CudnnConvolutionOnHost {
  int pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1, groups = 1;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

namespace {

using cuda_on_host::Numbers;
using Box = CudnnBoxOnHost;
using Conv = CudnnConvolutionOnHost;

constexpr std::size_t some_workspace = 1000;  // of the algorithms whose number is odd

std::int64_t count_of(const Box& b) { return std::int64_t{b.n} * b.c * b.h * b.w; }

std::int64_t place(const Box& b, int n, int c, int h, int w) {
  return b.format == CUDNN_TENSOR_NCHW ? ((std::int64_t{n} * b.c + c) * b.h + h) * b.w + w
                                       : ((std::int64_t{n} * b.h + h) * b.w + w) * b.c + c;
}

Numbers numbers_of(const Box& b, const Conv& conv) {
  if (b.type == CUDNN_DATA_BFLOAT16) return Numbers::bf16;
  if (b.type == CUDNN_DATA_HALF) return Numbers::f16;
  return conv.math == CUDNN_FMA_MATH ? Numbers::f32 : Numbers::tf32;
}

cudnnStatus_t check(const Box& x, const Box& w, const Conv& conv, const Box& y) {
  for (const Box* b : {&x, &w, &y}) {
    if (count_of(*b) < 1) return CUDNN_STATUS_BAD_PARAM;
    if (b->format != x.format || b->type != x.type) return CUDNN_STATUS_NOT_SUPPORTED;
  }
  const bool agree = x.n == y.n && x.c == w.c * conv.groups && w.n == y.c && y.c % conv.groups == 0 &&
                     y.h == (x.h + 2 * conv.pad_h - w.h) / conv.stride_h + 1 &&
                     y.w == (x.w + 2 * conv.pad_w - w.w) / conv.stride_w + 1;
  return agree ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

template <class Algorithm>
cudnnStatus_t propose(const Box& x, const Box& w, const Conv& conv, const Box& y, Algorithm varying, Algorithm rounding,
                      const std::vector<Algorithm>& good, int most, int* count, CudnnProposalOnHost<Algorithm>* all) {
  *count = 0;
  if (const cudnnStatus_t status = check(x, w, conv, y); status != CUDNN_STATUS_SUCCESS) return status;
  const auto add = [&](Algorithm a, cudnnStatus_t status, cudnnDeterminism_t determinism) {
    if (*count < most) {
      all[(*count)++] = {a, status, 1, static_cast<int>(a) % 2 == 1 ? some_workspace : 0, determinism, conv.math};
    }
  };
  add(varying, CUDNN_STATUS_SUCCESS, CUDNN_NON_DETERMINISTIC);
  add(rounding, CUDNN_STATUS_SUCCESS, CUDNN_DETERMINISTIC);
  for (const Algorithm a : good) add(a, CUDNN_STATUS_SUCCESS, CUDNN_DETERMINISTIC);
  add(good.back(), CUDNN_STATUS_NOT_SUPPORTED, CUDNN_DETERMINISTIC);
  return CUDNN_STATUS_SUCCESS;
}

// Calls f with the places of x, w and y in each product of the convolution.
template <class F>
void for_each_product(const Box& x, const Box& w, const Conv& conv, const Box& y, const F& f) {
  for (int n = 0; n < y.n; ++n) {
    for (int o = 0; o < y.c; ++o) {
      const int first = o / (y.c / conv.groups) * w.c;
      for (int i = 0; i < y.h; ++i) {
        for (int j = 0; j < y.w; ++j) {
          for (int c = 0; c < w.c; ++c) {
            for (int u = 0; u < w.h; ++u) {
              for (int v = 0; v < w.w; ++v) {
                const int row = i * conv.stride_h + u - conv.pad_h, column = j * conv.stride_w + v - conv.pad_w;
                if (row < 0 || row >= x.h || column < 0 || column >= x.w) continue;
                f(place(x, n, first + c, row, column), place(w, o, c, u, v), place(y, n, o, i, j));
              }
            }
          }
        }
      }
    }
  }
}

struct Operand {
  const Box& box;
  const void* data;
};

// Sums p * q over the products of (x, w) -> y into each element of `out`; which three these are, `pick` says of the
// places of x, w and y.
template <class Pick>
cudnnStatus_t run(cudnnHandle_t handle, const Box& x, const Box& w, const Conv& conv, const Box& y, bool is_good,
                  bool odd, const void* alpha, const void* beta, Operand p, Operand q, const Box& out_box, void* out,
                  void* workspace, std::size_t workspace_bytes, const Pick& pick) {
  if (const cudnnStatus_t status = check(x, w, conv, y); status != CUDNN_STATUS_SUCCESS) return status;
  // It may have to load kernels.
  if (!is_good || cuda_on_host::forbidden_while_capturing()) return CUDNN_STATUS_EXECUTION_FAILED;
  const bool plain = *static_cast<const float*>(alpha) == 1 && *static_cast<const float*>(beta) == 0;
  const auto reachable = [](const void* data, const Box& b) {
    return cuda_on_host::on_device(data, static_cast<std::size_t>(count_of(b)) * (b.type == CUDNN_DATA_FLOAT ? 4 : 2));
  };
  if (!plain || workspace_bytes < (odd ? some_workspace : 0) || !cuda_on_host::on_device(workspace, workspace_bytes) ||
      !reachable(p.data, p.box) || !reachable(q.data, q.box) || !reachable(out, out_box)) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  const auto work = [x, w, conv, y, pick, workspace, workspace_bytes, out, out_box, p_data = p.data, q_data = q.data] {
    const cuda_on_host::OpenDeviceMemory open;
    if (workspace_bytes > 0) std::memset(workspace, 0xff, workspace_bytes);
    const Numbers in = numbers_of(x, conv);
    std::vector<double> sums(static_cast<std::size_t>(count_of(out_box)), 0);
    for_each_product(x, w, conv, y, [&](std::int64_t at_x, std::int64_t at_w, std::int64_t at_y) {
      const auto places = pick(at_x, at_w, at_y);
      sums[static_cast<std::size_t>(places.out)] +=
          cuda_on_host::read(p_data, in, places.p) * cuda_on_host::read(q_data, in, places.q);
    });
    for (std::size_t i = 0; i < sums.size(); ++i) {
      cuda_on_host::write(out, in, static_cast<std::int64_t>(i), sums[i]);
    }
  };
  return cuda_on_host::queue(handle->stream, work) == cudaSuccess ? CUDNN_STATUS_SUCCESS
                                                                  : CUDNN_STATUS_EXECUTION_FAILED;
}
struct Places {
  std::int64_t p, q, out;
};

template <class T>
cudnnStatus_t create(T** made) {
  *made = new T;
  return CUDNN_STATUS_SUCCESS;
}
template <class T>
cudnnStatus_t destroy(T* made) {
  delete made;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_EXECUTION_FAILED:
      return "CUDNN_STATUS_EXECUTION_FAILED";
  }
  return "unknown";
}
std::size_t cudnnGetVersion() { return 90000; }

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  static CudnnOnHost only;  // nobody destroys it
  if (cuda_on_host::forbidden_while_capturing()) return CUDNN_STATUS_EXECUTION_FAILED;
  *handle = &only;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* tensor) { return create(tensor); }
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) { return destroy(tensor); }
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  static_cast<Box&>(*tensor) = {format, type, n, c, h, w};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* filter) { return create(filter); }
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter) { return destroy(filter); }
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  static_cast<Box&>(*filter) = {format, type, k, c, h, w};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* conv) { return create(conv); }
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t conv) { return destroy(conv); }
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t conv, int pad_h, int pad_w, int stride_h,
                                              int stride_w, int dilation_h, int dilation_w, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t compute) {
  if (dilation_h != 1 || dilation_w != 1 || mode != CUDNN_CROSS_CORRELATION || compute != CUDNN_DATA_FLOAT) {
    return CUDNN_STATUS_NOT_SUPPORTED;
  }
  *conv = {pad_h, pad_w, stride_h, stride_w};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t conv, int groups) {
  conv->groups = groups;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t conv, cudnnMathType_t math) {
  conv->math = math;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t, cudnnTensorDescriptor_t x,
                                                     cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t conv,
                                                     cudnnTensorDescriptor_t y, int most, int* count,
                                                     cudnnConvolutionFwdAlgoPerf_t* all) {
  return propose<cudnnConvolutionFwdAlgo_t>(
      *x, *w, *conv, *y, CUDNN_CONVOLUTION_FWD_ALGO_GEMM, CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD,
      {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM}, most, count, all);
}
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t, cudnnFilterDescriptor_t w,
                                                          cudnnTensorDescriptor_t dy, cudnnConvolutionDescriptor_t conv,
                                                          cudnnTensorDescriptor_t dx, int most, int* count,
                                                          cudnnConvolutionBwdDataAlgoPerf_t* all) {
  return propose<cudnnConvolutionBwdDataAlgo_t>(*dx, *w, *conv, *dy, CUDNN_CONVOLUTION_BWD_DATA_ALGO_0,
                                                CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD,
                                                {CUDNN_CONVOLUTION_BWD_DATA_ALGO_1}, most, count, all);
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t, cudnnTensorDescriptor_t x,
                                                            cudnnTensorDescriptor_t dy,
                                                            cudnnConvolutionDescriptor_t conv,
                                                            cudnnFilterDescriptor_t dw, int most, int* count,
                                                            cudnnConvolutionBwdFilterAlgoPerf_t* all) {
  return propose<cudnnConvolutionBwdFilterAlgo_t>(*x, *dw, *conv, *dy, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0,
                                                  CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED,
                                                  {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1}, most, count, all);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_desc,
                                      const void* x, cudnnFilterDescriptor_t w_desc, const void* w,
                                      cudnnConvolutionDescriptor_t conv, cudnnConvolutionFwdAlgo_t algorithm,
                                      void* workspace, std::size_t workspace_bytes, const void* beta,
                                      cudnnTensorDescriptor_t y_desc, void* y) {
  const bool is_good = algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM ||
                       algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  return run(handle, *x_desc, *w_desc, *conv, *y_desc, is_good, algorithm % 2 == 1, alpha, beta, {*x_desc, x},
             {*w_desc, w}, *y_desc, y, workspace, workspace_bytes, [](auto at_x, auto at_w, auto at_y) {
               return Places{at_x, at_w, at_y};
             });
}
cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha, cudnnFilterDescriptor_t w_desc,
                                           const void* w, cudnnTensorDescriptor_t dy_desc, const void* dy,
                                           cudnnConvolutionDescriptor_t conv, cudnnConvolutionBwdDataAlgo_t algorithm,
                                           void* workspace, std::size_t workspace_bytes, const void* beta,
                                           cudnnTensorDescriptor_t dx_desc, void* dx) {
  return run(handle, *dx_desc, *w_desc, *conv, *dy_desc, algorithm == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, true, alpha,
             beta, {*w_desc, w}, {*dy_desc, dy}, *dx_desc, dx, workspace, workspace_bytes,
             [](auto at_x, auto at_w, auto at_y) {
               return Places{at_w, at_y, at_x};
             });
}
cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_desc,
                                             const void* x, cudnnTensorDescriptor_t dy_desc, const void* dy,
                                             cudnnConvolutionDescriptor_t conv,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
                                             std::size_t workspace_bytes, const void* beta,
                                             cudnnFilterDescriptor_t dw_desc, void* dw) {
  return run(handle, *x_desc, *dw_desc, *conv, *dy_desc, algorithm == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, true, alpha,
             beta, {*x_desc, x}, {*dy_desc, dy}, *dw_desc, dw, workspace, workspace_bytes,
             [](auto at_x, auto at_w, auto at_y) {
               return Places{at_x, at_y, at_w};
             });
}
