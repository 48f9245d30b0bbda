#include <cublasLt.h>

#include <algorithm>
#include <cstring>

#include "elements.hpp"
#include "streams.hpp"

struct CublasLtOnHost {};
struct CublasLtDescOnHost {
  cublasComputeType_t compute{};
  cublasOperation_t a = CUBLAS_OP_N, b = CUBLAS_OP_N;
};
struct CublasLtLayoutOnHost {
  cudaDataType_t type{};
  std::int64_t rows = 0, columns = 0, leading = 0, distance = 0;
  std::int32_t batches = 1;
};
struct CublasLtPreferenceOnHost {
  std::uint64_t workspace = 0;
  std::uint32_t reduction = 7, alignment = 256;
};

namespace {

using cuda_on_host::Numbers;
using Desc = CublasLtDescOnHost;
using Layout = CublasLtLayoutOnHost;

Numbers numbers_of(const Layout& l, const Desc& desc) {
  if (l.type == CUDA_R_16BF) return Numbers::bf16;
  if (l.type == CUDA_R_16F) return Numbers::f16;
  return desc.compute == CUBLAS_COMPUTE_32F_FAST_TF32 ? Numbers::tf32 : Numbers::f32;
}

std::size_t bytes_of(const Layout& l) {
  const std::int64_t elements = (l.batches - 1) * l.distance + (l.columns - 1) * l.leading + l.rows;
  return static_cast<std::size_t>(elements) * (l.type == CUDA_R_32F ? 4 : 2);
}

// Element (row, column) of what becomes of the matrix.
std::int64_t place(const Layout& l, bool transposed, std::int64_t batch, std::int64_t row, std::int64_t column) {
  return batch * l.distance + (transposed ? row * l.leading + column : column * l.leading + row);
}

bool agree(const Desc& desc, const Layout& a, const Layout& b, const Layout& d) {
  for (const Layout* l : {&a, &b, &d}) {
    if (l->leading < l->rows || l->batches != d.batches || l->rows < 1 || l->columns < 1) return false;
  }
  if (a.type != b.type || (d.type != a.type && d.type != CUDA_R_32F)) return false;
  if (a.type != CUDA_R_32F && desc.compute != CUBLAS_COMPUTE_32F) return false;
  const bool at = desc.a == CUBLAS_OP_T, bt = desc.b == CUBLAS_OP_T;
  return (at ? a.columns : a.rows) == d.rows && (bt ? b.rows : b.columns) == d.columns &&
         (at ? a.rows : a.columns) == (bt ? b.columns : b.rows);
}

// Algorithm 0 sums in one go; 1 in two halves, of which the first waits in the workspace.
constexpr std::uint64_t algorithms = 2;
std::size_t workspace_of(std::uint64_t algorithm, const Layout& d) {
  return algorithm == 0 ? 0 : static_cast<std::size_t>(d.batches * d.rows * d.columns) * sizeof(double);
}

template <class T>
cublasStatus_t create(T** made) {
  *made = nullptr;
  if (cuda_on_host::forbidden_while_capturing()) return CUBLAS_STATUS_EXECUTION_FAILED;
  *made = new T;
  return CUBLAS_STATUS_SUCCESS;
}
template <class T>
cublasStatus_t destroy(T* made) {
  delete made;
  return CUBLAS_STATUS_SUCCESS;
}
template <class T>
cublasStatus_t set(T& to, const void* value, std::size_t bytes) {
  if (bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "unknown";
}
std::size_t cublasLtGetVersion() { return 130000; }

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  static CublasLtOnHost only;  // nobody destroys it
  if (cuda_on_host::forbidden_while_capturing()) return CUBLAS_STATUS_EXECUTION_FAILED;
  *handle = &only;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute, cudaDataType_t scale) {
  if (scale != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
  const cublasStatus_t status = create(desc);
  if (status == CUBLAS_STATUS_SUCCESS) (*desc)->compute = compute;
  return status;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) { return destroy(desc); }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t bytes) {
  return set(attribute == CUBLASLT_MATMUL_DESC_TRANSA ? desc->a : desc->b, value, bytes);
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, std::uint64_t rows,
                                          std::uint64_t columns, std::int64_t leading) {
  const cublasStatus_t status = create(layout);
  if (status == CUBLAS_STATUS_SUCCESS) {
    **layout = {type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), leading};
  }
  return status;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return destroy(layout); }
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                std::size_t bytes) {
  return attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT ? set(layout->batches, value, bytes)
                                                         : set(layout->distance, value, bytes);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) { return create(preference); }
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) { return destroy(preference); }
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    std::size_t bytes) {
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) return set(preference->workspace, value, bytes);
  return set(attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK ? preference->reduction : preference->alignment,
             value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                              cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int most,
                                              cublasLtMatmulHeuristicResult_t* results, int* count) {
  *count = 0;
  if (c != d || !agree(*desc, *a, *b, *d)) return CUBLAS_STATUS_INVALID_VALUE;
  if ((preference->reduction & CUBLASLT_REDUCTION_SCHEME_INPLACE) != 0) return CUBLAS_STATUS_INVALID_VALUE;  // no order
  for (std::uint64_t i = 0; i < algorithms && *count < most; ++i) {
    const std::size_t workspace = workspace_of(i, *d);
    if (workspace <= preference->workspace) results[(*count)++] = {{{i}}, workspace, CUBLAS_STATUS_SUCCESS};
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
  const bool plain = *static_cast<const float*>(alpha) == 1 && *static_cast<const float*>(beta) == 0;
  const std::uint64_t way = algorithm->data[0];
  if (cuda_on_host::forbidden_while_capturing()) return CUBLAS_STATUS_EXECUTION_FAILED;  // it may have to load kernels
  if (c != d || c_layout != d_layout || !plain || !agree(*desc, *a_layout, *b_layout, *d_layout) || way >= algorithms ||
      workspace_bytes < workspace_of(way, *d_layout)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  // As the library: its documentation asks for 256.
  if (workspace_bytes > 0 && reinterpret_cast<std::uintptr_t>(workspace) % 256 != 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (!cuda_on_host::on_device(a, bytes_of(*a_layout)) || !cuda_on_host::on_device(b, bytes_of(*b_layout)) ||
      !cuda_on_host::on_device(d, bytes_of(*d_layout)) || !cuda_on_host::on_device(workspace, workspace_bytes)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const auto error =
      cuda_on_host::queue(stream, [=, desc = *desc, a_layout = *a_layout, b_layout = *b_layout, d_layout = *d_layout] {
        const cuda_on_host::OpenDeviceMemory open;
        const bool at = desc.a == CUBLAS_OP_T, bt = desc.b == CUBLAS_OP_T;
        const std::int64_t depth = at ? a_layout.rows : a_layout.columns;
        const Numbers in = numbers_of(a_layout, desc), out = numbers_of(d_layout, {});
        auto* waiting = static_cast<double*>(workspace);
        const auto sum = [&](std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t from, std::int64_t to) {
          double total = 0;
          for (std::int64_t k = from; k < to; ++k) {
            total += cuda_on_host::read(a, in, place(a_layout, at, n, i, k)) *
                     cuda_on_host::read(b, in, place(b_layout, bt, n, k, j));
          }
          return total;
        };
        const auto for_each_result = [&](const auto& f) {
          std::int64_t k = 0;
          for (std::int64_t n = 0; n < d_layout.batches; ++n) {
            for (std::int64_t j = 0; j < d_layout.columns; ++j) {
              for (std::int64_t i = 0; i < d_layout.rows; ++i) f(n, i, j, k++);
            }
          }
        };
        const std::int64_t half = way == 0 ? 0 : depth / 2;
        if (way == 1) for_each_result([&](auto n, auto i, auto j, auto k) { waiting[k] = sum(n, i, j, 0, half); });
        for_each_result([&](auto n, auto i, auto j, auto k) {
          const double before = way == 1 ? waiting[k] : 0;
          cuda_on_host::write(d, out, place(d_layout, false, n, i, j), before + sum(n, i, j, half, depth));
        });
      });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
