#pragma once
// Writes MATLAB v5 files, also such as no program would write.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace g2face::test {

using Bytes = std::vector<std::uint8_t>;

/// Codes of the format: how numbers are stored, and what MATLAB takes them for.
enum class Stored : std::uint32_t { int8 = 1, uint8, int16, uint16, int32, uint32, single, float64 = 9 };
enum class Class : std::uint32_t { cell = 1, text = 4, float64 = 6, single, int8, uint8, int16, uint16, int32, uint32 };

template <class T>
void append(Bytes& to, T value) {
  const auto at = to.size();
  to.resize(at + sizeof value);
  std::memcpy(&to[at], &value, sizeof value);
}

inline Bytes matlab_header(std::uint16_t version = 0x0100) {
  Bytes file(124, ' ');
  const std::string_view title = "MATLAB 5.0 MAT-file";
  std::copy(title.begin(), title.end(), file.begin());
  append(file, version);
  append(file, std::uint16_t{('M' << 8) | 'I'});
  return file;
}

/// A tag, the bytes, and zeros up to a multiple of eight.
inline void append_element(Bytes& to, std::uint32_t type, const Bytes& data) {
  append(to, type);
  append(to, static_cast<std::uint32_t>(data.size()));
  to.insert(to.end(), data.begin(), data.end());
  to.resize((to.size() + 7) / 8 * 8);
}

struct Matrix {
  std::string name;
  std::vector<std::int32_t> dims;
  Class kind = Class::float64;
  std::uint32_t flags = 0;  // 0x0800: complex
};

/// A matrix of numbers T, column by column.
template <class T>
void append_matrix(Bytes& file, const Matrix& m, Stored stored, const std::vector<T>& values) {
  Bytes flags, dims, name(m.name.begin(), m.name.end()), data, body;
  append(flags, static_cast<std::uint32_t>(m.kind) | m.flags);
  append(flags, std::uint32_t{0});
  for (const std::int32_t d : m.dims) append(dims, d);
  for (const T v : values) append(data, v);
  append_element(body, 6, flags);
  append_element(body, 5, dims);
  append_element(body, 1, name);
  append_element(body, static_cast<std::uint32_t>(stored), data);
  append_element(file, 14, body);
}

}  // namespace g2face::test
