#pragma once
// What this build of the library is.

#include <string_view>

namespace g2face {

/// Semantic version of the library: "0.1.0".
std::string_view version();
/// The git revision it was built from, with "+changes" if the tree differed from it; "unknown" outside a repository.
std::string_view revision();
/// The compiler that built it: "GCC 12.2.0".
std::string_view compiler();
/// The oneDNN it was built with: "2.7.3".
std::string_view onednn_version();
/// What its CPU kernels were compiled for, from the plainest up: "x86-64, AVX2, AVX-512". The best that the CPU has
/// runs.
std::string_view instruction_sets();

}  // namespace g2face
