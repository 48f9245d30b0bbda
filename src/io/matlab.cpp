#include "io/matlab.hpp"

#include <algorithm>
#include <cstring>

#include "io/atomic_file.hpp"
#include "io/input_file.hpp"
#include "io/matlab_structure.hpp"
#include "io/safetensors_header.hpp"

#ifdef G2FACE_WITH_MATIO
#include <matio.h>
#endif

namespace g2face::io {

#ifdef G2FACE_WITH_MATIO

namespace {

struct FreeVariable {
  void operator()(matvar_t* v) const { Mat_VarFree(v); }
};
using MatioVariable = std::unique_ptr<matvar_t, FreeVariable>;

/// Column-major T to row-major doubles.
template <class T>
void transpose_into(Tensor& to, const void* data) {
  const auto rows = static_cast<std::size_t>(to.shape()[0]), columns = static_cast<std::size_t>(to.shape()[1]);
  const auto* from = static_cast<const T*>(data);
  const std::span<double> out = to.mutable_as<double>();
  for (std::size_t c = 0; c < columns; ++c) {
    for (std::size_t r = 0; r < rows; ++r) out[r * columns + c] = static_cast<double>(from[c * rows + r]);
  }
}

bool convert_matrix(Tensor& to, matio_types type, const void* data) {
  switch (type) {
    case MAT_T_DOUBLE:
      transpose_into<double>(to, data);
      return true;
    case MAT_T_SINGLE:
      transpose_into<float>(to, data);
      return true;
    case MAT_T_INT8:
      transpose_into<std::int8_t>(to, data);
      return true;
    case MAT_T_UINT8:
      transpose_into<std::uint8_t>(to, data);
      return true;
    case MAT_T_INT16:
      transpose_into<std::int16_t>(to, data);
      return true;
    case MAT_T_UINT16:
      transpose_into<std::uint16_t>(to, data);
      return true;
    case MAT_T_INT32:
      transpose_into<std::int32_t>(to, data);
      return true;
    case MAT_T_UINT32:
      transpose_into<std::uint32_t>(to, data);
      return true;
    case MAT_T_INT64:
      transpose_into<std::int64_t>(to, data);
      return true;
    case MAT_T_UINT64:
      transpose_into<std::uint64_t>(to, data);
      return true;
    default:
      return false;
  }
}

bool is_real_matrix(const matvar_t& v) {
  return v.class_type >= MAT_C_DOUBLE && v.class_type <= MAT_C_UINT64 && v.isComplex == 0 && v.rank == 2 &&
         v.dims != nullptr;
}

/// Deflate makes at most 1032 bytes of one, and an element takes one at least.
std::size_t most_elements(std::size_t file_bytes) {
  return std::min(static_cast<std::size_t>(MatlabFile::limit), 1032 * file_bytes);
}

MatioVariable information(void* file, const std::string& name) {
  return MatioVariable(Mat_VarReadInfo(static_cast<mat_t*>(file), name.c_str()));
}

}  // namespace

bool has_matlab() { return true; }

MatlabFile::MatlabFile(std::string path) : path_(std::move(path)) {
  try {
    const MappedFile mapped = map_file(path_);
    check_matlab_structure(path_, mapped.bytes);
    variables_ = count_matlab_variables(mapped.bytes);
    most_ = most_elements(mapped.bytes.size());
  } catch (const FileError& e) {
    throw CheckpointError(e.what());
  }
  file_ = std::shared_ptr<void>(Mat_Open(path_.c_str(), MAT_ACC_RDONLY), [](void* f) {
    if (f != nullptr) Mat_Close(static_cast<mat_t*>(f));
  });
  check<CheckpointError>(file_ != nullptr, path_, ": matio cannot open it");
}

bool MatlabFile::has(const std::string& name) const { return information(file_.get(), name) != nullptr; }

std::vector<MatlabFile::Variable> MatlabFile::matrices() const {
  auto* file = static_cast<mat_t*>(file_.get());
  std::vector<Variable> found;
  Mat_Rewind(file);
  for (std::size_t i = 0; i < variables_; ++i) {
    const MatioVariable v(Mat_VarReadNextInfo(file));
    check<CheckpointError>(v != nullptr, path_, ": variable ", i + 1, " of ", variables_, " is damaged");
    const bool has_values = is_real_matrix(*v) && v->dims[0] > 0 && v->dims[1] > 0;
    if (!has_values || v->name == nullptr) continue;
    check<CheckpointError>(v->dims[0] <= most_ && v->dims[1] <= most_ / v->dims[0], path_, ": ", in_quotes(v->name),
                           " is a matrix of ", v->dims[0], " x ", v->dims[1], ", expected at most ", most_,
                           " elements");
    found.push_back({v->name, static_cast<std::int64_t>(v->dims[0]), static_cast<std::int64_t>(v->dims[1])});
  }
  return found;
}

Tensor MatlabFile::matrix(const std::string& name) const {
  const MatioVariable v = information(file_.get(), name);
  check<CheckpointError>(v != nullptr, path_, ": has no variable ", in_quotes(name), ", or a damaged one");
  check<CheckpointError>(is_real_matrix(*v), path_, ": ", in_quotes(name), " is not a matrix of real numbers");
  const std::size_t rows = v->dims[0], columns = v->dims[1];
  check<CheckpointError>(rows > 0 && columns > 0 && rows <= most_ && columns <= most_ / rows, path_, ": ",
                         in_quotes(name), " is a matrix of ", rows, " x ", columns, ", expected 1 to ", most_,
                         " elements");
  const int failed = Mat_VarReadDataAll(static_cast<mat_t*>(file_.get()), v.get());
  const bool whole = failed == 0 && v->data != nullptr && v->data_size > 0 &&
                     v->nbytes == rows * columns * static_cast<std::size_t>(v->data_size) &&
                     static_cast<std::size_t>(v->data_size) == Mat_SizeOf(v->data_type);
  check<CheckpointError>(whole, path_, ": ", in_quotes(name), " is damaged");
  Tensor result(Type{DType::f64, {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}});
  check<CheckpointError>(convert_matrix(result, v->data_type, v->data), path_, ": ", in_quotes(name),
                         " is not a matrix of real numbers");
  return result;
}

#else

bool has_matlab() { return false; }

MatlabFile::MatlabFile(std::string path) : path_(std::move(path)) {
  throw CheckpointError(str(path_, ": this build reads no MATLAB files; build it with matio (libmatio-dev)"));
}
bool MatlabFile::has(const std::string&) const { return false; }
std::vector<MatlabFile::Variable> MatlabFile::matrices() const { return {}; }
Tensor MatlabFile::matrix(const std::string&) const { return {}; }

#endif

}  // namespace g2face::io
