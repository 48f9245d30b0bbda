// Files of torch.save, made here opcode by opcode.

#include <algorithm>

#include "weights_converter/opened.hpp"
#include "weights_converter/pickle_builder.hpp"

using namespace g2face;
using namespace g2face::test;
using namespace g2face::test::pickled;
using weights::ElementType;
using weights::open_torch_legacy;
using weights::open_torch_zip;

namespace {

const std::string ramp = floats({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});

std::string one(const std::string& value) { return dict({text("w"), value}); }
std::string ramp_window(std::int64_t offset, const std::vector<std::int64_t>& shape,
                        const std::vector<std::int64_t>& strides) {
  return torch_zip(one(tensor(storage("FloatStorage", "0", 12), offset, shape, strides)), {"0", ramp});
}
std::vector<float> window(std::int64_t offset, const std::vector<std::int64_t>& shape,
                          const std::vector<std::int64_t>& strides) {
  const std::string bytes = ramp_window(offset, shape, strides);
  return numbers_of<float>(*opened(open_torch_zip, bytes));
}

}  // namespace

TEST_CASE("torch: windows into a storage") {
  using V = std::vector<float>;
  CHECK(window(0, {12}, {1}) == V{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(window(0, {4, 3}, {1, 4}) == V{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
  CHECK(window(1, {2, 2}, {6, 2}) == V{1, 3, 7, 9});
  CHECK(window(5, {2, 3}, {0, 1}) == V{5, 6, 7, 5, 6, 7});
  CHECK(window(2, {2, 1, 2}, {3, 99, 1}) == V{2, 3, 5, 6});
  CHECK(window(11, {}, {}) == V{11});
  CHECK(window(0, {0, 3}, {3, 1}).empty());
  CHECK(window(3, {1, 1}, {7, 7}) == V{3});
}

TEST_CASE("torch: a window that leaves its storage is refused") {
  const auto refused = [](std::int64_t offset, const std::vector<std::int64_t>& shape,
                          const std::vector<std::int64_t>& strides) {
    return refusal(open_torch_zip, ramp_window(offset, shape, strides));
  };
  constexpr std::int64_t huge = std::int64_t{1} << 62;
  const std::string outside = "F: 'w': does not lie in its storage '0' of 12 elements";
  CHECK(refused(1, {12}, {1}) == outside);
  CHECK(refused(12, {}, {}) == outside);
  CHECK(refused(0, {2, 3}, {10, 1}) == outside);
  CHECK(refused(0, {2, 2}, {huge, huge}) == outside);
  CHECK(refused(0, {huge, 4}, {1, 1}) == outside);
  CHECK(refused(0, {huge, huge}, {0, 0}) == outside);
  CHECK(refused(0, {huge, huge, 0}, {0, 0, 1}) == outside);
  CHECK(refused(huge, {1}, {1}) == outside);
  CHECK(refused(0, {1 << 20, 1 << 10}, {0, 0}).find("would take more than") != std::string::npos);
  CHECK(refused(-1, {1}, {1}).find("the offset of a tensor, -1, is out of range") != std::string::npos);
  CHECK(refused(0, {-1}, {1}).find("the shape of a tensor: -1 is negative") != std::string::npos);
  CHECK(refused(0, {2}, {-1}).find("the strides of a tensor: -1 is negative") != std::string::npos);
  CHECK(refused(0, {2, 3}, {1}).find("2 dimensions has 1 strides") != std::string::npos);
}

TEST_CASE("torch: types of elements, byte order, and any name of the folder") {
  const std::vector<std::pair<std::string, ElementType>> types{
      {"DoubleStorage", ElementType::f64},    {"FloatStorage", ElementType::f32}, {"HalfStorage", ElementType::f16},
      {"BFloat16Storage", ElementType::bf16}, {"LongStorage", ElementType::i64},  {"IntStorage", ElementType::i32},
      {"ShortStorage", ElementType::i16},     {"CharStorage", ElementType::i8},   {"ByteStorage", ElementType::u8},
      {"BoolStorage", ElementType::boolean}};
  for (const auto& item : types) {
    const std::string& name = item.first;
    CAPTURE(name);
    const std::size_t size = size_of(item.second);
    std::string data, swapped;
    for (std::size_t i = 0; i < 3 * size; ++i) data += static_cast<char>(i % 2);
    for (std::size_t i = 0; i < 3; ++i) {
      std::string element = data.substr(i * size, size);
      std::ranges::reverse(element);
      swapped += element;
    }
    const std::string body = one(tensor(storage(name, "k", 3), 0, {3}, {1}));
    for (const bool big : {false, true}) {
      for (const bool deflate : {false, true}) {
        const std::string bytes = torch_zip(body, {"k", big ? swapped : data}, {.deflate = deflate},
                                            big ? "big" : "little", "any n\xc3\xa4me");
        const auto file = opened(open_torch_zip, bytes);
        CHECK(file->tensors().at(0).type == item.second);
        CHECK(values_of(*file, file->tensors()[0]) == data);
      }
    }
    const std::string old = torch_legacy(one(tensor(storage(name, "k", 3, {"N"}), 0, {3}, {1})), {"k", data}, size);
    const auto file = opened(open_torch_legacy, old);
    CHECK(values_of(*file, file->tensors().at(0)) == data);
  }
  CHECK(refusal(open_torch_zip, torch_zip("}", {}, {}, "middle")).find("expected little or big") != std::string::npos);
}

TEST_CASE("torch: names are the keys that lead to a tensor") {
  const std::string t = tensor(storage("FloatStorage", "0", 12), 0, {2}, {1});
  const std::string list = "](" + t + "N" + t + "e";
  const std::string bytes = torch_zip(
      dict({text("list"), list, integer(5), t, text("none"), "N", text("lr"), "G" + std::string(8, '\0'),
            text("\xc3\xa9"),
            dict({text("p"), called(global("torch._utils", "_rebuild_parameter"), {t, "\x88", ordered_dict()})}),
            text("pair"), tuple({integer(1), t})}),
      {"0", ramp});
  const auto file = opened(open_torch_zip, bytes);
  std::string names;
  for (const StoredTensor& tensor : file->tensors()) names += tensor.name + (tensor.parameter ? "* " : " ");
  CHECK(names == "list/0 list/2 5 \xc3\xa9/p* pair/1 ");
  CHECK(refusal(open_torch_zip, torch_zip(dict({text("a"), t, text("a"), t}), {"0", ramp})) ==
        "F: archive/data.pkl: two tensors are called 'a'");
  CHECK(refusal(open_torch_zip, torch_zip(dict({"N", t, tuple({}), t}), {"0", ramp})).find("a key is a tuple") !=
        std::string::npos);
}

TEST_CASE("torch: later ways to write tensors") {
  const std::string untyped =
      tuple({text("storage"), global("torch.storage", "UntypedStorage"), text("0"), text("cpu"), integer(48)}) + "Q";
  const std::string v3 = called(
      global("torch._utils", "_rebuild_tensor_v3"),
      {untyped, integer(2), integers({3}), integers({1}), "\x89", ordered_dict(), global("torch", "uint16"), dict({})});
  const std::string from_type = called(
      global("torch._tensor", "_rebuild_from_type_v2"),
      {global("torch._utils", "_rebuild_tensor_v2"), global("torch.nn.parameter", "Parameter"),
       tuple({storage("FloatStorage", "1", 12), integer(0), integers({12}), integers({1}), "\x89", ordered_dict()}),
       dict({text("note"), text("x")})});
  const std::string bytes = torch_zip(dict({text("a"), v3, text("b"), from_type}), {"0", ramp, "1", ramp});
  const auto file = opened(open_torch_zip, bytes);
  CHECK(numbers_of<std::uint16_t>(*file, 0) == std::vector<std::uint16_t>{0, 0x3f80, 0});
  CHECK(numbers_of<float>(*file, 1).at(11) == 11);
}

TEST_CASE("torch: storages that the archive lacks, or has in another size, are refused") {
  const std::string body = one(tensor(storage("FloatStorage", "0", 12), 0, {2}, {1}));
  CHECK(refusal(open_torch_zip, torch_zip(body)).find("which the archive does not have") != std::string::npos);
  CHECK(refusal(open_torch_zip, torch_zip(body, {"0", ramp + "x"})).find("has 49 bytes, expected 12") !=
        std::string::npos);
  const std::string twice = dict({text("a"), tensor(storage("FloatStorage", "0", 12), 0, {2}, {1}), text("b"),
                                  tensor(storage("HalfStorage", "0", 24), 0, {2}, {1})});
  CHECK(refusal(open_torch_zip, torch_zip(twice, {"0", ramp})).find("two types or sizes") != std::string::npos);
  CHECK(refusal(open_torch_zip, ZipBuilder().add("a/data.pkl", "}.").add("b/x", "").str())
            .find("'b/x' lies outside of the one folder") != std::string::npos);
  CHECK(refusal(open_torch_zip, ZipBuilder().add("a/model.json", "{}").str()).find("no file of torch.save") !=
        std::string::npos);
}

TEST_CASE("torch: the format of before 1.6") {
  const std::string whole = tensor(storage("FloatStorage", "7", 12, {"N"}), 1, {2}, {1});
  const std::string part =
      tensor(storage("FloatStorage", "7", 12, {tuple({text("v"), integer(4), integer(3)})}), 1, {2}, {1});
  const std::string bytes = torch_legacy(dict({text("a"), whole, text("b"), part}), {"7", ramp});
  const auto file = opened(open_torch_legacy, bytes);
  CHECK(numbers_of<float>(*file, 0) == std::vector<float>{1, 2});
  CHECK(numbers_of<float>(*file, 1) == std::vector<float>{5, 6});
  check_truncations(open_torch_legacy, bytes);
  count_wrong_values(open_torch_legacy, bytes);  // there are no checksums: only that nothing worse happens

  CHECK(refusal(open_torch_legacy, bytes + "x").find("1 bytes follow the last storage") != std::string::npos);
  CHECK(refusal(open_torch_legacy, torch_legacy(one(whole), {"8", ramp})).find("storage '8' is listed twice") !=
        std::string::npos);
  CHECK(refusal(open_torch_legacy, torch_legacy(one(whole))).find("does not list the keys") != std::string::npos);
  CHECK(refusal(open_torch_legacy, program("}")).find("magic number") != std::string::npos);
  CHECK(refusal(open_torch_legacy, torch_legacy(tuple({text("module"), "N", "N", "N", "N"}) + "Q"))
            .find("save the state_dict instead") != std::string::npos);
}
