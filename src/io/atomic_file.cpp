#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

namespace g2face::io {
namespace {

namespace fs = std::filesystem;

// Where a signal handler finds the temporary files: no locks, no allocation.
enum class SlotState { unused, claimed, live };
struct Slot {
  std::atomic<SlotState> state{SlotState::unused};
  std::array<char, 4096> path{};
};
static_assert(std::atomic<SlotState>::is_always_lock_free);
std::array<Slot, 32> slots;
std::atomic<unsigned> next_number{0};
constexpr std::string_view temporary_prefix = ".g2face-", temporary_suffix = ".tmp";

[[noreturn]] void fail(const fs::path& path, const char* action, int code, std::uintmax_t bytes) {
  const std::string start = str(path.string(), ": ", action, ": ", std::generic_category().message(code), ": ");
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      throw FileError(str(start, "free ", bytes, " bytes there or choose another place"));
    case EFBIG:
      throw FileError(str(start, "raise the limit for file sizes (ulimit -f); ", bytes, " bytes are needed"));
    case EACCES:
    case EPERM:
    case EROFS:
      throw FileError(start + "choose a folder that you may write to");
    case ENOENT:
      throw FileError(start + "create the folder first");
    case ENOTDIR:
      throw FileError(start + "a part of the path is a file; choose another folder");
    case ENAMETOOLONG:
      throw FileError(start + "choose a shorter name");
    default:
      throw FileError(start + "choose another place");
  }
}

class Temporary {
 public:
  /// `shown` stands for `target` in messages; `bytes` is what will be written.
  Temporary(const fs::path& shown, const fs::path& target, mode_t mode, std::uintmax_t bytes)
      : shown_(shown), target_(target), bytes_(bytes) {
    const auto free_slot = std::find_if(slots.begin(), slots.end(), [](Slot& slot) {
      SlotState expected = SlotState::unused;
      return slot.state.compare_exchange_strong(expected, SlotState::claimed);
    });
    check<FileError>(free_slot != slots.end(), shown.string(), ": cannot write: more than ", slots.size(),
                     " files at once: write fewer");
    slot_ = &*free_slot;
    try {
      create(mode);
    } catch (...) {
      slot_->state = SlotState::unused;
      throw;
    }
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (fd_ >= 0) ::close(fd_);
    if (!renamed_) ::unlink(slot_->path.data());
    slot_->state = SlotState::unused;
  }

  void write(std::span<const std::byte> data) {
    while (!data.empty()) {
      const ssize_t n = ::write(fd_, data.data(), std::min<std::size_t>(data.size(), std::size_t{1} << 30));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(shown_, "cannot write", errno, bytes_);
      data = data.subspan(static_cast<std::size_t>(n));
    }
  }

  void commit() {
    if (::fsync(fd_) != 0) fail(shown_, "cannot flush to disk", errno, bytes_);
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0 && errno != EINTR) fail(shown_, "cannot write", errno, bytes_);
    if (::rename(slot_->path.data(), target_.c_str()) != 0) fail(shown_, "cannot rename to it", errno, bytes_);
    renamed_ = true;
    const int folder = ::open(target_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;  // a folder that may be written but not read: the rename is done, only its flush is missing
    const int code = ::fsync(folder) == 0 ? 0 : errno;
    ::close(folder);
    if (code != 0 && code != EINVAL) fail(shown_, "cannot flush its folder to disk", code, bytes_);
  }

 private:
  void create(mode_t mode) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      // A short name of its own: one made from the target's could be too long.
      const std::string name =
          (target_.parent_path() / str(temporary_prefix, ::getpid(), "-", next_number++, temporary_suffix)).string();
      if (name.size() >= slot_->path.size()) fail(shown_, "cannot write", ENAMETOOLONG, bytes_);
      std::memcpy(slot_->path.data(), name.c_str(), name.size() + 1);
      slot_->state = SlotState::live;  // before the file exists, so that no moment is uncovered
      fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
      if (fd_ >= 0) return;
      if (errno != EEXIST) fail(shown_, "cannot write", errno, bytes_);
      slot_->state = SlotState::claimed;
    }
    fail(shown_, "cannot write", EEXIST, bytes_);
  }

  fs::path shown_;
  fs::path target_;
  std::uintmax_t bytes_;
  Slot* slot_ = nullptr;
  int fd_ = -1;
  bool renamed_ = false;
};

}  // namespace

