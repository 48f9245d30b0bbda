#pragma once
// Numeric matrices of MATLAB v5 files (.mat), compressed or not, through matio.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "g2face/tensor.hpp"

namespace g2face::io {

/// Whether this build can read them.
bool has_matlab();

class MatlabFile {
 public:
  /// Throws CheckpointError, "FILE: what", unless it is a v5 file whose parts lie inside it (matlab_structure.hpp; v7.3
  /// files, which are HDF5, are refused).
  explicit MatlabFile(std::string path);

  bool has(const std::string& name) const;
  struct Variable {
    std::string name;
    std::int64_t rows = 0, columns = 0;
  };
  /// The variables that matrix() can read, in the order of the file; others (texts, cells, structures) are left out.
  /// Throws CheckpointError if it is damaged.
  std::vector<Variable> matrices() const;
  /// A variable of any numeric class, however its numbers are stored, as an f64 [rows,columns] in row-major order.
  /// Throws CheckpointError naming file and variable if there is none, or it is no real matrix, or damaged, or has more
  /// elements than `limit` or than could be packed into the file.
  Tensor matrix(const std::string& name) const;

  static constexpr std::int64_t limit = std::int64_t{1} << 27;

 private:
  std::string path_;
  std::size_t variables_ = 0, most_ = 0;  // how many there are; elements that one may have
  std::shared_ptr<void> file_;
};

}  // namespace g2face::io
