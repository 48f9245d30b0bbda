#pragma once
// Pickles, opcode by opcode, and files of PyTorch around them.

#include <string>
#include <string_view>
#include <vector>

#include "weights_converter/zip_builder.hpp"

namespace g2face::test {

namespace pickled {

inline std::string text(std::string_view s) {
  return std::string("X") + number_bytes(static_cast<std::uint32_t>(s.size())) + std::string(s);
}
inline std::string integer(std::int64_t n) { return std::string("\x8a\x08") + number_bytes(n); }
inline std::string global(std::string_view module, std::string_view name) {
  return std::string("c") + std::string(module) + "\n" + std::string(name) + "\n";
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string all = "(";
  for (const std::string& item : items) all += item;
  return all + "t";
}
inline std::string integers(const std::vector<std::int64_t>& numbers) {
  std::vector<std::string> items;
  for (const std::int64_t n : numbers) items.push_back(integer(n));
  return tuple(items);
}
/// {} with items, which are keys and values in turn.
inline std::string dict(const std::vector<std::string>& items) {
  std::string all = "}(";
  for (const std::string& item : items) all += item;
  return all + "u";
}
inline std::string called(const std::string& global, const std::vector<std::string>& arguments) {
  return global + tuple(arguments) + "R";
}
inline std::string ordered_dict() { return called(global("collections", "OrderedDict"), {}); }

/// `extra` are further parts of the name: none in zip archives.
inline std::string storage(std::string_view type, std::string_view key, std::int64_t elements,
                           const std::vector<std::string>& extra = {}) {
  std::vector<std::string> parts{text("storage"), global("torch", type), text(key), text("cpu"), integer(elements)};
  parts.insert(parts.end(), extra.begin(), extra.end());
  return tuple(parts) + "Q";
}
inline std::string tensor(const std::string& storage, std::int64_t offset, const std::vector<std::int64_t>& shape,
                          const std::vector<std::int64_t>& strides) {
  return called(global("torch._utils", "_rebuild_tensor_v2"),
                {storage, integer(offset), integers(shape), integers(strides), "\x89", ordered_dict()});
}
inline std::string program(const std::string& body, char protocol = 2) {
  return std::string("\x80") + protocol + body + ".";
}

}  // namespace pickled

/// A file of torch.save; `storages` are keys and bytes in turn.
inline std::string torch_zip(const std::string& body, const std::vector<std::string>& storages = {},
                             ZipOptions options = {}, const std::string& byte_order = "",
                             const std::string& folder = "archive") {
  ZipBuilder zip(options);
  zip.add(folder + "/data.pkl", pickled::program(body));
  if (!byte_order.empty()) zip.add(folder + "/byteorder", byte_order);
  for (std::size_t i = 0; i + 1 < storages.size(); i += 2) zip.add(folder + "/data/" + storages[i], storages[i + 1]);
  return zip.add(folder + "/version", "3\n").str();
}

/// Likewise of before PyTorch 1.6; the elements of each storage have `element` bytes.
inline std::string torch_legacy(const std::string& body, const std::vector<std::string>& storages = {},
                                std::size_t element = 4) {
  using namespace pickled;
  std::string all = program(std::string("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12)) +
                    program(integer(1001)) + program(dict({text("little_endian"), "\x88"})) + program(body);
  std::string keys = "](";
  std::string data;
  for (std::size_t i = 0; i + 1 < storages.size(); i += 2) {
    keys += text(storages[i]);
    data += number_bytes<std::int64_t>(static_cast<std::int64_t>(storages[i + 1].size() / element)) + storages[i + 1];
  }
  return all + program(keys + "e") + data;
}

inline std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

}  // namespace g2face::test
