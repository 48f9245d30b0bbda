#include "weights_converter/zip_archive.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "io/safetensors_header.hpp"
#include "weights_converter/bytes.hpp"
#include "weights_converter/weight_file.hpp"

namespace g2face::weights {
namespace {

constexpr std::uint32_t local_sign = 0x04034b50, central_sign = 0x02014b50, end_sign = 0x06054b50,
                        end64_sign = 0x06064b50, locator_sign = 0x07064b50, descriptor_sign = 0x08074b50;
constexpr std::size_t local_bytes = 30, central_bytes = 46, end_bytes = 22, end64_bytes = 56, locator_bytes = 20;
constexpr std::uint32_t in_extra = 0xffffffff;
constexpr std::uint16_t zip64_id = 1, padding_id = 0x4246;  // "FB", what PyTorch aligns with
constexpr unsigned encrypted = 1, has_descriptor = 8;
// Deflate makes at most 1032 bytes of one.
constexpr std::uint64_t most_from_one = 1032;

/// The extra fields of a header, of which the one for 64-bit sizes matters.
Bytes zip64_field(Bytes extra, const std::string& where) {
  Bytes found;
  while (!extra.empty()) {
    const bool whole = extra.size() >= 4 && number_at<std::uint16_t>(extra, 2) <= extra.size() - 4;
    check<WeightFileError>(whole, where, ": its extra fields are damaged");
    const auto id = number_at<std::uint16_t>(extra, 0);
    const Bytes field = extra.subspan(4, number_at<std::uint16_t>(extra, 2));
    check<WeightFileError>(id != padding_id || std::ranges::all_of(field, [](std::uint8_t c) { return c == 'Z'; }),
                           where, ": its padding is damaged");
    if (id == zip64_id) found = field;
    extra = extra.subspan(4 + field.size());
  }
  return found;
}

/// Where the directory lies and how many entries it has.
struct Directory {
  std::uint64_t begin = 0, size = 0, entries = 0;
};

Directory find_directory(Bytes bytes, const std::string& file) {
  check<WeightFileError>(bytes.size() >= end_bytes, file, ": ", bytes.size(), " bytes are too few for a zip archive");
  // A comment of up to 65535 bytes may follow the end record.
  std::size_t at = bytes.size() - end_bytes;
  const std::size_t first = at - std::min<std::size_t>(at, 0xffff);
  const auto is_end = [&](std::size_t i) {
    return number_at<std::uint32_t>(bytes, i) == end_sign &&
           number_at<std::uint16_t>(bytes, i + 20) == bytes.size() - end_bytes - i;
  };
  while (at > first && !is_end(at)) --at;
  check<WeightFileError>(is_end(at), file, ": the zip archive has no end record: is the file truncated?");

  Directory d{number_at<std::uint32_t>(bytes, at + 16), number_at<std::uint32_t>(bytes, at + 12),
              number_at<std::uint16_t>(bytes, at + 10)};
  bool one_disk = number_at<std::uint32_t>(bytes, at + 4) == 0 && number_at<std::uint16_t>(bytes, at + 8) == d.entries;
  if (at >= locator_bytes && number_at<std::uint32_t>(bytes, at - locator_bytes) == locator_sign) {
    const std::size_t locator = at - locator_bytes;
    const auto record = number_at<std::uint64_t>(bytes, locator + 8);
    check<WeightFileError>(record <= locator && locator - record >= end64_bytes &&
                               number_at<std::uint32_t>(bytes, static_cast<std::size_t>(record)) == end64_sign,
                           file, ": the 64-bit end record of the zip archive is damaged");
    at = static_cast<std::size_t>(record);
    const Directory wide{number_at<std::uint64_t>(bytes, at + 48), number_at<std::uint64_t>(bytes, at + 40),
                         number_at<std::uint64_t>(bytes, at + 32)};
    const bool agree = (d.begin == in_extra || d.begin == wide.begin) && (d.size == in_extra || d.size == wide.size) &&
                       (d.entries == 0xffff || d.entries == wide.entries) &&
                       number_at<std::uint64_t>(bytes, at + 4) == locator - record - 12;
    check<WeightFileError>(agree, file, ": the two end records of the zip archive differ");
    one_disk = number_at<std::uint64_t>(bytes, at + 16) == 0 &&
               number_at<std::uint64_t>(bytes, at + 24) == wide.entries &&
               number_at<std::uint32_t>(bytes, locator + 4) == 0 && number_at<std::uint32_t>(bytes, locator + 16) == 1;
    d = wide;
  }
  check<WeightFileError>(one_disk, file, ": the zip archive is one part of several: join them");
  check<WeightFileError>(d.begin <= at && d.size == at - d.begin, file, ": the directory of the zip archive (", d.size,
                         " bytes at ", d.begin, ") does not end where its end record begins (", at, ")");
  return d;
}

/// An entry of the directory, and where it says that its own header and data lie.
struct Listed {
  ZipEntry entry;
  std::string where;  // for messages
  Bytes header;       // in the directory
  std::uint64_t packed = 0, begin = 0;
};

/// The entry that `rest` begins with, which is made to begin after it.
Listed read_central(Bytes& rest, const std::string& file, std::uint64_t index) {
  const bool begins = rest.size() >= central_bytes && number_at<std::uint32_t>(rest, 0) == central_sign;
  const std::size_t name = begins ? number_at<std::uint16_t>(rest, 28) : 0;
  const std::size_t extra = begins ? number_at<std::uint16_t>(rest, 30) : 0;
  const std::size_t comment = begins ? number_at<std::uint16_t>(rest, 32) : 0;
  check<WeightFileError>(begins && name + extra + comment <= rest.size() - central_bytes, file, ": entry ", index,
                         " of the directory of the zip archive is damaged");
  Listed listed;
  ZipEntry& entry = listed.entry;
  listed.header = rest.first(central_bytes);
  entry.name = text_of(rest.subspan(central_bytes, name));
  listed.where = str(file, ": ", io::in_quotes(entry.name));
  const unsigned flags = number_at<std::uint16_t>(rest, 8), method = number_at<std::uint16_t>(rest, 10);
  check<WeightFileError>((flags & encrypted) == 0, listed.where, ": is encrypted, which is not read");
  check<WeightFileError>(method == Z_DEFLATED || method == 0, listed.where, ": is packed by method ", method,
                         ", expected 0 (stored) or 8 (deflated)");
  check<WeightFileError>(number_at<std::uint16_t>(rest, 34) == 0, listed.where,
                         ": lies in another part of the archive");
  entry.deflated = method != 0;
  entry.crc = number_at<std::uint32_t>(rest, 16);
  entry.size = number_at<std::uint32_t>(rest, 24);
  listed.packed = number_at<std::uint32_t>(rest, 20);
  listed.begin = number_at<std::uint32_t>(rest, 42);
  Bytes wide = zip64_field(rest.subspan(central_bytes + name, extra), listed.where);
  for (std::uint64_t* value : {&entry.size, &listed.packed, &listed.begin}) {
    if (*value != in_extra) continue;
    check<WeightFileError>(wide.size() >= 8, listed.where, ": its 64-bit sizes are missing");
    *value = number_at<std::uint64_t>(wide, 0);
    wide = wide.subspan(8);
  }
  rest = rest.subspan(central_bytes + name + extra + comment);
  return listed;
}

/// Whether the record after the data repeats checksum and sizes, with a signature or without, in 32 or 64 bits.
bool describes(Bytes record, const Listed& listed) {
  if (record.size() == 16 || record.size() == 24) {
    if (number_at<std::uint32_t>(record, 0) != descriptor_sign) return false;
    record = record.subspan(4);
  }
  if (record.size() != 12 && record.size() != 20) return false;
  const bool narrow = record.size() == 12;
  const std::uint64_t packed = narrow ? number_at<std::uint32_t>(record, 4) : number_at<std::uint64_t>(record, 4);
  const std::uint64_t size = narrow ? number_at<std::uint32_t>(record, 8) : number_at<std::uint64_t>(record, 12);
  return number_at<std::uint32_t>(record, 0) == listed.entry.crc && packed == listed.packed &&
         size == listed.entry.size;
}

/// Finds the data in `part`, which reaches from the entry's own header to the next entry.
void read_local(Listed& listed, Bytes part) {
  ZipEntry& entry = listed.entry;
  const unsigned flags = number_at<std::uint16_t>(part, 6);
  const std::size_t name = number_at<std::uint16_t>(part, 26), extra = number_at<std::uint16_t>(part, 28);
  const std::size_t data = local_bytes + name + extra;
  // Signature, then flags, method, time and date, then the name: as in the directory.
  const bool agree = number_at<std::uint32_t>(part, 0) == local_sign &&
                     std::ranges::equal(part.subspan(6, 8), listed.header.subspan(8, 8)) && data <= part.size() &&
                     text_of(part.subspan(local_bytes, name)) == entry.name;
  check<WeightFileError>(agree, listed.where, ": its own header differs from the directory of the archive");
  Bytes wide = zip64_field(part.subspan(local_bytes + name, extra), listed.where);
  const bool later = (flags & has_descriptor) != 0;
  const auto agrees = [&](std::uint64_t local, std::uint64_t value) {
    if (local == in_extra && wide.size() >= 8) {
      local = number_at<std::uint64_t>(wide, 0);
      wide = wide.subspan(8);
    }
    return local == value || (later && local == 0);
  };
  const auto crc = number_at<std::uint32_t>(part, 14);
  const bool same = (crc == entry.crc || (later && crc == 0)) &&
                    agrees(number_at<std::uint32_t>(part, 22), entry.size) &&
                    agrees(number_at<std::uint32_t>(part, 18), listed.packed);
  check<WeightFileError>(same, listed.where, ": its checksum or size differs between header and directory");
  check<WeightFileError>(listed.packed <= part.size() - data, listed.where, ": its ", listed.packed,
                         " bytes do not fit into the archive");
  entry.stored = part.subspan(data, static_cast<std::size_t>(listed.packed));
  const Bytes record = part.subspan(data + entry.stored.size());
  check<WeightFileError>(later ? describes(record, listed) : record.empty(), listed.where,
                         ": what follows its data is damaged");
  const bool plausible =
      entry.deflated ? entry.size / most_from_one <= entry.stored.size() : entry.size == entry.stored.size();
  check<WeightFileError>(plausible, listed.where, ": ", entry.stored.size(), " bytes cannot hold its ", entry.size);
}

}  // namespace

ZipArchive::ZipArchive(io::MappedFile bytes, std::string file) : mapped_(std::move(bytes)), file_(std::move(file)) {
  read_directory(mapped_.bytes);
  for (const ZipEntry& entry : entries_) verify(entry);
  std::ranges::sort(entries_, {}, &ZipEntry::name);
  const auto twice = std::ranges::adjacent_find(entries_, {}, &ZipEntry::name);
  check<WeightFileError>(twice == entries_.end(), file_, ": an entry of the zip archive appears twice: ",
                         twice == entries_.end() ? "" : io::in_quotes(twice->name));
}

void ZipArchive::read_directory(Bytes bytes) {
  const Directory d = find_directory(bytes, file_);
  check<WeightFileError>(d.entries > 0 && d.entries <= d.size / central_bytes, file_, ": a directory of ", d.size,
                         " bytes cannot hold ", d.entries, " entries");
  Bytes rest = bytes.subspan(static_cast<std::size_t>(d.begin), static_cast<std::size_t>(d.size));
  std::vector<Listed> listed;
  for (std::uint64_t i = 0; i < d.entries; ++i) listed.push_back(read_central(rest, file_, i));
  check<WeightFileError>(rest.empty(), file_, ": ", rest.size(), " bytes after the directory of the zip archive");

  std::ranges::sort(listed, {}, &Listed::begin);
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const std::uint64_t begin = listed[i].begin, end = i + 1 < listed.size() ? listed[i + 1].begin : d.begin;
    const bool follows = begin == expected && end <= d.begin && end - begin >= local_bytes;
    check<WeightFileError>(follows, listed[i].where, ": begins at ", begin, ", expected ", expected,
                           ", where the entry before it ends");
    read_local(listed[i], bytes.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    entries_.push_back(listed[i].entry);
    expected = end;
  }
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto it = std::ranges::lower_bound(entries_, name, {}, &ZipEntry::name);
  return it != entries_.end() && it->name == name ? &*it : nullptr;
}

void ZipArchive::unpack(const ZipEntry& entry, const std::function<void(Bytes)>& use) const {
  if (!entry.deflated) {
    constexpr std::size_t piece = std::size_t{4} << 20;
    for (std::size_t done = 0; done < entry.stored.size(); done += piece) {
      const Bytes part = entry.stored.subspan(done, std::min(piece, entry.stored.size() - done));
      use(part);
      io::release_pages(mapped_, part);
    }
    return;
  }
  const std::string where = str(file_, ": ", io::in_quotes(entry.name));
  z_stream z{};
  check<WeightFileError>(inflateInit2(&z, -MAX_WBITS) == Z_OK, where, ": cannot be unpacked: memory ran out");
  struct End {
    z_stream* z;
    ~End() { inflateEnd(z); }
  } const end{&z};
  std::vector<std::uint8_t> piece(std::size_t{64} << 10);
  Bytes rest = entry.stored;
  std::uint64_t produced = 0;
  for (int code = Z_OK; code != Z_STREAM_END;) {
    if (z.avail_in == 0 && !rest.empty()) {
      const Bytes next = rest.first(std::min<std::size_t>(rest.size(), std::size_t{1} << 20));
      z.next_in = const_cast<Bytef*>(next.data());  // zlib does not write there
      z.avail_in = static_cast<uInt>(next.size());
      rest = rest.subspan(next.size());
    }
    z.next_out = piece.data();
    z.avail_out = static_cast<uInt>(piece.size());
    code = inflate(&z, Z_NO_FLUSH);
    const std::size_t made = piece.size() - z.avail_out;
    produced += made;
    check<WeightFileError>((code == Z_OK || code == Z_STREAM_END) && produced <= entry.size, where,
                           ": its compressed data is damaged");
    use(Bytes(piece).first(made));
  }
  check<WeightFileError>(rest.empty() && z.avail_in == 0 && produced == entry.size, where,
                         ": its compressed data is damaged");
}

std::vector<std::uint8_t> ZipArchive::contents(const ZipEntry& entry, std::uint64_t limit) const {
  check<WeightFileError>(entry.size <= limit, file_, ": ", io::in_quotes(entry.name), ": has ", entry.size,
                         " bytes, at most ", limit, " are accepted");
  std::vector<std::uint8_t> all;
  all.reserve(static_cast<std::size_t>(entry.size));
  unpack(entry, [&](Bytes part) { all.insert(all.end(), part.begin(), part.end()); });
  return all;
}

void ZipArchive::verify(const ZipEntry& entry) const {
  uLong crc = crc32(0, nullptr, 0);
  unpack(entry, [&](Bytes part) { crc = crc32(crc, part.data(), static_cast<uInt>(part.size())); });
  check<WeightFileError>(crc == entry.crc, file_, ": ", io::in_quotes(entry.name),
                         ": its contents do not fit their checksum (CRC-32): the file is damaged, fetch it again");
}

}  // namespace g2face::weights
