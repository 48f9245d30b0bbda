#pragma once
// Tensors as windows into storages.

#include <span>

#include "weights_converter/bytes.hpp"
#include "weights_converter/weight_file.hpp"

namespace g2face::weights {

/// Row-major without gaps.
std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape);

/// Whether its elements can be counted, and lie in a storage of `elements` elements.
bool lies_in(const StoredTensor& tensor, std::uint64_t elements);

/// Its values, from those of its storage, which it lies in. `swapped`: elements are big-endian there.
void gather(const StoredTensor& tensor, Bytes storage, bool swapped, std::span<std::byte> to);

/// Refuses tensors that would all together take much more room than the file has content: the same storage can be named
/// any number of times.
void check_volume(std::span<const StoredTensor> tensors, std::uint64_t content_bytes, const std::string& file);

/// Refuses names that appear twice.
void check_names(std::span<const StoredTensor> tensors, const std::string& file);

}  // namespace g2face::weights
