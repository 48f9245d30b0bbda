#pragma once
// The libraries that the program found when it was started.

#include <string>
#include <utility>
#include <vector>

namespace g2face::io {

/// Name and version of each library that can say its own.
std::vector<std::pair<std::string, std::string>> library_versions();

}  // namespace g2face::io
