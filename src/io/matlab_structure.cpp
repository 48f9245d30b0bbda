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

/// Cells, structures and objects hold matrices again, and those of newer MATLABs anything.
bool is_nested(Bytes matrix) {
  constexpr std::uint32_t last_nested = 3, last_numeric = 15;
  const std::uint32_t kind = word(matrix, 8) & 0xff;
  return kind <= last_nested || kind > last_numeric;
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

/// A matrix begins with flags, dimensions and a name. matio makes room for what these say that they need, up to 4 GB,
/// and takes what stands in the place of one of them for it.
void check_beginning(Bytes matrix, const std::string& where) {
  constexpr std::uint32_t flags_type = 6, dimensions_type = 5, name_type = 1;
  const Element flags = take_element(matrix, where);
  const bool has_flags = flags.type == flags_type && flags.data.size() == 8;
  check<CheckpointError>(has_flags, where, "is no matrix");
  const Element dimensions = take_element(matrix, where);
  const std::size_t bytes = dimensions.data.size();
  const bool has_dimensions = dimensions.type == dimensions_type && bytes >= 8 && bytes <= most_dimension_bytes;
  check<CheckpointError>(has_dimensions, where, "is no matrix: it has no dimensions, or too many");
  const Element name = take_element(matrix, where);
  const bool has_name = name.type == name_type && name.data.size() <= most_name_bytes;
  check<CheckpointError>(has_name, where, "is no matrix: it has no name, or one of more than ", most_name_bytes,
                         " bytes");
}

void check_levels(Bytes matrix, int level, const std::string& where) {
  check<CheckpointError>(level <= most_levels, where, "is nested more than ", most_levels, " levels deep");
  if (level > 0 && matrix.empty()) return;  // an empty place of a cell
  check_beginning(matrix, where);
  for (Bytes rest = matrix; !rest.empty();) {
    const Element element = take_element(rest, where);
    if (element.type == matrix_type) check_levels(element.data, level + 1, where);
  }
}

void check_compressed(Bytes packed, const std::string& where) {
  constexpr std::size_t tag = 8, flags = 16, most = std::size_t{16} << 20;
  constexpr std::size_t begin_bytes = tag + flags + tag + most_dimension_bytes + tag + most_name_bytes;
  bool whole = false;
  const std::vector<std::uint8_t> begin = unpacked(packed, begin_bytes, whole, where);
  check<CheckpointError>(begin.size() > tag && word(begin, 0) == matrix_type, where, "is no matrix");
  check_beginning(Bytes(begin).subspan(tag), where);
  if (!is_nested(Bytes(begin).subspan(tag))) return;
  const std::vector<std::uint8_t> all = unpacked(packed, most, whole, where);
  check<CheckpointError>(whole, where, "is damaged, or a cell or structure of more than ", most, " bytes");
  Bytes rest(all);
  check_levels(take_element(rest, where).data, 0, where);
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
