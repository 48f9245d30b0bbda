#pragma once
// The fields of a protobuf message, one after the other. Source: https://protobuf.dev/programming-guides/encoding

#include <string>

#include "weights_converter/bytes.hpp"
#include "weights_converter/weight_file.hpp"

namespace g2face::weights {

enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct ProtoField {
  std::uint64_t number = 0;
  Wire wire = Wire::varint;
  std::uint64_t value = 0;  // of a varint
  Bytes bytes;              // of the other kinds

  std::string_view text() const { return text_of(bytes); }
};

/// `rest` loses the number that it begins with. Throws WeightFileError, beginning with `where`, if it ends too early or
/// has more than 64 bits.
inline std::uint64_t take_varint(Bytes& rest, const std::string& where) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < rest.size() && i < 10; ++i) {
    const std::uint64_t part = rest[i] & 0x7fU;
    if (i == 9 && part > 1) break;
    value |= part << (7 * i);
    if (rest[i] >= 0x80) continue;
    rest = rest.subspan(i + 1);
    return value;
  }
  throw WeightFileError(str(where, ": a number is damaged: is the file truncated?"));
}

class ProtoReader {
 public:
  /// `where` begins every message, and outlives this.
  ProtoReader(Bytes message, const std::string& where) : rest_(message), where_(where) {}

  /// False at the end. Throws WeightFileError.
  bool next(ProtoField& field) {
    if (rest_.empty()) return false;
    const std::uint64_t key = take_varint(rest_, where_);
    field = {key >> 3, static_cast<Wire>(key & 7), 0, {}};
    check<WeightFileError>(field.number > 0 && field.number < (1U << 29), where_, ": field ", field.number,
                           " is out of range");
    std::uint64_t size = 0;
    switch (field.wire) {
      case Wire::varint:
        field.value = take_varint(rest_, where_);
        return true;
      case Wire::fixed64:
        size = 8;
        break;
      case Wire::bytes:
        size = take_varint(rest_, where_);
        break;
      case Wire::fixed32:
        size = 4;
        break;
      default:
        throw WeightFileError(str(where_, ": field ", field.number, " is of unknown kind ", key & 7));
    }
    check<WeightFileError>(size <= rest_.size(), where_, ": field ", field.number, " has ", size, " bytes, but only ",
                           rest_.size(), " follow: is the file truncated?");
    field.bytes = rest_.first(static_cast<std::size_t>(size));
    rest_ = rest_.subspan(field.bytes.size());
    return true;
  }

 private:
  Bytes rest_;
  const std::string& where_;
};

}  // namespace g2face::weights
