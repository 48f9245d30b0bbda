#include <filesystem>

#include "weights_converter/onnx_builder.hpp"
#include "weights_converter/opened.hpp"
#include "weights_converter/zip_builder.hpp"

using namespace g2face;
using namespace g2face::test;
using onnx::bytes;
using onnx::external;
using onnx::external_field;
using onnx::number;
using onnx::varint;
using weights::open_onnx;

namespace {

/// A model whose graph has one initializer, "w".
std::string model_of(const std::vector<std::uint64_t>& shape, unsigned type, const std::string& data) {
  return onnx::model(onnx::initializer("w", shape, type, data));
}
std::string refused(const std::vector<std::uint64_t>& shape, unsigned type, const std::string& data) {
  return refusal(open_onnx, model_of(shape, type, data));
}
std::string read(const std::vector<std::uint64_t>& shape, unsigned type, const std::string& data) {
  const std::string model = model_of(shape, type, data);
  const auto file = opened(open_onnx, model);
  CHECK(file->tensors().at(0).name == "w");
  return values_of(*file, file->tensors()[0]);
}

}  // namespace

TEST_CASE("onnx: every way to write values") {
  const float f[] = {1.5F, -2.0F};
  const std::string two(reinterpret_cast<const char*>(f), 8);
  const std::uint64_t minus_one = ~std::uint64_t{0};
  CHECK(read({2}, 1, bytes(9, two)) == two);
  CHECK(read({2}, 1, bytes(4, two)) == two);
  CHECK(read({2}, 1, varint(4 << 3 | 5) + two.substr(0, 4) + varint(4 << 3 | 5) + two.substr(4)) == two);
  CHECK(read({1}, 11, bytes(10, number_bytes(0.25))) == number_bytes(0.25));
  CHECK(read({3}, 7, bytes(7, varint(1) + varint(minus_one)) + number(7, 300)) ==
        number_bytes<std::int64_t>(1) + number_bytes<std::int64_t>(-1) + number_bytes<std::int64_t>(300));
  CHECK(read({}, 6, number(5, minus_one)) == number_bytes<std::int32_t>(-1));
  CHECK(read({2}, 10, bytes(5, varint(0x3c00) + varint(0xbc00))) == number_bytes<std::uint32_t>(0xbc003c00));
  CHECK(read({1}, 16, bytes(5, varint(0x3f80))) == number_bytes<std::uint16_t>(0x3f80));
  CHECK(read({2}, 3, bytes(5, varint(minus_one) + varint(127))) == "\xff\x7f");
  CHECK(read({2}, 9, bytes(5, std::string("\1\0", 2))) == std::string("\1\0", 2));
  CHECK(read({1}, 13, number(11, minus_one)) == number_bytes(minus_one));
  CHECK(read({0, 3}, 1, "").empty());
}

TEST_CASE("onnx: what does not fit together is refused, saying what") {
  const std::string where = "F: initializer 'w': ";
  CHECK(refused({2}, 1, bytes(9, "1234567")) == where + "has 7 bytes of data, expected 8");
  CHECK(refused({2}, 1, bytes(4, "1234")) == where + "has 1 values, expected 2");
  CHECK(refused({1}, 1, bytes(4, "12345")).find("wrong kind or size") != std::string::npos);
  CHECK(refused({1}, 1, bytes(9, "1234") + bytes(4, "1234")).find("has 4 bytes of data") != std::string::npos);
  CHECK(refused({1}, 2, number(5, 256)) == where + "256 is no uint8");
  CHECK(refused({1}, 9, number(5, 2)) == where + "2 is no bool");
  CHECK(refused({1}, 7, number(5, 2)).find("belong in field 7") != std::string::npos);
  CHECK(refused({1}, 8, bytes(6, "text")).find("no weights") != std::string::npos);
  CHECK(refused({1}, 14, bytes(9, "12345678")).find("elements of type 14 are not read") != std::string::npos);
  CHECK(refused({std::uint64_t{1} << 62, 8}, 1, "").find("too many elements") != std::string::npos);
  CHECK(refused({~std::uint64_t{0}}, 1, "").find("a negative dimension") != std::string::npos);
  CHECK(refused({std::uint64_t{1} << 40}, 1, "").find("has 0 values, expected") != std::string::npos);
  CHECK(refusal(open_onnx, number(1, 8)) == "F: is no ONNX model: it has no graph");
  CHECK(refusal(open_onnx, number(1, 8) + bytes(7, bytes(15, ""))).find("sparse") != std::string::npos);
}

TEST_CASE("onnx: cut short or with flipped bits, it is read or refused in one line") {
  const std::string model = model_of({2, 2}, 1, bytes(9, "0123456789abcdef"));
  check_truncations(open_onnx, model.substr(0, model.size()));
  count_wrong_values(open_onnx, model);
  count_wrong_values(open_onnx, model_of({3}, 7, bytes(7, std::string("\1\2\3", 3))));
}

TEST_CASE("onnx: values in another file, which lies in the model's folder") {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  fs::create_directory(folder / "m");
  const auto write = [](const fs::path& path, const std::string& text) {
    write_bytes(path, std::vector<std::uint8_t>(text.begin(), text.end()));
  };
  write(folder / "m/w.bin", "....12345678");
  write(folder / "secret", "12345678");
  fs::create_symlink(folder / "secret", folder / "m/link");
  const auto open = [&](const std::string& data) {
    write(folder / "m/model.onnx", model_of({2}, 1, data));
    return weights::open_weight_file((folder / "m/model.onnx").string());
  };
  const auto refused_external = [&](const std::string& data) {
    return message_of<WeightFileError>([&] { open(data); });
  };
  const auto file = open(external("w.bin", external_field("offset", "4") + external_field("length", "8")));
  CHECK(file->format() == "onnx");
  CHECK(values_of(*file, file->tensors().at(0)) == "12345678");
  CHECK(values_of(*open(external("w.bin", external_field("offset", "4"))), file->tensors()[0]) == "12345678");
  CHECK(refused_external(external("w.bin")).find("has 12 bytes, expected 8") != std::string::npos);
  CHECK(refused_external(external("w.bin", external_field("offset", "8") + external_field("length", "8")))
            .find("ends beyond the 12 bytes") != std::string::npos);
  CHECK(refused_external(external("w.bin", external_field("offset", "-1"))).find("'-1' is not a number") !=
        std::string::npos);
  CHECK(refused_external(external("w.bin", external_field("offset", "13"))).find("begins at 13") != std::string::npos);
  const std::string own = "only name files in its own folder";
  CHECK(refused_external(external("../secret")).find(own) != std::string::npos);
  CHECK(refused_external(external((folder / "secret").string())).find(own) != std::string::npos);
  CHECK(refused_external(external("")).find(own) != std::string::npos);
  CHECK(refused_external(external("link")).find("a link leads out") != std::string::npos);
  CHECK(refused_external(external("gone.bin")).find("cannot be found") != std::string::npos);
}
