#include "kernels/cuda/cublas.hpp"

#ifdef G2FACE_WITH_CUBLASLT

#include <cublasLt.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>

#include "g2face/error.hpp"
#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/shared_library.hpp"
#include "kernels/cuda/step.hpp"

namespace g2face::cuda {
namespace {

// The functions that are called, and nothing else of the library.
#define G2FACE_CUBLASLT_FUNCTIONS(F)  \
  F(cublasLtCreate)                   \
  F(cublasLtGetVersion)               \
  F(cublasLtGetStatusString)          \
  F(cublasLtMatmul)                   \
  F(cublasLtMatmulAlgoGetHeuristic)   \
  F(cublasLtMatmulDescCreate)         \
  F(cublasLtMatmulDescDestroy)        \
  F(cublasLtMatmulDescSetAttribute)   \
  F(cublasLtMatrixLayoutCreate)       \
  F(cublasLtMatrixLayoutDestroy)      \
  F(cublasLtMatrixLayoutSetAttribute) \
  F(cublasLtMatmulPreferenceCreate)   \
  F(cublasLtMatmulPreferenceDestroy)  \
  F(cublasLtMatmulPreferenceSetAttribute)

#define G2FACE_TEXT_OF(x) #x
#define G2FACE_TEXT(x) G2FACE_TEXT_OF(x)

struct Library {
  G2FACE_CUBLASLT_FUNCTIONS(G2FACE_DECLARE_FUNCTION)
  bool complete = true;
};

const Library& library() {
  static const Library loaded = [] {
    Library found;
    [[maybe_unused]] const SharedLibrary file{"libcublasLt.so." G2FACE_TEXT(CUBLAS_VER_MAJOR), G2FACE_CUBLASLT_LIBRARY};
    G2FACE_CUBLASLT_FUNCTIONS(G2FACE_FIND_FUNCTION)
    return found;
  }();
  return loaded;
}

void check_status(cublasStatus_t status, const char* call, const std::string& kernel, int device) {
  check<DeviceError>(status == CUBLAS_STATUS_SUCCESS, call, " (", kernel, ", cuda:", device,
                     "): ", library().cublasLtGetStatusString(status));
}

/// One for each device, for all threads (the library allows that) and until the program ends.
cublasLtHandle_t handle_of(int device, const std::string& kernel) {
  static std::mutex mutex;
  static std::map<int, cublasLtHandle_t> all;
  const std::lock_guard lock(mutex);
  if (const auto it = all.find(device); it != all.end()) return it->second;
  cublasLtHandle_t handle = nullptr;
  check_status(library().cublasLtCreate(&handle), "cublasLtCreate", kernel, device);
  return all[device] = handle;
}

/// What a step holds on to: the library's description of a product, column by column. In its eyes our c is c^T = b^T
/// a^T, so b comes first.
class Call {
 public:
  Call(const MatrixProduct& p, Precision precision, std::string kernel, int device)
      : Call(std::move(kernel), device) {  // from here on the destructor cleans up
    const bool exact = precision == Precision::strict || precision == Precision::fast;
    const cublasComputeType_t compute = p.in != DType::f32               ? CUBLAS_COMPUTE_32F
                                        : !exact                         ? CUBLAS_COMPUTE_32F_FAST_TF32
                                        : precision == Precision::strict ? CUBLAS_COMPUTE_32F_PEDANTIC
                                                                         : CUBLAS_COMPUTE_32F;
    check(lib_.cublasLtMatmulDescCreate(&desc_, compute, CUDA_R_32F), "cublasLtMatmulDescCreate");
    set_transposed(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b);
    set_transposed(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a);
    b_ = matrix(p, p.in, p.transpose_b ? p.k : p.n, p.transpose_b ? p.n : p.k);
    a_ = matrix(p, p.in, p.transpose_a ? p.m : p.k, p.transpose_a ? p.k : p.m);
    c_ = matrix(p, p.out, p.n, p.m);
  }
  ~Call() {
    for (const cublasLtMatrixLayout_t m : {a_, b_, c_}) {
      if (m != nullptr) lib_.cublasLtMatrixLayoutDestroy(m);
    }
    if (desc_ != nullptr) lib_.cublasLtMatmulDescDestroy(desc_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  void check(cublasStatus_t status, const char* call) const { check_status(status, call, kernel_, device_); }

  /// The library's proposals whose sums have one order.
  std::vector<cublasLtMatmulHeuristicResult_t> proposals() const {
    constexpr int most = 4;
    constexpr std::uint64_t most_workspace = std::uint64_t{32} << 20;
    constexpr std::uint32_t alignment = 64;  // of values in the arena
    constexpr std::uint32_t reduction = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    cublasLtMatmulPreference_t preference = nullptr;
    check(lib_.cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
    const std::shared_ptr<void> owner(
        preference, [](auto* p) { library().cublasLtMatmulPreferenceDestroy(static_cast<decltype(preference)>(p)); });
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
      check(lib_.cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)),
            "cublasLtMatmulPreferenceSetAttribute");
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace);
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reduction);
    for (const auto attribute :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      prefer(attribute, alignment);
    }
    std::vector<cublasLtMatmulHeuristicResult_t> results(most);
    int count = 0;
    const cublasStatus_t status =
        lib_.cublasLtMatmulAlgoGetHeuristic(handle_, desc_, b_, a_, c_, c_, preference, most, results.data(), &count);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
    check(status, "cublasLtMatmulAlgoGetHeuristic");
    results.resize(static_cast<std::size_t>(count));
    std::erase_if(results, [](const auto& r) { return r.state != CUBLAS_STATUS_SUCCESS; });
    return results;
  }

