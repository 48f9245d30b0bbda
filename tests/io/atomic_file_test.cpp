#include "io/atomic_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "child_process.hpp"
#include "temporary_folder.hpp"

using namespace g2face;
using test::message_of;
using test::status_of_child;
using test::TemporaryFolder;

namespace {

void write_text(const std::filesystem::path& path, const std::string& text) {
  const std::array parts{std::as_bytes(std::span(text))};
  io::write_atomically(path, parts);
}

std::string read_text(const std::filesystem::path& path) {
  const auto bytes = test::read_bytes(path);
  return {bytes.begin(), bytes.end()};
}

// The message without the path it starts with.
std::string refusal(const std::filesystem::path& path, const std::string& text = "new") {
  const std::string message = message_of<io::FileError>([&] { write_text(path, text); });
  const std::string start = path.string() + ": ";
  REQUIRE(message.starts_with(start));
  return message.substr(start.size());
}

}  // namespace

TEST_CASE("atomic file: creates, replaces, keeps the mode and follows links") {
  const TemporaryFolder folder;
  write_text(folder / "x", "one");
  CHECK(read_text(folder / "x") == "one");
  ::chmod((folder / "x").c_str(), 0640);
  std::filesystem::create_symlink("x", folder / "link");
  write_text(folder / "link", "two");
  CHECK(read_text(folder / "x") == "two");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  struct stat info {};
  REQUIRE(::stat((folder / "x").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
  CHECK(folder.file_count() == 2);
}

TEST_CASE("atomic file: a relative path is beside the working folder") {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_text("plain", "text");
  std::filesystem::current_path(before);
  CHECK(read_text(folder / "plain") == "text");
}

TEST_CASE("atomic file: places that cannot be written") {
  const TemporaryFolder folder;
  CHECK(refusal(folder.path()) == "is a folder: add a file name");
  CHECK(refusal(folder / "x/") == "is a folder: add a file name");
  CHECK(refusal(folder / "none/x") == "cannot write: No such file or directory: create the folder first");
  write_text(folder / "file", "old");
  CHECK(refusal(folder / "file/x") ==
        "cannot write: Not a directory: a part of the path is a file; choose another folder");
  CHECK(refusal(folder / std::string(300, 'x')) == "cannot rename to it: File name too long: choose a shorter name");
  CHECK(refusal("/dev/full") == "is not a regular file: choose another name");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(refusal(folder / "pipe") == "is not a regular file: choose another name");
  CHECK(message_of<io::FileError>([] { write_text("", "x"); }).starts_with("an empty file name"));
  CHECK(folder.file_count() == 2);
  CHECK(read_text(folder / "file") == "old");
}

TEST_CASE("atomic file: a folder without permission") {
  const TemporaryFolder folder;
  write_text(folder / "x", "old");
  ::chmod((folder / "x").c_str(), 0444);
  ::chmod(folder.path().c_str(), 0555);
  const int status = status_of_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 98;  // root may write anywhere
    if (refusal(folder / "y") != "cannot write: Permission denied: choose a folder that you may write to") return 1;
    if (refusal(folder / "x") != "cannot replace: Permission denied: choose a folder that you may write to") return 2;
    return 0;
  });
  ::chmod(folder.path().c_str(), 0755);
  CHECK(status == 0);
  CHECK(read_text(folder / "x") == "old");
}

TEST_CASE("atomic file: a write that stops half way leaves the old file and nothing else") {
  const TemporaryFolder folder;
  write_text(folder / "x", "old");
  const int status = status_of_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1 << 16, 1 << 16};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string message = refusal(folder / "x", std::string(1 << 20, 'n'));
    return message ==
                   "cannot write: File too large: raise the limit for file sizes (ulimit -f); 1048576 bytes are needed"
               ? 0
               : 1;
  });
  CHECK(status == 0);
  CHECK(read_text(folder / "x") == "old");
  CHECK(folder.file_count() == 1);
}

TEST_CASE("atomic file: a full disk") {
  const TemporaryFolder folder;
  if (::mount("none", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    MESSAGE("skipped: needs the right to mount a small file system");
    return;
  }
  write_text(folder / "x", "old");
  const std::string message = refusal(folder / "x", std::string(1 << 20, 'n'));
  const std::string kept = read_text(folder / "x");
  const std::size_t files = folder.file_count();
  ::umount(folder.path().c_str());
  CHECK(message == "cannot write: No space left on device: free 1048576 bytes there or choose another place");
  CHECK(kept == "old");
  CHECK(files == 1);
}

TEST_CASE("atomic file: a signal handler removes what is being written") {
  const TemporaryFolder folder;
  const int status = status_of_child([&] {
    struct sigaction action {};
    action.sa_handler = [](int) {
      io::remove_temporary_files();
      ::_exit(42);
    };
    ::sigaction(SIGXFSZ, &action, nullptr);
    const rlimit limit{1 << 16, 1 << 16};
    ::setrlimit(RLIMIT_FSIZE, &limit);  // the signal comes in the middle of write()
    write_text(folder / "x", std::string(1 << 20, 'n'));
    return 1;
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 42);
  CHECK(folder.file_count() == 0);
}

TEST_CASE("atomic file: several threads write the same name, one of them wins whole") {
  const TemporaryFolder folder;
  std::vector<std::thread> threads;
  for (char c = 'a'; c < 'e'; ++c) {
    threads.emplace_back([&folder, c] {
      for (int i = 0; i < 20; ++i) write_text(folder / "x", std::string(10'000, c));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = read_text(folder / "x");
  CHECK(text == std::string(10'000, text.at(0)));
  CHECK(folder.file_count() == 1);
}

TEST_CASE("atomic file: what is replaced and wiped cannot be read any longer, by whoever still has it open either") {
  const TemporaryFolder folder;
  const std::string old(100'000, 'k'), fresh = "new";
  write_text(folder / "x", old);
  const int open_before = ::open((folder / "x").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(open_before >= 0);
  io::replace_and_wipe(folder / "x", std::as_bytes(std::span(fresh)));
  CHECK(read_text(folder / "x") == fresh);
  std::string left(old.size() + 1, 'x');
  CHECK(::read(open_before, left.data(), left.size()) == static_cast<ssize_t>(old.size()));
  ::close(open_before);
  CHECK(left.find_first_not_of('\0') == old.size());

  std::filesystem::create_hard_link(folder / "x", folder / "other");
  CHECK(message_of<io::FileError>([&] { io::replace_and_wipe(folder / "x", {}); }).find("hard links") !=
        std::string::npos);
  CHECK(read_text(folder / "x") == fresh);
  CHECK_THROWS_AS(io::replace_and_wipe(folder / "missing", {}), io::FileError);
}
