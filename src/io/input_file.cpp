#include "io/input_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "io/atomic_file.hpp"

namespace g2face::io {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* action, int code) {
  throw FileError(str(path.string(), ": ", action, ": ", std::generic_category().message(code)));
}

class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path) : path_(path) {
    // Without O_NONBLOCK opening a pipe would wait for its writer.
    do {
      fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (fd_ < 0 && errno == EINTR);
    if (fd_ < 0) fail(path, "cannot open", errno);
    struct stat info {};
    const int code = ::fstat(fd_, &info) == 0 ? 0 : errno;
    if (code == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
      size_ = static_cast<std::size_t>(info.st_size);
      return;
    }
    ::close(fd_);
    if (code != 0) fail(path, "cannot read", code);
    check<FileError>(!S_ISDIR(info.st_mode), path.string(), ": is a folder, expected a file");
    check<FileError>(S_ISREG(info.st_mode), path.string(), ": is not a regular file");
    throw FileError(path.string() + ": is empty");
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() { ::close(fd_); }

  int fd() const { return fd_; }
  std::size_t size() const { return size_; }

  /// The next bytes, at least one and at most `to.size()`.
  std::size_t read(std::span<std::uint8_t> to) const {
    ssize_t n = 0;
    do {
      n = ::read(fd_, to.data(), std::min<std::size_t>(to.size(), 1u << 30));
    } while (n < 0 && errno == EINTR);
    if (n < 0) fail(path_, "cannot read", errno);
    check<FileError>(n > 0, path_.string(), ": became shorter while it was read");
    return static_cast<std::size_t>(n);
  }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::size_t size_ = 0;
};

}  // namespace

MappedFile map_file(const std::filesystem::path& path) {
  const InputFile file(path);
  const std::size_t size = file.size();
  void* begin = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  if (begin == MAP_FAILED) fail(path, "cannot map", errno);
  return {{begin, [size](void* p) { ::munmap(p, size); }}, {static_cast<const std::uint8_t*>(begin), size}};
}

void release_pages(const MappedFile& file, std::span<const std::uint8_t> part) {
  if (!file.mapping || part.empty()) return;
  // Whole pages only: the first and the last may hold a neighbour, which is then read from the file again. The mapping
  // is private and never written.
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto before = static_cast<std::size_t>(part.data() - file.bytes.data()) % page;
  ::madvise(const_cast<std::uint8_t*>(part.data()) - before, part.size() + before, MADV_DONTNEED);
}

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uintmax_t limit) {
  const InputFile file(path);
  check<FileError>(file.size() <= limit, path.string(), ": has ", file.size(), " bytes, at most ", limit,
                   " are accepted");
  std::vector<std::uint8_t> bytes(file.size());
  for (std::size_t done = 0; done < bytes.size();) done += file.read(std::span(bytes).subspan(done));
  return bytes;
}

void read_pieces(const std::filesystem::path& path, const std::function<void(std::span<const std::uint8_t>)>& use) {
  const InputFile file(path);
  std::vector<std::uint8_t> piece(std::min(file.size(), std::size_t{1} << 20));
  for (std::size_t done = 0; done < file.size();) {
    const std::size_t n = file.read(std::span(piece).first(std::min(piece.size(), file.size() - done)));
    use(std::span(piece).first(n));
    done += n;
  }
}

}  // namespace g2face::io