  /// What a step needs for the library's workspace, whose address a plan makes a multiple of 64 and the library wants
  /// to be one of 256.
  static constexpr std::size_t workspace_alignment = 256;
  static std::size_t room_for(std::size_t workspace) {
    return workspace == 0 ? 0 : workspace + workspace_alignment - 64;
  }

  void run(const Buffers& m, const cublasLtMatmulHeuristicResult_t& way, const Stream& stream) const {
    const float one = 1, zero = 0;
    auto* const workspace = static_cast<std::byte*>(m.workspace);
    const std::size_t skipped = -reinterpret_cast<std::uintptr_t>(workspace) % workspace_alignment;
    const RelaxedCapture relaxed;
    check(lib_.cublasLtMatmul(handle_, desc_, &one, m.in[1], b_, m.in[0], a_, &zero, m.out[0], c_, m.out[0], c_,
                              &way.algo, way.workspaceSize == 0 ? nullptr : workspace + skipped, way.workspaceSize,
                              stream_of(stream)),
          "cublasLtMatmul");
  }

 private:
  Call(std::string kernel, int device)
      : kernel_(std::move(kernel)), device_(device), handle_(handle_of(device, kernel_)) {}
  void set_transposed(cublasLtMatmulDescAttributes_t attribute, bool transposed) const {
    const cublasOperation_t operation = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(lib_.cublasLtMatmulDescSetAttribute(desc_, attribute, &operation, sizeof(operation)),
          "cublasLtMatmulDescSetAttribute");
  }
  cublasLtMatrixLayout_t matrix(const MatrixProduct& p, DType dtype, std::int64_t rows, std::int64_t columns) const {
    const cudaDataType_t type = dtype == DType::bf16 ? CUDA_R_16BF : dtype == DType::f16 ? CUDA_R_16F : CUDA_R_32F;
    cublasLtMatrixLayout_t layout = nullptr;
    check(lib_.cublasLtMatrixLayoutCreate(&layout, type, static_cast<std::uint64_t>(rows),
                                          static_cast<std::uint64_t>(columns), rows),
          "cublasLtMatrixLayoutCreate");
    if (p.batches == 1) return layout;
    const auto count = static_cast<std::int32_t>(p.batches);
    const std::int64_t distance = rows * columns;
    check(lib_.cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count)),
          "cublasLtMatrixLayoutSetAttribute");
    check(lib_.cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &distance,
                                                sizeof(distance)),
          "cublasLtMatrixLayoutSetAttribute");
    return layout;
  }

  const Library& lib_ = library();
  std::string kernel_;
  int device_;
  cublasLtHandle_t handle_;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, c_ = nullptr;
};

}  // namespace

std::vector<Step> cublaslt_steps(const std::string& op, const MatrixProduct& p, Precision precision) {
  if (!library().complete || std::min({p.batches, p.m, p.n, p.k}) < 1) return {};
  if (std::max({p.batches, p.m, p.n, p.k}) > std::numeric_limits<std::int32_t>::max()) return {};
  int device = 0;
  check_call(cudaGetDevice(&device), "cudaGetDevice");
  const auto call = std::make_shared<const Call>(p, precision, op + " cublaslt", device);
  std::vector<Step> steps;
  for (const cublasLtMatmulHeuristicResult_t& way : call->proposals()) {
    Step step;
    step.kernel = str(op, " cublaslt:", steps.size());
    step.workspace = Call::room_for(way.workspaceSize);
    step.run = [call, way](const Buffers& b, Stream& stream) { call->run(b, way, stream); };
    steps.push_back(std::move(step));
  }
  return steps;
}

std::optional<std::string> cublaslt_version() {
  if (!library().complete) return "none";
  const std::size_t v = library().cublasLtGetVersion();
  return str(v / 10000, ".", v / 100 % 100, ".", v % 100);
}

}  // namespace g2face::cuda

#else

namespace g2face::cuda {
std::vector<Step> cublaslt_steps(const std::string&, const MatrixProduct&, Precision) { return {}; }
std::optional<std::string> cublaslt_version() { return std::nullopt; }
}  // namespace g2face::cuda

#endif
