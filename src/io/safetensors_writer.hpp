#pragma once
// Safetensors files of which only one tensor has to be in memory at a time.

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "g2face/tensor.hpp"

namespace g2face::io {

struct NamedType {
  std::string name;
  Type type;
};

/// Writes them all, in an order of its choice: `contents` is asked for one after the other, and what it returns is used
/// at once. The file appears complete or not at all, as Parameters::save says; equal contents give equal bytes. Throws
/// CheckpointError, "FILE: what: what to do"; exceptions of `contents` pass through.
void write_safetensors(const std::string& file, std::span<const NamedType> tensors,
                       const std::map<std::string, std::string, std::less<>>& metadata,
                       const std::function<std::span<const std::byte>(const NamedType&)>& contents);

}  // namespace g2face::io
