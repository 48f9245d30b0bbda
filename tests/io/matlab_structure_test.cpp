#include "io/matlab_structure.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include "g2face/error.hpp"
#include "io/matlab.hpp"
#include "io/matlab_builder.hpp"
#include "io/temporary_folder.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

Bytes number() {
  Bytes bytes;
  append_matrix<double>(bytes, {"", {1, 1}}, Stored::float64, {1});
  return bytes;
}

/// A cell that holds a cell that holds ... a number.
Bytes cells(int levels) {
  Bytes inner = number();
  for (int i = 0; i < levels; ++i) {
    Bytes flags, dims, body;
    append(flags, static_cast<std::uint32_t>(Class::cell));
    append(flags, std::uint32_t{0});
    append(dims, std::int32_t{1});
    append(dims, std::int32_t{1});
    append_element(body, 6, flags);
    append_element(body, 5, dims);
    append_element(body, 1, {});
    body.insert(body.end(), inner.begin(), inner.end());
    inner.clear();
    append_element(inner, 14, body);
  }
  return inner;
}

Bytes compressed(const Bytes& element) {
  Bytes packed(compressBound(element.size()));
  uLongf size = packed.size();
  compress(packed.data(), &size, element.data(), element.size());
  Bytes result;
  append(result, std::uint32_t{15});
  append(result, static_cast<std::uint32_t>(size));
  result.insert(result.end(), packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size));
  return result;
}

std::string error(const Bytes& element) {
  Bytes file = matlab_header();
  file.insert(file.end(), element.begin(), element.end());
  return message_of<CheckpointError>([&] { io::check_matlab_structure("F", file); });
}

}  // namespace

TEST_CASE("MATLAB: cells are followed to a limit, also where they are compressed") {
  const std::string fine = "(nothing thrown)", deep = "F: the variable at byte 128 is nested more than 16 levels deep";
  for (const int levels : {0, 1, 16}) {
    CHECK(error(cells(levels)) == fine);
    CHECK(error(compressed(cells(levels))) == fine);
  }
  CHECK(error(cells(17)) == deep);
  CHECK(error(cells(1000)) == deep);
  CHECK(error(compressed(cells(17))) == deep);
  Bytes two = number();
  const Bytes more = compressed(cells(2));
  two.insert(two.end(), more.begin(), more.end());
  CHECK(error(two) == fine);
  Bytes file = matlab_header();
  file.insert(file.end(), two.begin(), two.end());
  CHECK(io::count_matlab_variables(file) == 2);
}

TEST_CASE("MATLAB: what does not lie inside what holds it is refused") {
  const auto says = [](const Bytes& element, const std::string& words) {
    const std::string said = error(element);
    CHECK_MESSAGE(said.find(words) != std::string::npos, said);
  };
  Bytes longer = number();  // its first element says that it is longer than the matrix
  longer[12] = 0xff;
  says(longer, "ends inside an element");
  Bytes cut = cells(3);
  cut[8 + 16 + 4] = 0xf0;  // the size of the dimensions
  says(cut, "ends inside an element");
  says(compressed(cut), "ends inside an element");
  Bytes damaged = compressed(cells(3));
  damaged[8] ^= 0xff;
  says(damaged, "cannot be unpacked");
  Bytes early = compressed(cells(3));
  early.resize(early.size() - 8);
  early[4] = static_cast<std::uint8_t>(early.size() - 8);
  says(early, "is damaged, or a cell or structure of more than");
  Bytes other = number();
  other[8] = 5;  // no flags
  says(other, "is no matrix");
  Bytes empty;
  append_element(empty, 14, {});
  says(empty, "ends inside an element");
}

