#pragma once
// Files that appear under their name complete or not at all.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "g2face/error.hpp"

namespace g2face::io {

/// A file that the system would not let us read or write. The library's callers see it as CheckpointError,
/// ImageError...
struct FileError : Error {
  using Error::Error;
};

/// Writes the parts one after the other into a temporary file beside `path`, flushes it to disk, renames it to `path`
/// and flushes the directory. On failure the temporary file is gone and `path` is as it was. Throws FileError,
/// "PATH: what: what to do". A link is followed; anything but a regular file is refused rather than replaced.
void write_atomically(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts);

/// The same of what is not in memory all at once: `produce` hands the parts to its argument, one after the other.
/// `bytes` is what they will take, for the message of a full disk. An exception of `produce` ends it like a failure.
using WritePart = std::function<void(std::span<const std::byte>)>;
void write_atomically(const std::filesystem::path& path, std::uintmax_t bytes,
                      const std::function<void(const WritePart&)>& produce);

/// The same, failing with E.
template <class E>
void write_file(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts) {
  try {
    write_atomically(path, parts);
  } catch (const FileError& error) {
    throw E(error.what());
  }
}

/// write_atomically, and overwrites what was in the file before with zeros, so that what it held (keys, say) cannot be
/// read from the disk's free space. File systems that copy on write and disks that wear evenly keep copies all the
/// same. Throws FileError also for a file that other names share (hard links): these would keep it.
void replace_and_wipe(const std::filesystem::path& path, std::span<const std::byte> bytes);
/// Throws FileError where replace_and_wipe would refuse to begin.
void require_replaceable(const std::filesystem::path& path);

/// Removes the temporary files that this process is writing at the moment. Only for ending the process: a signal
/// handler may call it (it does nothing that is not async-signal-safe), and writers still at work will fail.
void remove_temporary_files() noexcept;

/// Removes the temporary files that processes left in a folder when they were killed. Nobody may be writing there.
void remove_abandoned_temporary_files(const std::filesystem::path& folder) noexcept;

}  // namespace g2face::io
