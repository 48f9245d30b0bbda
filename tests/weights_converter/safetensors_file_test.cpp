#include "weights_converter/opened.hpp"
#include "weights_converter/zip_builder.hpp"

using namespace g2face;
using namespace g2face::test;
using weights::open_safetensors;

namespace {

std::string file_of(const std::string& header, const std::string& data) {
  return number_bytes<std::uint64_t>(header.size()) + header + data;
}
std::string one(const std::string& name, const std::string& type, const std::string& shape, std::size_t bytes) {
  return str("\"", name, "\":{\"dtype\":\"", type, "\",\"shape\":", shape, ",\"data_offsets\":[0,", bytes, "]}");
}
void write(const std::filesystem::path& path, const std::string& text) {
  write_bytes(path, std::vector<std::uint8_t>(text.begin(), text.end()));
}

}  // namespace

TEST_CASE("weight files: safetensors of every type of elements") {
  const std::vector<std::pair<std::string, std::string>> types{
      {"F64", "float64"}, {"F32", "float32"}, {"F16", "float16"}, {"BF16", "bfloat16"}, {"I64", "int64"},
      {"I32", "int32"},   {"I16", "int16"},   {"I8", "int8"},     {"U64", "uint64"},    {"U32", "uint32"},
      {"U16", "uint16"},  {"U8", "uint8"},    {"BOOL", "bool"}};
  for (const auto& item : types) {
    CAPTURE(item.first);
    const std::string text = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL";
    for (const std::size_t size : std::vector<std::size_t>{1, 2, 4, 8}) {
      const std::string bytes = file_of("{" + one("w", item.first, "[2,3]", 6 * size) + "}", text.substr(0, 6 * size));
      const std::string said = refusal(open_safetensors, bytes);
      const auto file = said == "(nothing thrown)" ? opened(open_safetensors, bytes) : nullptr;
      if (!file) continue;
      const StoredTensor& tensor = file->tensors().at(0);
      CHECK(name_of(tensor.type) == item.second);
      CHECK(size_of(tensor.type) == size);
      CHECK(tensor.strides == std::vector<std::int64_t>{3, 1});
      CHECK(values_of(*file, tensor) == text.substr(0, 6 * size));
    }
  }
  CHECK(
      refusal(open_safetensors, file_of("{" + one("w", "F8_E4M3", "[1]", 1) + "}", "x")).find("F8_E4M3 are not read") !=
      std::string::npos);
  const std::string whole = file_of("{" + one("w", "I16", "[2]", 4) + "}", "abcd");
  check_truncations(open_safetensors, whole);
  count_wrong_values(open_safetensors, whole);
}

TEST_CASE("weight files: shards lie beside their index, and hold what it says") {
  const TemporaryFolder folder;
  write(folder / "a.safetensors", file_of("{" + one("x", "U8", "[2]", 2) + "}", "ab"));
  write(folder / "b.safetensors", file_of("{" + one("y", "I8", "[1]", 1) + "}", "c"));
  const auto index = folder / "model.safetensors.index.json";
  const auto open = [&](const std::string& weight_map) {
    write(index, "{\"metadata\":{\"total_size\":3},\"weight_map\":" + weight_map + "}");
    return weights::open_weight_file(index.string());
  };
  const auto refused = [&](const std::string& weight_map) {
    return message_of<WeightFileError>([&] { open(weight_map); });
  };
  const auto file = open(R"({"x":"a.safetensors","y":"b.safetensors"})");
  CHECK(file->format() == "safetensors shards");
  CHECK(all_of(*file) == "x uint8 2aby int8 1c");
  CHECK(refused(R"({"x":"a.safetensors","y":"a.safetensors"})").find("has 1 tensors, but the index names 2") !=
        std::string::npos);
  CHECK(refused(R"({"z":"a.safetensors"})").find("'x': the index does not say") != std::string::npos);
  CHECK(refused(R"({"x":"c.safetensors"})").find("cannot read a shard") != std::string::npos);
  CHECK(refused(R"({"x":"../a.safetensors"})").find("no name of a file beside the index") != std::string::npos);
  CHECK(refused(R"({"x":"/etc/passwd"})").find("no name of a file beside the index") != std::string::npos);
  CHECK(refused(R"({"x":1})").find("'x' is not a text") != std::string::npos);
  CHECK(refused("[]").find("has no object 'weight_map'") != std::string::npos);
  CHECK(refused("{").find("is not valid JSON") != std::string::npos);
}
