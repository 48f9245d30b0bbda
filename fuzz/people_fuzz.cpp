// Whatever the bytes are, the parser of galleries of people gives what it would write again, or nothing; and no gallery
// opens without its key.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "payload/people_format.hpp"

using namespace g2face::payload;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  if (const auto people = read_people(bytes)) {
    const Bytes again = write_people(*people);
    if (!std::equal(bytes.begin(), bytes.end(), again.begin(), again.end())) std::abort();
  }
  static const Key key = Key::generate();
  try {
    const Pseudonyms opened(key, "model", 0.5, bytes);
    std::abort();
  } catch (const NotAuthentic&) {
  }
  return 0;
}
