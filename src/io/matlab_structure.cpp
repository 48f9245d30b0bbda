#include "io/matlab_structure.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "g2face/error.hpp"

namespace g2face::io {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t header_bytes = 128;
constexpr std::uint32_t matrix_type = 14, compressed_type = 15;  // of elements
constexpr int most_levels = 16;
constexpr std::size_t most_dimension_bytes = 128, most_name_bytes = 255;  // 32 of them; MATLAB allows names of 63

std::uint32_t word(Bytes bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.subspan(at, sizeof value).data(), sizeof value);
  return value;
}

/// Takes an element from the front of what a matrix consists of. One of up to four bytes may lie in its own tag.
struct Element {
  std::uint32_t type = 0;
  Bytes data;
};
Element take_element(Bytes& rest, const std::string& where) {
  constexpr std::size_t tag = 8;
  check<CheckpointError>(rest.size() >= tag, where, "ends inside an element");
  const std::uint32_t first = word(rest, 0), small = first >> 16;
  if (small != 0) {
    check<CheckpointError>(small <= 4, where, "has a short element of ", small, " bytes");
    const Element element{first & 0xffff, rest.subspan(4, small)};
    rest = rest.subspan(tag);
    return element;
  }
  const std::size_t size = word(rest, 4);
  check<CheckpointError>(size <= rest.size() - tag, where, "ends inside an element");
  const Element element{first, rest.subspan(tag, size)};
  rest = rest.subspan(std::min(tag + (size + 7) / 8 * 8, rest.size()));
  return element;
}

/// The same, of something that has to be of this type.
Bytes take_element(Bytes& rest, const std::string& where, std::uint32_t type) {
  const Element element = take_element(rest, where);
  check<CheckpointError>(element.type == type, where, "is no matrix: it has an element of type ", element.type,
                         " where one of type ", type, " was expected");
  return element.data;
}

/// At most `limit` bytes of what `packed` unpacks to; `whole` says whether that is all.
std::vector<std::uint8_t> unpacked(Bytes packed, std::size_t limit, bool& whole, const std::string& where) {
  std::vector<std::uint8_t> out(std::min(limit, 1032 * packed.size() + 64));  // deflate can make no more of it
  z_stream z{};
  check<CheckpointError>(inflateInit(&z) == Z_OK, where, "cannot be unpacked: memory ran out");
  z.next_in = const_cast<Bytef*>(packed.data());  // it reads only
  z.avail_in = static_cast<uInt>(packed.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&z, Z_SYNC_FLUSH);
  whole = result == Z_STREAM_END;
  out.resize(z.total_out);
  inflateEnd(&z);
  check<CheckpointError>(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR, where,
                         "is damaged: it cannot be unpacked");
  return out;
}

/// What MATLAB calls classes. 3 and those from 16 on are objects.
enum Kind : std::uint32_t { cell = 1, structure = 2, first_plain = 4, last_plain = 15 };

/// A matrix begins with flags, dimensions and a name. matio makes room for what these say that they need, up to 4 GB,
/// and takes what stands in the place of one of them for it.
struct Beginning {
  std::uint32_t kind = 0;
  Bytes dimensions;
  bool is_nested() const { return kind == cell || kind == structure; }
};
Beginning take_beginning(Bytes& rest, const std::string& where) {
  constexpr std::uint32_t flags_type = 6, dimensions_type = 5, name_type = 1;
  const Element flags = take_element(rest, where);
  const bool has_flags = flags.type == flags_type && flags.data.size() == 8;
  check<CheckpointError>(has_flags, where, "is no matrix");
  const Beginning begin{flags.data[0], take_element(rest, where, dimensions_type)};
  const std::size_t bytes = begin.dimensions.size();
  check<CheckpointError>(bytes >= 8 && bytes % 4 == 0 && bytes <= most_dimension_bytes, where,
                         "is no matrix: it has no dimensions, or too many");
  const bool is_plain = begin.kind >= first_plain && begin.kind <= last_plain;
  check<CheckpointError>(is_plain || begin.is_nested(), where, "is an object, of class ", begin.kind,
                         ", which is not read: save the file without it");
  const std::size_t name = take_element(rest, where, name_type).size();
  check<CheckpointError>(name <= most_name_bytes, where, "has a name of ", name, " bytes, expected at most ",
                         most_name_bytes);
  return begin;
}