void write_atomically(const fs::path& path, std::span<const std::span<const std::byte>> parts) {
  std::uintmax_t bytes = 0;
  for (const auto part : parts) bytes += part.size();
  write_atomically(path, bytes, [&](const WritePart& write) {
    for (const auto part : parts) write(part);
  });
}

void write_atomically(const fs::path& path, std::uintmax_t bytes,
                      const std::function<void(const WritePart&)>& produce) {
  check<FileError>(!path.empty(), "an empty file name cannot be written: name a file");
  check<FileError>(path.has_filename(), path.string(), ": is a folder: add a file name");
  std::error_code error;
  std::error_code ignored;  // of a target that does not exist yet
  fs::path target = fs::absolute(path, error);
  if (!error && fs::is_symlink(fs::symlink_status(target, ignored))) target = fs::canonical(target, error);
  if (error) fail(path, "cannot write", error.value(), bytes);

  struct stat existing {};
  mode_t mode = 0666;
  if (::stat(target.c_str(), &existing) == 0) {
    check<FileError>(!S_ISDIR(existing.st_mode), path.string(), ": is a folder: add a file name");
    check<FileError>(S_ISREG(existing.st_mode), path.string(), ": is not a regular file: choose another name");
    if (::access(target.c_str(), W_OK) != 0) fail(path, "cannot replace", errno, bytes);
    mode = existing.st_mode & 07777;
  }

  Temporary temporary(path, target, mode, bytes);
  produce([&temporary](std::span<const std::byte> part) { temporary.write(part); });
  temporary.commit();
}

void require_replaceable(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || ::access(path.c_str(), W_OK) != 0) fail(path, "cannot replace", errno, 0);
  check<FileError>(info.st_nlink == 1, path.string(), ": has ", info.st_nlink - 1,
                   " other names (hard links), which would keep what it holds: remove them first");
}

void replace_and_wipe(const fs::path& path, std::span<const std::byte> bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) fail(path, "cannot replace", errno, bytes.size());
  try {
    struct stat before {};
    if (::fstat(fd, &before) != 0) fail(path, "cannot replace", errno, bytes.size());
    check<FileError>(before.st_nlink == 1, path.string(), ": has ", before.st_nlink - 1,
                     " other names (hard links), which would keep what it holds: remove them first");
    const std::array parts{bytes};
    write_atomically(path, parts);
    const std::array<std::byte, 65536> zeros{};
    for (off_t at = 0; at < before.st_size;) {
      const auto size = std::min<std::size_t>(zeros.size(), static_cast<std::size_t>(before.st_size - at));
      const ssize_t n = ::pwrite(fd, zeros.data(), size, at);
      if (n < 0 && errno != EINTR) fail(path, "was replaced, but its old bytes cannot be wiped", errno, bytes.size());
      at += std::max<ssize_t>(n, 0);
    }
    if (::fsync(fd) != 0) fail(path, "was replaced, but its old bytes cannot be wiped", errno, bytes.size());
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
}

void remove_temporary_files() noexcept {
  const int saved = errno;
  for (const Slot& slot : slots) {
    if (slot.state == SlotState::live) ::unlink(slot.path.data());
  }
  errno = saved;
}

void remove_abandoned_temporary_files(const fs::path& folder) noexcept {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;  // one that stays is a nuisance, not a failure
    if (name.starts_with(temporary_prefix) && name.ends_with(temporary_suffix)) fs::remove(entry->path(), ignored);
  }
}

}  // namespace g2face::io
