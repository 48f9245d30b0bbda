// Whatever the bytes are, the parsers of side data and of the files that carry it give what they would write again, or
// an Error of one line; and nothing opens without the secret.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/embedded.hpp"
#include "payload/side_format.hpp"

using namespace g2face;
using namespace g2face::payload;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}
void require_one_line(const Error& error) {
  require(std::string_view(error.what()).find('\n') == std::string_view::npos);
}

void read_container(std::span<const std::uint8_t> bytes) {
  static SideOpener opener = SideOpener::with_key(Key::generate());
  try {
    const Bytes again = write_side(read_side(bytes));
    require(std::equal(bytes.begin(), bytes.end(), again.begin(), again.end()));
    require(side_info(remove_all_locks(bytes)).locks() == 0);
  } catch (const NotAuthentic& error) {
    require_one_line(error);
  }
  try {
    opener.open(bytes, {});
    std::abort();
  } catch (const NotAuthentic& error) {
    require_one_line(error);
  }
  if (const auto faces = read_side_plain(bytes)) {
    const Bytes again = write_side_plain(*faces);
    require(std::equal(bytes.begin(), bytes.end(), again.begin(), again.end()));
  }
}

void read_picture(std::span<const std::uint8_t> bytes) {
  const Bytes data = {1, 2, 3};
  try {
    static_cast<void>(io::embedded(bytes, "file"));
    if (io::can_embed(bytes)) require(io::embedded(io::with_embedded(bytes, data, "file"), "file") == data);
    static_cast<void>(io::picture_digest(bytes, "file"));
  } catch (const ImageError& error) {
    require_one_line(error);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  read_container(bytes);
  read_picture(bytes);
  return 0;
}