// matio took these for its name, and asked for the 4 GB that it then seemed to have.
TEST_CASE("MATLAB: a matrix has flags, dimensions and a name, also within a cell and where it is compressed") {
  constexpr std::size_t dimensions = 8 + 16, name = dimensions + 16;  // of the outermost
  const auto says = [](const Bytes& element, const std::string& words) {
    for (const std::string& said : {error(element), error(compressed(element))}) {
      CHECK_MESSAGE(said.find(words) != std::string::npos, said);
    }
  };
  Bytes nameless = number();
  nameless[dimensions] = 4;
  nameless[dimensions + 12] = 0xff;
  says(nameless, "is no matrix: it has an element of type 4 where one of type 5 was expected");
  Bytes inner = cells(2);
  inner[name + 8 + dimensions] = 4;
  says(inner, "is no matrix: it has an element of type 4 where one of type 5 was expected");
  Bytes other = number();
  other[name] = 9;
  says(other, "is no matrix: it has an element of type 9 where one of type 1 was expected");
  Bytes longer, most;
  append_matrix<double>(longer, {std::string(256, 'n'), {1, 1}}, Stored::float64, {1});
  says(longer, "has a name of 256 bytes, expected at most 255");
  append_matrix<double>(most, {std::string(255, 'n'), std::vector<std::int32_t>(32, 1)}, Stored::float64, {1});
  says(most, "(nothing thrown)");
  Bytes flat;
  append_matrix<double>(flat, {"x", {1}}, Stored::float64, {1});
  says(flat, "it has no dimensions, or too many");
}

// For each matrix that they said they held matio made room, whether it was there or not.
TEST_CASE("MATLAB: cells and structures hold as many matrices as they say, objects are refused") {
  constexpr std::size_t kind = 8 + 8, rows = 8 + 16 + 8, held = 8 + 16 + 16 + 8;
  const auto says = [](const Bytes& element, const std::string& words) {
    for (const std::string& said : {error(element), error(compressed(element))}) {
      CHECK_MESSAGE(said.find(words) != std::string::npos, said);
    }
  };
  Bytes many = cells(1);
  many[rows + 3] = 0x40;
  says(many, "is damaged: it holds less than its dimensions say");
  many[rows] = many[rows + 3] = 0;  // an empty one
  says(many, "(nothing thrown)");
  for (const int k : {3, 16, 17}) {
    Bytes object = cells(1);
    object[kind] = static_cast<std::uint8_t>(k);
    says(object, str("is an object, of class ", k, ", which is not read: save the file without it"));
  }
  Bytes other = cells(1);
  other[held] = 9;
  says(other, "is no matrix: it has an element of type 9 where one of type 14 was expected");

  const auto structure = [](std::uint32_t length, std::size_t names, std::int32_t columns) {
    Bytes flags, dims, length_bytes, body, result;
    append(flags, std::uint32_t{2});
    append(flags, std::uint32_t{0});
    append(dims, std::int32_t{1});
    append(dims, columns);
    append(length_bytes, length);
    append_element(body, 6, flags);
    append_element(body, 5, dims);
    append_element(body, 1, {});
    append_element(body, 5, length_bytes);
    append_element(body, 1, Bytes(names, 'a'));
    for (const Bytes& value : {number(), number(), number(), number()}) {
      body.insert(body.end(), value.begin(), value.end());
    }
    append_element(result, 14, body);
    return result;
  };
  says(structure(8, 16, 2), "(nothing thrown)");
  says(structure(8, 16, 1000), "is damaged: it holds less than its dimensions say");
  says(structure(1, 1000, 2), "is damaged: it holds less than its dimensions say");
  says(structure(0, 16, 2), "is damaged: its fields have no names");
}

TEST_CASE("MATLAB: a small file cannot ask for much memory, and is named in one line" *
          doctest::skip(!io::has_matlab())) {
  Bytes bytes = matlab_header();
  append_matrix<double>(bytes, {"lar\nge", {8192, 8192}}, Stored::float64, {1});
  const TemporaryFolder folder;
  write_bytes(folder / "f.mat", bytes);
  const io::MatlabFile file((folder / "f.mat").string());
  CHECK(message_of<CheckpointError>([&] { file.matrix("lar\nge"); }).find("'lar\\x0age' is a matrix of 8192 x 8192") !=
        std::string::npos);
  CHECK(message_of<CheckpointError>([&] { file.matrices(); }).find("'lar\\x0age' is a matrix of 8192 x 8192") !=
        std::string::npos);
}
