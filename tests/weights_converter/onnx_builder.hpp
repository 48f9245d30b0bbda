#pragma once
// ONNX models, field by field.

#include <cstdint>
#include <string>
#include <vector>

namespace g2face::test::onnx {

inline std::string varint(std::uint64_t n) {
  std::string out;
  for (; n >= 0x80; n >>= 7) out += static_cast<char>(0x80 | (n & 0x7f));
  return out + static_cast<char>(n);
}
inline std::string number(unsigned field, std::uint64_t value) { return varint(field << 3) + varint(value); }
inline std::string bytes(unsigned field, const std::string& data) {
  return varint(field << 3 | 2) + varint(data.size()) + data;
}

/// An initializer; `data` are its fields of values.
inline std::string initializer(const std::string& name, const std::vector<std::uint64_t>& shape, unsigned type,
                               const std::string& data) {
  std::string tensor;
  for (const std::uint64_t n : shape) tensor += number(1, n);
  return bytes(5, tensor + number(2, type) + bytes(8, name) + data);
}
inline std::string model(const std::string& initializers) {
  return number(1, 8) + bytes(2, "test") + bytes(7, bytes(2, "graph") + initializers);
}

/// Values that lie in another file.
inline std::string external_field(const std::string& key, const std::string& value) {
  return bytes(13, bytes(1, key) + bytes(2, value));
}
inline std::string external(const std::string& location, const std::string& more = "") {
  return external_field("location", location) + more + number(14, 1);
}

}  // namespace g2face::test::onnx
