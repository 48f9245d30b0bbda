#include "kernels/cuda/cudnn.hpp"

#ifdef G2FACE_WITH_CUDNN

#include <cudnn.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <mutex>

#include "g2face/error.hpp"
#include "kernels/cuda/library_step.hpp"
#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/shared_library.hpp"
#include "kernels/cuda/step.hpp"

namespace g2face::cuda {
namespace {

// The functions that are called, and nothing else of the library.
#define G2FACE_CUDNN_FUNCTIONS(F)                  \
  F(cudnnCreate)                                   \
  F(cudnnGetVersion)                               \
  F(cudnnGetErrorString)                           \
  F(cudnnSetStream)                                \
  F(cudnnCreateTensorDescriptor)                   \
  F(cudnnDestroyTensorDescriptor)                  \
  F(cudnnSetTensor4dDescriptor)                    \
  F(cudnnCreateFilterDescriptor)                   \
  F(cudnnDestroyFilterDescriptor)                  \
  F(cudnnSetFilter4dDescriptor)                    \
  F(cudnnCreateConvolutionDescriptor)              \
  F(cudnnDestroyConvolutionDescriptor)             \
  F(cudnnSetConvolution2dDescriptor)               \
  F(cudnnSetConvolutionGroupCount)                 \
  F(cudnnSetConvolutionMathType)                   \
  F(cudnnGetConvolutionForwardAlgorithm_v7)        \
  F(cudnnGetConvolutionBackwardDataAlgorithm_v7)   \
  F(cudnnGetConvolutionBackwardFilterAlgorithm_v7) \
  F(cudnnConvolutionForward)                       \
  F(cudnnConvolutionBackwardData)                  \
  F(cudnnConvolutionBackwardFilter)

struct Library {
  G2FACE_CUDNN_FUNCTIONS(G2FACE_DECLARE_FUNCTION)
  bool complete = true;
};

const Library& library() {
  static const Library loaded = [] {
    Library found;
    [[maybe_unused]] const SharedLibrary file{"libcudnn.so.9", G2FACE_CUDNN_LIBRARY};
    G2FACE_CUDNN_FUNCTIONS(G2FACE_FIND_FUNCTION)
    return found;
  }();
  return loaded;
}

void check_status(cudnnStatus_t status, const char* call, const std::string& kernel, int device) {
  check<DeviceError>(status == CUDNN_STATUS_SUCCESS, call, " (", kernel, ", cuda:", device,
                     "): ", library().cudnnGetErrorString(status));
}

/// One for each device, until the program ends. It queues into the stream that was set last, so threads take turns.
struct Handle {
  std::mutex mutex;
  cudnnHandle_t handle = nullptr;
};
Handle& handle_of(int device, const std::string& kernel) {
  static std::mutex mutex;
  static std::map<int, Handle> all;
  const std::lock_guard lock(mutex);
  Handle& h = all[device];
  if (h.handle == nullptr) check_status(library().cudnnCreate(&h.handle), "cudnnCreate", kernel, device);
  return h;
}

/// A convolution as the library describes it.
class Problem {
 public:
  Problem(std::string kernel, int device, const Conv2dAttrs& a, const Shape& xs, const Shape& ws, const Shape& ys,
          Layout layout, cudnnMathType_t math)
      : Problem(std::move(kernel), device) {  // from here on the destructor cleans up
    check(lib_.cudnnCreateTensorDescriptor(&x), "cudnnCreateTensorDescriptor");
    check(lib_.cudnnCreateTensorDescriptor(&y), "cudnnCreateTensorDescriptor");
    check(lib_.cudnnCreateFilterDescriptor(&w), "cudnnCreateFilterDescriptor");
    check(lib_.cudnnCreateConvolutionDescriptor(&conv), "cudnnCreateConvolutionDescriptor");
    const cudnnTensorFormat_t format = layout == Layout::nchw ? CUDNN_TENSOR_NCHW : CUDNN_TENSOR_NHWC;
    const cudnnDataType_t type = layout == Layout::nhwc_bf16  ? CUDNN_DATA_BFLOAT16
                                 : layout == Layout::nhwc_f16 ? CUDNN_DATA_HALF
                                                              : CUDNN_DATA_FLOAT;
    const auto n = [](std::int64_t v) { return static_cast<int>(v); };
    check(lib_.cudnnSetTensor4dDescriptor(x, format, type, n(xs[0]), n(xs[1]), n(xs[2]), n(xs[3])),
          "cudnnSetTensor4dDescriptor");
    check(lib_.cudnnSetTensor4dDescriptor(y, format, type, n(ys[0]), n(ys[1]), n(ys[2]), n(ys[3])),
          "cudnnSetTensor4dDescriptor");
    check(lib_.cudnnSetFilter4dDescriptor(w, type, format, n(ws[0]), n(ws[1]), n(ws[2]), n(ws[3])),
          "cudnnSetFilter4dDescriptor");
    check(lib_.cudnnSetConvolution2dDescriptor(conv, n(a.pad[0]), n(a.pad[1]), n(a.stride[0]), n(a.stride[1]), 1, 1,
                                               CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
          "cudnnSetConvolution2dDescriptor");
    check(lib_.cudnnSetConvolutionGroupCount(conv, n(a.groups)), "cudnnSetConvolutionGroupCount");
    check(lib_.cudnnSetConvolutionMathType(conv, math), "cudnnSetConvolutionMathType");
  }
  ~Problem() {
    if (x != nullptr) lib_.cudnnDestroyTensorDescriptor(x);
    if (y != nullptr) lib_.cudnnDestroyTensorDescriptor(y);
    if (w != nullptr) lib_.cudnnDestroyFilterDescriptor(w);
    if (conv != nullptr) lib_.cudnnDestroyConvolutionDescriptor(conv);
  }
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;

  void check(cudnnStatus_t status, const char* call) const { check_status(status, call, kernel_, device_); }

  /// Calls f with the library's handle, set to the stream.
  template <class F>
  void with_handle(const F& f, cudaStream_t stream) const {
    const std::lock_guard lock(handle_.mutex);
    const RelaxedCapture relaxed;
    check(lib_.cudnnSetStream(handle_.handle, stream), "cudnnSetStream");
    f(handle_.handle);
  }

  cudnnTensorDescriptor_t x = nullptr, y = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t conv = nullptr;

 private:
  Problem(std::string kernel, int device)
      : kernel_(std::move(kernel)), device_(device), handle_(handle_of(device, kernel_)) {}

  const Library& lib_ = library();
  std::string kernel_;
  int device_;
  Handle& handle_;
};

const float one = 1, zero = 0;

// The three directions: what they are called in the library, and which of its algorithms multiply and add.
struct Forward {
  using Proposal = cudnnConvolutionFwdAlgoPerf_t;
  static constexpr const char* op = "conv2d";
  static bool is_plain(cudnnConvolutionFwdAlgo_t a) {
    return a == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM || a == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM ||
           a == CUDNN_CONVOLUTION_FWD_ALGO_GEMM;
  }
  static void propose(const Problem& p, cudnnHandle_t h, int most, int* count, Proposal* all) {
    p.check(library().cudnnGetConvolutionForwardAlgorithm_v7(h, p.x, p.w, p.conv, p.y, most, count, all),
            "cudnnGetConvolutionForwardAlgorithm_v7");
  }
  static void run(const Problem& p, cudnnHandle_t h, const Proposal& way, const Buffers& b) {
    p.check(library().cudnnConvolutionForward(h, &one, p.x, b.in[0], p.w, b.in[1], p.conv, way.algo, b.workspace,
                                              way.memory, &zero, p.y, b.out[0]),
            "cudnnConvolutionForward");
  }
};
struct InputGrad {
  using Proposal = cudnnConvolutionBwdDataAlgoPerf_t;
  static constexpr const char* op = "conv2d_input_grad";
  static bool is_plain(cudnnConvolutionBwdDataAlgo_t a) { return a == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1; }
  static void propose(const Problem& p, cudnnHandle_t h, int most, int* count, Proposal* all) {
    p.check(library().cudnnGetConvolutionBackwardDataAlgorithm_v7(h, p.w, p.y, p.conv, p.x, most, count, all),
            "cudnnGetConvolutionBackwardDataAlgorithm_v7");
  }
  static void run(const Problem& p, cudnnHandle_t h, const Proposal& way, const Buffers& b) {
    p.check(library().cudnnConvolutionBackwardData(h, &one, p.w, b.in[1], p.y, b.in[0], p.conv, way.algo, b.workspace,
                                                   way.memory, &zero, p.x, b.out[0]),
            "cudnnConvolutionBackwardData");
  }
};
struct WeightGrad {
  using Proposal = cudnnConvolutionBwdFilterAlgoPerf_t;
  static constexpr const char* op = "conv2d_weight_grad";
  static bool is_plain(cudnnConvolutionBwdFilterAlgo_t a) { return a == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1; }
  static void propose(const Problem& p, cudnnHandle_t h, int most, int* count, Proposal* all) {
    p.check(library().cudnnGetConvolutionBackwardFilterAlgorithm_v7(h, p.x, p.y, p.conv, p.w, most, count, all),
            "cudnnGetConvolutionBackwardFilterAlgorithm_v7");
  }
  static void run(const Problem& p, cudnnHandle_t h, const Proposal& way, const Buffers& b) {
    p.check(library().cudnnConvolutionBackwardFilter(h, &one, p.x, b.in[0], p.y, b.in[1], p.conv, way.algo, b.workspace,
                                                     way.memory, &zero, p.w, b.out[0]),
            "cudnnConvolutionBackwardFilter");
  }
};

/// The layout that all images of the signature can be read in; nothing if there is none.
std::optional<Layout> layout_of_images(std::span<const TensorDesc> images) {
  const auto all = [&](const auto& fits) { return std::all_of(images.begin(), images.end(), fits); };
  for (const Layout layout : {Layout::nchw, Layout::nhwc, Layout::nhwc_bf16, Layout::nhwc_f16}) {
    const auto fits = [layout](const TensorDesc& d) {
      const Shape& s = d.type.shape;
      const bool one_order = layout == Layout::nhwc && (s[1] == 1 || s[2] * s[3] == 1);
      return d.layout == layout || (d.layout == Layout::nchw && one_order);
    };
    if (all(fits)) return layout;
  }
  return std::nullopt;
}

bool fits(const Shape& s) { return s.numel() > 0 && s.numel() <= std::numeric_limits<int>::max(); }

template <class Direction>
std::vector<Step> steps_of(const Conv2dAttrs& a, const Signature& s, const TensorDesc& x, const TensorDesc& w,
                           const TensorDesc& y) {
  const TensorDesc images[] = {x, y};
  const auto layout = layout_of_images(images);
  const bool f32 = std::all_of(s.in.begin(), s.in.end(), [](auto& d) { return d.type.dtype == DType::f32; });
  if (!library().complete || !f32 || !layout || w.layout != Layout::nchw) return {};
  const Shape &xs = x.type.shape, &ws = w.type.shape, &ys = y.type.shape;
  if (!fits(xs) || !fits(ws) || !fits(ys)) return {};

  int device = 0;
  check_call(cudaGetDevice(&device), "cudaGetDevice");
  const bool exact = !is_narrow(*layout) && (s.precision == Precision::strict || s.precision == Precision::fast);
  constexpr int most = 8;
  constexpr std::size_t most_workspace = std::size_t{256} << 20, most_steps = 3;
  typename Direction::Proposal proposals[most] = {};
  int count = 0;
  const Problem question(str(Direction::op, " cudnn"), device, a, xs, ws, ys, *layout,
                         exact ? CUDNN_FMA_MATH : CUDNN_TENSOR_OP_MATH);
  question.with_handle([&](auto handle) { Direction::propose(question, handle, most, &count, proposals); }, nullptr);

  std::vector<Step> steps;
  for (const auto& way : std::span(proposals, static_cast<std::size_t>(count))) {
    const bool usable = way.status == CUDNN_STATUS_SUCCESS && way.determinism == CUDNN_DETERMINISTIC &&
                        Direction::is_plain(way.algo) && way.memory <= most_workspace;
    const bool in_precision = !exact || way.mathType == CUDNN_FMA_MATH || way.mathType == CUDNN_DEFAULT_MATH;
    if (!usable || !in_precision || steps.size() == most_steps) continue;
    Step step;
    step.kernel = str(Direction::op, " cudnn:", static_cast<int>(way.algo),
                      way.mathType == CUDNN_TENSOR_OP_MATH ? " tensor cores" : "");
    const auto problem = std::make_shared<const Problem>(step.kernel, device, a, xs, ws, ys, *layout,
                                                         exact ? CUDNN_FMA_MATH : way.mathType);
    step.workspace = way.memory;
    step.run = [problem, way](const Buffers& b, Stream& stream) {
      problem->with_handle([&](auto handle) { Direction::run(*problem, handle, way, b); }, stream_of(stream));
    };
    steps.push_back(std::is_same_v<Direction, WeightGrad> ? with_output_in(*layout, std::move(step), s)
                                                          : with_input_in(*layout, 1, std::move(step), s));
  }
  return steps;
}

}  // namespace

std::vector<Step> cudnn_steps(ConvDirection direction, const Conv2dAttrs& a, const Signature& s) {
  switch (direction) {
    case ConvDirection::forward:
      return steps_of<Forward>(a, s, s.in[0], s.in[1], s.out[0]);
    case ConvDirection::input_grad:
      return steps_of<InputGrad>(a, s, s.out[0], s.in[1], s.in[0]);
    case ConvDirection::weight_grad:
      return steps_of<WeightGrad>(a, s, s.in[0], s.out[0], s.in[1]);
  }
  return {};
}

std::optional<std::string> cudnn_version() {
  if (!library().complete) return "none";
  const std::size_t v = library().cudnnGetVersion();
  return str(v / 10000, ".", v / 100 % 100, ".", v % 100);
}

}  // namespace g2face::cuda

#else

namespace g2face::cuda {
std::vector<Step> cudnn_steps(ConvDirection, const Conv2dAttrs&, const Signature&) { return {}; }
std::optional<std::string> cudnn_version() { return std::nullopt; }
}  // namespace g2face::cuda

#endif