/// Whether `most` matrices are enough for all fields of a cell or structure of these dimensions.
bool has_room(Bytes dimensions, std::size_t fields, std::size_t most) {
  std::size_t count = fields;
  for (std::size_t at = 0; at < dimensions.size(); at += 4) {
    const std::size_t n = word(dimensions, at);
    if (n > 0 && count > most / n) return false;
    count *= n;
  }
  return count <= most;
}

void check_levels(Bytes matrix, int level, const std::string& where) {
  check<CheckpointError>(level <= most_levels, where, "is nested more than ", most_levels, " levels deep");
  if (level > 0 && matrix.empty()) return;  // an empty place of a cell
  Bytes rest = matrix;
  const Beginning begin = take_beginning(rest, where);
  if (!begin.is_nested()) {
    while (!rest.empty()) take_element(rest, where);
    return;
  }
  std::size_t fields = 1;
  if (begin.kind == structure) {
    constexpr std::uint32_t number_type = 5, text_type = 1;
    const Bytes length = take_element(rest, where, number_type), names = take_element(rest, where, text_type);
    const bool has_length = length.size() == 4 && word(length, 0) > 0;
    check<CheckpointError>(has_length, where, "is damaged: its fields have no names");
    fields = names.size() / word(length, 0);
  }
  constexpr std::size_t least_bytes = 8;  // of a matrix
  check<CheckpointError>(has_room(begin.dimensions, fields, rest.size() / least_bytes), where,
                         "is damaged: it holds less than its dimensions say");
  while (!rest.empty()) check_levels(take_element(rest, where, matrix_type), level + 1, where);
}

void check_compressed(Bytes packed, const std::string& where) {
  constexpr std::size_t tag = 8, flags = 16, most = std::size_t{16} << 20;
  constexpr std::size_t begin_bytes = tag + flags + tag + most_dimension_bytes + tag + most_name_bytes;
  bool whole = false;
  const std::vector<std::uint8_t> begin = unpacked(packed, begin_bytes, whole, where);
  check<CheckpointError>(begin.size() > tag && word(begin, 0) == matrix_type, where, "is no matrix");
  Bytes first = Bytes(begin).subspan(tag);
  if (!take_beginning(first, where).is_nested()) return;
  const std::vector<std::uint8_t> all = unpacked(packed, most, whole, where);
  check<CheckpointError>(whole, where, "is damaged, or a cell or structure of more than ", most, " bytes");
  Bytes rest(all);
  check_levels(take_element(rest, where, matrix_type), 0, where);
}

}  // namespace

void check_matlab_structure(const std::string& path, Bytes bytes) {
  check<CheckpointError>(bytes.size() >= header_bytes, path, ": is no MATLAB file (it has ", bytes.size(), " bytes)");
  const bool little = bytes[126] == 'I' && bytes[127] == 'M';
  const unsigned version = bytes[125] * 256U + bytes[124];
  check<CheckpointError>(!(little && version == 0x0200), path,
                         ": is a MATLAB v7.3 file, which is not read; save it with -v7");
  check<CheckpointError>(little && version == 0x0100, path, ": is no MATLAB v5 file");
  for (std::size_t at = header_bytes; at < bytes.size();) {
    check<CheckpointError>(bytes.size() - at >= 8, path, ": ends inside an element");
    const std::uint32_t type = word(bytes, at), size = word(bytes, at + 4);
    check<CheckpointError>(type == matrix_type || type == compressed_type, path, ": holds an element of type ", type,
                           " at byte ", at, ", expected a matrix");
    check<CheckpointError>(size <= bytes.size() - at - 8, path, ": ends inside the element at byte ", at);
    const Bytes element = bytes.subspan(at + 8, size);
    const std::string where = str(path, ": the variable at byte ", at, " ");
    if (type == compressed_type) {
      check_compressed(element, where);
    } else {
      check_levels(element, 0, where);
    }
    at += 8 + size;
  }
}

std::size_t count_matlab_variables(Bytes bytes) {
  std::size_t n = 0;
  for (std::size_t at = header_bytes; at < bytes.size(); at += 8 + word(bytes, at + 4)) ++n;
  return n;
}

}  // namespace g2face::io
