#include "weights_converter/strided.hpp"

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "io/safetensors_header.hpp"

namespace g2face::weights {

std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
  return strides;
}

bool lies_in(const StoredTensor& tensor, std::uint64_t elements) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 16;
  std::int64_t count = 1;
  for (const std::int64_t n : tensor.shape) {
    if (n < 0 || n > most / count) return false;
    count *= std::max<std::int64_t>(n, 1);
  }
  if (tensor.elements() == 0) return true;
  if (tensor.storage_offset < 0 || static_cast<std::uint64_t>(tensor.storage_offset) >= elements) return false;
  std::uint64_t left = elements - 1 - static_cast<std::uint64_t>(tensor.storage_offset);  // after the first element
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    const auto steps = static_cast<std::uint64_t>(tensor.shape[i] - 1);
    const auto stride = static_cast<std::uint64_t>(tensor.strides[i]);
    if (steps == 0 || stride == 0) continue;
    if (stride > left / steps) return false;
    left -= steps * stride;
  }
  return true;
}

namespace {

/// `count` elements that lie `stride` apart, one after the other.
template <std::size_t size>
void copy_row(std::byte* to, const std::uint8_t* from, std::size_t count, std::size_t stride) {
  for (std::size_t i = 0; i < count; ++i) std::memcpy(to + i * size, from + i * stride * size, size);
}

void copy_row(std::size_t size, std::byte* to, const std::uint8_t* from, std::size_t count, std::size_t stride) {
  if (stride == 1) {
    std::memcpy(to, from, count * size);
  } else if (size == 8) {
    copy_row<8>(to, from, count, stride);
  } else if (size == 4) {
    copy_row<4>(to, from, count, stride);
  } else if (size == 2) {
    copy_row<2>(to, from, count, stride);
  } else {
    copy_row<1>(to, from, count, stride);
  }
}

}  // namespace

void gather(const StoredTensor& tensor, Bytes storage, bool swapped, std::span<std::byte> to) {
  const std::size_t size = size_of(tensor.type), total = tensor.elements();
  if (total == 0) return;
  const std::size_t rank = tensor.is_contiguous() ? 0 : tensor.shape.size();
  const std::size_t row = rank == 0 ? total : static_cast<std::size_t>(tensor.shape[rank - 1]);
  const std::size_t stride = rank == 0 ? 1 : static_cast<std::size_t>(tensor.strides[rank - 1]);
  std::vector<std::int64_t> index(tensor.shape.size(), 0);
  std::int64_t at = tensor.storage_offset;
  for (std::size_t done = 0; done < total; done += row) {
    copy_row(size, to.data() + done * size, storage.data() + static_cast<std::size_t>(at) * size, row, stride);
    for (std::size_t i = rank; i-- > 1;) {
      at += tensor.strides[i - 1];
      if (++index[i - 1] < tensor.shape[i - 1]) break;
      at -= index[i - 1] * tensor.strides[i - 1];
      index[i - 1] = 0;
    }
  }
  if (!swapped) return;
  for (std::size_t i = 0; i < total * size; i += size) std::ranges::reverse(to.subspan(i, size));
}

void check_volume(std::span<const StoredTensor> tensors, std::uint64_t content_bytes, const std::string& file) {
  const std::uint64_t most = 16 * content_bytes + (std::uint64_t{16} << 20);
  std::uint64_t bytes = 0;
  for (const StoredTensor& tensor : tensors) {
    const std::uint64_t n = tensor.elements();
    check<WeightFileError>(n <= most && n * size_of(tensor.type) <= most - bytes, file, ": ",
                           io::in_quotes(tensor.name), ": its tensors would take more than ", most,
                           " bytes, but their contents have only ", content_bytes);
    bytes += n * size_of(tensor.type);
  }
}

void check_names(std::span<const StoredTensor> tensors, const std::string& file) {
  std::unordered_set<std::string_view> names;
  for (const StoredTensor& tensor : tensors) {
    check<WeightFileError>(names.insert(tensor.name).second, file, ": two tensors are called ",
                           io::in_quotes(tensor.name));
  }
}

}  // namespace g2face::weights
