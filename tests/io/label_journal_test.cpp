#include "io/label_journal.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "io/atomic_file.hpp"
#include "io/temporary_folder.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

std::string line(std::uint64_t picture, const std::string& more = "") {
  return str(R"({"file":"x.png","seed":1,"picture":)", picture, R"(,"person":0,"size":64,"more":")", more, "\"}\n");
}
void write(const std::filesystem::path& path, std::string_view text) {
  write_bytes(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}
std::string read(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = read_bytes(path);
  return {bytes.begin(), bytes.end()};
}
std::vector<std::uint64_t> pictures(const std::filesystem::path& path) {
  std::vector<std::uint64_t> result;
  io::read_labels(path, [&](const io::LabelLine& l) { result.push_back(l.picture); });
  return result;
}

}  // namespace

TEST_CASE("a journal becomes labels in the order of pictures; a second line of a picture counts") {
  const TemporaryFolder folder;
  const std::string second = line(2);
  io::LabelJournal journal(folder / "journal", {{2, second}});
  CHECK(journal.has(2));
  CHECK(!journal.has(0));
  journal.append(1, line(1));
  journal.append(0, line(0));
  journal.append(1, line(1, "again"));
  CHECK(read(folder / "journal") == line(2) + line(1) + line(0) + line(1, "again"));
  journal.finish(folder / "labels");
  CHECK(read(folder / "labels") == line(0) + line(1, "again") + line(2));
  CHECK(folder.file_count() == 1);
}

TEST_CASE("labels cut off anywhere give their whole lines; damaged ones are refused by line") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "labels";
  CHECK(pictures(path).empty());
  const std::string text = line(4) + line(5);
  for (std::size_t n = 0; n <= text.size(); ++n) {
    write(path, text.substr(0, n));
    CHECK(pictures(path).size() == (n == text.size() ? 2U : n >= line(4).size() ? 1U : 0U));
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char byte : {'"', '\n', '\xff'}) {
      std::string damaged = text;
      damaged[i] = byte;
      write(path, damaged);
      try {
        const std::size_t found = pictures(path).size();
        CHECK(found <= 3);
      } catch (const io::FileError& error) {
        CHECK(std::string(error.what()).find(path.string() + ": line ") == 0);
      }
    }
  }
  write(path, line(1) + "{}\n");
  CHECK(message_of<io::FileError>([&] { pictures(path); }) ==
        path.string() + ": line 2 is no label of a synthetic picture: start anew");
}
