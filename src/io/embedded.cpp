#include "io/embedded.hpp"

#include <sodium.h>
#include <zlib.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>

#include "g2face/image.hpp"
#include "io/pixel_values.hpp"

namespace g2face::io {
namespace {

using Out = std::vector<std::uint8_t>;

constexpr std::string_view png_start = "\x89PNG\r\n\x1a\n", png_type = "gfSC", jpeg_label{"g2face side\0", 12};
constexpr std::size_t png_part = 1 << 20;  // libpng refuses chunks above 8 MB
constexpr std::size_t jpeg_part = 65533 - jpeg_label.size() - 2;
enum Marker : std::uint8_t { soi = 0xd8, eoi = 0xd9, sos = 0xda, app0 = 0xe0, app1 = 0xe1, app10 = 0xea, app15 = 0xef };
constexpr std::uint8_t comment = 0xfe;

std::string_view text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
bool is_png(Bytes file) { return text(file).starts_with(png_start); }
bool is_jpeg(Bytes file) { return text(file).starts_with("\xff\xd8"); }

std::size_t number(Bytes bytes) {
  std::size_t value = 0;
  for (const std::uint8_t b : bytes) value = value << 8 | b;
  return value;
}
void put(Out& out, std::size_t value, int bytes) {
  while (bytes-- > 0) out.push_back(static_cast<std::uint8_t>(value >> (8 * bytes)));
}
void append(Out& out, Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void append(Out& out, std::string_view bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

// Chunks up to IEND; `whole` with length and sum. Returns what comes after.
using UseChunk = std::function<void(std::string_view type, Bytes data, Bytes whole)>;
Bytes walk_png(Bytes file, const std::string& name, const UseChunk& use) {
  Bytes rest = file.subspan(png_start.size());
  for (bool last = false; !last;) {
    const std::size_t size = rest.size() >= 12 ? number(rest.first(4)) : rest.size();
    check<ImageError>(rest.size() >= 12 && size <= rest.size() - 12, name, ": damaged PNG: a chunk ends early");
    const std::string_view type = text(rest.subspan(4, 4));
    use(type, rest.subspan(8, size), rest.first(size + 12));
    rest = rest.subspan(size + 12);
    last = type == "IEND";
  }
  return rest;
}

// Where the bits of a scan end: at the next marker that is not inside of it.
std::size_t end_of_scan(Bytes bytes) {
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    const std::uint8_t next = bytes[i + 1];
    if (bytes[i] == 0xff && next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) return i;
  }
  return bytes.size();
}

// Segments after the start up to the end of the image; `whole` with marker, of a scan with its bits. Returns what comes
// after.
using UseSegment = std::function<void(std::uint8_t marker, Bytes data, Bytes whole)>;
Bytes walk_jpeg(Bytes file, const std::string& name, const UseSegment& use) {
  Bytes rest = file.subspan(2);
  for (bool last = false; !last;) {
    std::size_t at = 0;
    while (at < rest.size() && rest[at] == 0xff) ++at;  // one, and what fills up
    check<ImageError>(at > 0 && at < rest.size(), name, ": damaged JPEG: no marker at byte ",
                      file.size() - rest.size());
    const std::uint8_t marker = rest[at++];
    last = marker == eoi;
    std::size_t size = 0;
    if (!last) {
      size = rest.size() >= at + 2 ? number(rest.subspan(at, 2)) : 0;
      check<ImageError>(size >= 2 && size <= rest.size() - at, name, ": damaged JPEG: a segment ends early");
    }
    const Bytes data = last ? Bytes() : rest.subspan(at + 2, size - 2);
    std::size_t end = at + size;
    if (marker == sos) end += end_of_scan(rest.subspan(end));
    use(marker, data, rest.first(end));
    rest = rest.subspan(end);
  }
  return rest;
}

bool is_ours(std::uint8_t marker, Bytes data) {
  return marker == app10 && text(data).starts_with(jpeg_label) && data.size() >= jpeg_label.size() + 2;
}

// Calls `part` for pieces of at most `size` bytes.
void cut(Bytes data, std::size_t size, const std::function<void(std::size_t index, Bytes piece)>& part) {
  for (std::size_t index = 0; !data.empty(); ++index) {
    const Bytes piece = data.first(std::min(size, data.size()));
    part(index, piece);
    data = data.subspan(piece.size());
  }
}

}  // namespace

bool can_embed(Bytes file) { return is_png(file) || is_jpeg(file); }

std::vector<std::uint8_t> embedded(Bytes file, const std::string& name) {
  std::multimap<std::size_t, Bytes> parts;
  if (is_png(file)) {
    walk_png(file, name, [&parts](std::string_view type, Bytes data, Bytes) {
      if (type == png_type && data.size() >= 2) parts.emplace(number(data.first(2)), data.subspan(2));
    });
  } else if (is_jpeg(file)) {
    walk_jpeg(file, name, [&parts](std::uint8_t marker, Bytes data, Bytes) {
      if (!is_ours(marker, data)) return;
      const Bytes part = data.subspan(jpeg_label.size());
      parts.emplace(number(part.first(2)), part.subspan(2));
    });
  }
  Out all;
  for (const auto& [index, part] : parts) append(all, part);
  return all;
}

std::vector<std::uint8_t> with_embedded(Bytes file, Bytes data, const std::string& name) {
  check<ImageError>(can_embed(file), name, ": is neither PNG nor JPEG: only these carry data: use a side file");
  const bool png = is_png(file);
  check<ImageError>(data.size() / (png ? png_part : jpeg_part) < 65536, name, ": cannot carry ", data.size(),
                    " bytes: use a side file");
  Out out;
  out.reserve(file.size() + data.size() + data.size() / 1000 + 100);
  append(out, file.first(png ? png_start.size() : 2));
  if (png) {
    append(out, walk_png(file, name, [&](std::string_view type, Bytes, Bytes whole) {
             if (type == png_type) return;
             if (type == "IEND") {
               cut(data, png_part, [&out](std::size_t index, Bytes piece) {
                 put(out, piece.size() + 2, 4);
                 const std::size_t summed = out.size();
                 append(out, png_type);
                 put(out, index, 2);
                 append(out, piece);
                 put(out, crc32(0, out.data() + summed, static_cast<uInt>(out.size() - summed)), 4);
               });
             }
             append(out, whole);
           }));
    return out;
  }
  bool placed = false;
  append(out, walk_jpeg(file, name, [&](std::uint8_t marker, Bytes old, Bytes whole) {
           if (!placed && marker != app0 && marker != app1) {
             placed = true;
             cut(data, jpeg_part, [&out](std::size_t index, Bytes piece) {
               append(out, std::string_view("\xff\xea"));
               put(out, 2 + jpeg_label.size() + 2 + piece.size(), 2);
               append(out, jpeg_label);
               put(out, index, 2);
               append(out, piece);
             });
           }
           if (!is_ours(marker, old)) append(out, whole);
         }));
  return out;
}

std::array<std::uint8_t, 32> picture_digest(Bytes file, const std::string& name) {
  check<ImageError>(sodium_init() >= 0, name, ": libsodium cannot be used here");
  crypto_generichash_state hash;
  std::array<std::uint8_t, 32> digest{};
  crypto_generichash_init(&hash, nullptr, 0, digest.size());
  const auto add = [&hash](Bytes bytes) { crypto_generichash_update(&hash, bytes.data(), bytes.size()); };
  if (is_jpeg(file)) {
    walk_jpeg(file, name, [&add](std::uint8_t marker, Bytes, Bytes whole) {
      if ((marker < app0 || marker > app15) && marker != comment) add(whole);
    });
  } else {
    const Tensor image = decode_image(file, name);
    Out levels;
    levels.reserve(static_cast<std::size_t>(image.numel()) + 8);
    put(levels, static_cast<std::size_t>(image.shape()[3]), 4);
    put(levels, static_cast<std::size_t>(image.shape()[2]), 4);
    for (const float value : image.as<float>()) levels.push_back(to_level(value));
    add(levels);
  }
  crypto_generichash_final(&hash, digest.data(), digest.size());
  return digest;
}

}  // namespace g2face::io
