#pragma once
// Files of bytes, opened; and what comes of damaging them.

#include <doctest/doctest.h>

#include "io/temporary_folder.hpp"
#include "weights_converter/bytes.hpp"
#include "weights_converter/formats.hpp"

namespace g2face::test {

using weights::StoredTensor;
using weights::WeightFile;
using weights::WeightFileError;

using Opener = std::unique_ptr<WeightFile> (*)(io::MappedFile, const std::string&);

/// In memory; `bytes` outlives the result.
inline std::unique_ptr<WeightFile> opened(Opener open, const std::string& bytes) {
  return open({nullptr, weights::bytes_of(bytes)}, "F");
}
inline std::string refusal(Opener open, const std::string& bytes) {
  return message_of<WeightFileError>([&] { opened(open, bytes); });
}

inline std::string values_of(const WeightFile& file, const StoredTensor& tensor) {
  std::string values(tensor.bytes(), '\0');
  file.read(tensor, std::as_writable_bytes(std::span(values)));
  const auto shown = file.in_place(tensor);
  if (!shown.empty()) CHECK(std::memcmp(shown.data(), values.data(), values.size()) == 0);
  return values;
}
template <class T>
std::vector<T> numbers_of(const WeightFile& file, std::size_t i = 0) {
  const std::string values = values_of(file, file.tensors().at(i));
  std::vector<T> numbers(values.size() / sizeof(T));
  if (!values.empty()) std::memcpy(numbers.data(), values.data(), values.size());
  return numbers;
}

/// All that the file says, as one text.
inline std::string all_of(const WeightFile& file) {
  std::string all;
  for (const StoredTensor& tensor : file.tensors()) {
    all += tensor.name + ' ' + std::string(name_of(tensor.type));
    for (const std::int64_t n : tensor.shape) all += str(' ', n);
    all += values_of(file, tensor);
  }
  return all;
}

/// Whatever the bytes are: they are read, or refused in one line. Returns what was read, or nothing.
inline std::string read_or_refused(Opener open, const std::string& bytes) {
  try {
    return all_of(*opened(open, bytes));
  } catch (const WeightFileError& error) {
    CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos);
    return "";
  }
}

/// Every file that is cut short is refused.
inline void check_truncations(Opener open, const std::string& bytes) {
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CAPTURE(n);
    CHECK(read_or_refused(open, bytes.substr(0, n)).empty());
  }
}

/// One bit is flipped in each byte. Returns in how many cases other values came of it.
inline std::size_t count_wrong_values(Opener open, const std::string& bytes) {
  const std::string right = all_of(*opened(open, bytes));
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    const std::string read = read_or_refused(open, damaged);
    if (!read.empty() && read != right) ++wrong;
  }
  return wrong;
}

}  // namespace g2face::test
