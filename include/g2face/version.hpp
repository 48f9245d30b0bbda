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

}  // namespace g2face
