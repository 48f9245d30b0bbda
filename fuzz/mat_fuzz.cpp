// MATLAB files, read by matio behind our checks of their structure. matio reads files only: this one lies in memory.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "weights.hpp"
#include "weights_converter/formats.hpp"

namespace {

int memory_file() {
  const int file = ::memfd_create("fuzz", 0);
  if (file < 0) std::abort();
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = memory_file();
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  g2face::fuzz::open_and_read([] { return g2face::weights::open_matlab(path); });
  return 0;
}
