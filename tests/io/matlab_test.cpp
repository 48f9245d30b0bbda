#include "io/matlab.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "io/face_model_import.hpp"
#include "io/matlab_builder.hpp"
#include "io/temporary_folder.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

const std::string recorded = str(G2FACE_TEST_DATA, "/bfm_synthetic.mat");
const std::string recorded_compressed = str(G2FACE_TEST_DATA, "/bfm_synthetic_compressed.mat");

/// A file of these bytes, opened; and one matrix of it.
struct File {
  explicit File(const Bytes& bytes) { write_bytes(path, bytes); }
  std::string error(const std::string& name) const {
    return message_of<CheckpointError>([&] { io::MatlabFile(path).matrix(name); });
  }
  std::string text(const std::string& name) const { return io::MatlabFile(path).matrix(name).str(); }

  TemporaryFolder folder;
  std::string path = (folder / "file.mat").string();
};

}  // namespace

TEST_SUITE_BEGIN("matlab");

TEST_CASE("matrices of any class, stored as anything, become rows of doubles" * doctest::skip(!io::has_matlab())) {
  Bytes bytes = matlab_header();
  append_matrix<double>(bytes, {"doubles", {2, 3}}, Stored::float64, {1, 4, 2, 5, 3, 6.5});
  append_matrix<std::uint8_t>(bytes, {"small", {2, 2}}, Stored::uint8, {1, 3, 2, 255});  // as MATLAB itself does
  append_matrix<std::int16_t>(bytes, {"signed", {1, 2}, Class::int32}, Stored::int16, {-7, 300});
  append_matrix<float>(bytes, {"singles", {1, 2}, Class::single}, Stored::single, {0.5f, -2});
  append_matrix<std::uint16_t>(bytes, {"short", {2, 1}, Class::uint16}, Stored::uint16, {65535, 1});
  const File f(bytes);
  CHECK(f.text("doubles") == "[[1,2,3],[4,5,6.5]]");
  CHECK(f.text("small") == "[[1,2],[3,255]]");
  CHECK(f.text("signed") == "[[-7,300]]");
  CHECK(f.text("singles") == "[[0.5,-2]]");
  CHECK(f.text("short") == "[[65535],[1]]");
  const io::MatlabFile file(f.path);
  CHECK(file.has("short"));
  CHECK(!file.has("long"));
}

TEST_CASE("what is no real matrix is refused by name" * doctest::skip(!io::has_matlab())) {
  Bytes bytes = matlab_header();
  append_matrix<std::uint16_t>(bytes, {"text", {1, 2}, Class::text}, Stored::uint16, {'a', 'b'});
  append_matrix<double>(bytes, {"cube", {1, 2, 2}}, Stored::float64, {1, 2, 3, 4});
  append_matrix<double>(bytes, {"empty", {0, 3}}, Stored::float64, {});
  append_matrix<double>(bytes, {"huge", {1 << 30, 1 << 30}}, Stored::float64, {1});
  append_matrix<double>(bytes, {"negative", {-1, 4}}, Stored::float64, {1});
  append_matrix<double>(bytes, {"two\nlines", {1 << 30, 1}}, Stored::float64, {1});
  const File f(bytes);
  CHECK(f.error("missing").find("has no variable 'missing'") != std::string::npos);
  CHECK(f.error("text").find("'text' is not a matrix of real numbers") != std::string::npos);
  CHECK(f.error("cube").find("'cube' is not a matrix") != std::string::npos);
  CHECK(f.error("empty").find("'empty' is a matrix of 0 x 3") != std::string::npos);
  CHECK(f.error("huge").find("'huge'") != std::string::npos);
  CHECK(f.error("negative").find("'negative'") != std::string::npos);
  CHECK(f.error("two\nlines").find("'two\\x0alines' is a matrix of") != std::string::npos);
}

TEST_CASE("other files are refused before anything reads them" * doctest::skip(!io::has_matlab())) {
  const auto error = [](const Bytes& bytes) { return File(bytes).error("x"); };
  CHECK(error(Bytes(50, ' ')).find("is no MATLAB file (it has 50 bytes)") != std::string::npos);
  CHECK(error(Bytes(500, ' ')).find("is no MATLAB v5 file") != std::string::npos);
  CHECK(error(matlab_header(0x0200)).find("v7.3 file, which is not read; save it with -v7") != std::string::npos);
  Bytes bytes = matlab_header();
  bytes.resize(132);
  CHECK(error(bytes).find("ends inside an element") != std::string::npos);
  bytes = matlab_header();
  append_element(bytes, 9, Bytes(8));
  CHECK(error(bytes).find("holds an element of type 9 at byte 128") != std::string::npos);
  CHECK(message_of<CheckpointError>([] { io::MatlabFile("/no/such/file.mat"); }).find("/no/such/file.mat") == 0);
}

// Every failure is one line of a CheckpointError; what is not noticed gives a model that passed all checks.
TEST_CASE("files that end early and files with flipped bits" * doctest::skip(!io::has_matlab())) {
  for (const std::string& source : {recorded, recorded_compressed}) {
    const Bytes whole = read_bytes(source);
    TemporaryFolder folder;
    const std::string path = (folder / "damaged.mat").string();
    const auto survives = [&](const Bytes& bytes) {
      write_bytes(path, bytes);
      try {
        io::import_face_model(path);
        return true;
      } catch (const CheckpointError& e) {
        CHECK(std::string(e.what()).find('\n') == std::string::npos);
        return false;
      }
    };
    for (std::size_t i = 0; i < 5; ++i) {
      const std::size_t size = i < 2 ? whole.size() - 1 - i * 40 : whole.size() * (i - 1) / 5;
      CHECK(!survives(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
    }
    std::uint64_t state = 1;
    for (int i = 0; i < 8; ++i) {
      Bytes bytes = whole;
      for (int k = 0; k < 3; ++k) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        // Half of them near the beginning, where the structure of the first variable is.
        const std::size_t end = k > 0 ? bytes.size() : 512;
        bytes[(state >> 20) % end] ^= static_cast<std::uint8_t>(1U << (state >> 61));
      }
      survives(bytes);
    }
  }
}

TEST_SUITE_END();
