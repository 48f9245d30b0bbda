#pragma once
// Zip archives as PyTorch and others write them, and in ways that they should not.

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace g2face::test {

template <class T>
std::string number_bytes(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

struct ZipOptions {
  bool deflate = false;
  bool descriptor = false;  // checksum and sizes after the data
  bool zip64 = false;       // sizes in 64 bits, in extra fields and the end record
  std::size_t align = 0;    // of the data, with a padding field as PyTorch's
};

inline std::string deflated(std::string_view text) {
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

class ZipBuilder {
 public:
  explicit ZipBuilder(ZipOptions options = {}) : o_(options) {}

  ZipBuilder& add(const std::string& name, std::string_view contents) {
    const std::string data = o_.deflate ? deflated(contents) : std::string(contents);
    const auto crc = static_cast<std::uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(contents.data()), static_cast<uInt>(contents.size())));
    const std::uint32_t packed = o_.zip64 ? 0xffffffff : static_cast<std::uint32_t>(data.size());
    const std::uint32_t size = o_.zip64 ? 0xffffffff : static_cast<std::uint32_t>(contents.size());
    const std::string wide = number_bytes<std::uint64_t>(contents.size()) + number_bytes<std::uint64_t>(data.size());
    const std::uint64_t begin = bytes_.size();
    std::string local_extra = o_.zip64 ? field(1, wide) : "";
    if (o_.align > 0) {
      const std::size_t before = bytes_.size() + 30 + name.size() + local_extra.size() + 4;
      local_extra += field(0x4246, std::string((o_.align - before % o_.align) % o_.align, 'Z'));
    }
    const std::string common = number_bytes<std::uint16_t>(o_.descriptor ? 0x808 : 0x800) +
                               number_bytes<std::uint16_t>(o_.deflate ? 8 : 0) + number_bytes<std::uint32_t>(0);
    const std::string sizes = number_bytes(crc) + number_bytes(packed) + number_bytes(size);
    bytes_ += "PK\3\4" + number_bytes<std::uint16_t>(45) + common + (o_.descriptor ? std::string(12, '\0') : sizes) +
              number_bytes(static_cast<std::uint16_t>(name.size())) +
              number_bytes(static_cast<std::uint16_t>(local_extra.size())) + name + local_extra + data;
    if (o_.descriptor) {
      bytes_ += "PK\7\10" + number_bytes(crc);
      bytes_ += o_.zip64 ? number_bytes<std::uint64_t>(data.size()) + number_bytes<std::uint64_t>(contents.size())
                         : number_bytes(packed) + number_bytes(size);
    }
    const std::string extra = o_.zip64 ? field(1, wide + number_bytes(begin)) : "";
    directory_ += "PK\1\2" + number_bytes<std::uint32_t>(45) + common + sizes +
                  number_bytes(static_cast<std::uint16_t>(name.size())) +
                  number_bytes(static_cast<std::uint16_t>(extra.size())) + std::string(10, '\0') +
                  number_bytes(o_.zip64 ? 0xffffffffU : static_cast<std::uint32_t>(begin)) + name + extra;
    ++count_;
    return *this;
  }

  std::string str() const {
    const std::uint64_t begin = bytes_.size(), size = directory_.size(), end = begin + size;
    std::string all = bytes_ + directory_;
    if (o_.zip64) {
      all += "PK\6\6" + number_bytes<std::uint64_t>(44) + number_bytes<std::uint32_t>(0x2d002d) + std::string(8, '\0') +
             number_bytes(count_) + number_bytes(count_) + number_bytes(size) + number_bytes(begin);
      all += "PK\6\7" + std::string(4, '\0') + number_bytes(end) + number_bytes<std::uint32_t>(1);
    }
    const auto count = static_cast<std::uint16_t>(o_.zip64 ? 0xffff : count_);
    all += "PK\5\6" + std::string(4, '\0') + number_bytes(count) + number_bytes(count) +
           number_bytes(o_.zip64 ? 0xffffffffU : static_cast<std::uint32_t>(size)) +
           number_bytes(o_.zip64 ? 0xffffffffU : static_cast<std::uint32_t>(begin)) + std::string(2, '\0');
    return all;
  }

 private:
  static std::string field(std::uint16_t id, const std::string& contents) {
    return number_bytes(id) + number_bytes(static_cast<std::uint16_t>(contents.size())) + contents;
  }

  ZipOptions o_;
  std::string bytes_, directory_;
  std::uint64_t count_ = 0;
};

}  // namespace g2face::test
