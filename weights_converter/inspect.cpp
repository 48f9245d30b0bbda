#include "weights_converter/inspect.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iomanip>
#include <ostream>

#include "g2face/dtype.hpp"
#include "io/json_text.hpp"
#include "io/sha256.hpp"
#include "weights_converter/bytes.hpp"

namespace g2face::weights {
namespace {

using Scalar = io::JsonObject::Scalar;

Scalar real(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

Scalar element(ElementType type, Bytes bytes, std::size_t i) {
  const std::size_t at = i * size_of(type);
  switch (type) {
    case ElementType::f64:
      return real(number_at<double>(bytes, at));
    case ElementType::f32:
      return real(static_cast<double>(number_at<float>(bytes, at)));
    case ElementType::f16:
      return real(static_cast<double>(to_float(f16{number_at<std::uint16_t>(bytes, at)})));
    case ElementType::bf16:
      return real(static_cast<double>(to_float(bf16{number_at<std::uint16_t>(bytes, at)})));
    case ElementType::i64:
      return number_at<std::int64_t>(bytes, at);
    case ElementType::i32:
      return std::int64_t{number_at<std::int32_t>(bytes, at)};
    case ElementType::i16:
      return std::int64_t{number_at<std::int16_t>(bytes, at)};
    case ElementType::i8:
      return std::int64_t{number_at<std::int8_t>(bytes, at)};
    case ElementType::u64:
      return number_at<std::uint64_t>(bytes, at);
    case ElementType::u32:
      return std::uint64_t{number_at<std::uint32_t>(bytes, at)};
    case ElementType::u16:
      return std::uint64_t{number_at<std::uint16_t>(bytes, at)};
    case ElementType::u8:
      return std::uint64_t{number_at<std::uint8_t>(bytes, at)};
    case ElementType::boolean:
      return number_at<std::uint8_t>(bytes, at) != 0;
  }
  return false;
}

std::vector<Scalar> scalars(const std::vector<std::int64_t>& numbers) { return {numbers.begin(), numbers.end()}; }

/// Its values, for which `buffer` is used again from tensor to tensor.
Bytes values_of(const WeightFile& file, const StoredTensor& tensor, std::vector<std::byte>& buffer) {
  buffer.resize(tensor.bytes());
  file.read(tensor, buffer);
  return {reinterpret_cast<const std::uint8_t*>(buffer.data()), buffer.size()};
}

/// Names come from the file: control characters would command the terminal.
std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

std::string list_text(const std::vector<std::int64_t>& numbers) {
  std::string text = "[";
  for (const std::int64_t n : numbers) text += str(text.size() > 1 ? "," : "", n);
  return text += ']';
}

}  // namespace

void inspect_json(const WeightFile& file, std::ostream& out) {
  io::JsonObject all;
  all.set("file", std::filesystem::path(file.path()).filename().string()).set("format", file.format());
  all.set_list("tensors");
  std::vector<std::byte> buffer;
  for (const StoredTensor& tensor : file.tensors()) {
    const Bytes values = values_of(file, tensor, buffer);
    std::vector<Scalar> first;
    for (std::size_t i = 0; i < std::min<std::size_t>(tensor.elements(), 8); ++i) {
      first.push_back(element(tensor.type, values, i));
    }
    io::JsonObject entry;
    entry.set("name", tensor.name).set("dtype", name_of(tensor.type)).set("shape", scalars(tensor.shape));
    entry.set("strides", scalars(tensor.strides)).set("storage_offset", tensor.storage_offset);
    entry.set("parameter", tensor.parameter).set("sha256", io::sha256(values)).set("first8", first);
    all.add("tensors", std::move(entry));
  }
  out << all.str() << '\n';
}

void inspect_table(const WeightFile& file, std::ostream& out) {
  std::size_t widest = 4, bytes = 0;
  for (const StoredTensor& tensor : file.tensors())
    widest = std::max(widest, std::min<std::size_t>(tensor.name.size(), 60));
  const auto line = [&](std::string_view name, std::string_view type, std::string_view shape, std::string_view strides,
                        std::string_view hash) {
    out << std::left << std::setw(static_cast<int>(widest)) << name << "  " << std::setw(8) << type << "  "
        << std::setw(18) << shape << "  " << std::setw(18) << strides << "  " << hash << '\n';
  };
  line("name", "type", "shape", "strides", "sha256");
  std::vector<std::byte> buffer;
  for (const StoredTensor& tensor : file.tensors()) {
    const std::string hash = io::sha256(values_of(file, tensor, buffer));
    const std::string offset = tensor.storage_offset != 0 ? str("+", tensor.storage_offset) : "";
    line(printable(tensor.name), name_of(tensor.type), list_text(tensor.shape), list_text(tensor.strides) + offset,
         hash);
    bytes += tensor.bytes();
  }
  out << file.tensors().size() << " tensors, " << bytes << " bytes; format: " << file.format() << '\n';
}

}  // namespace g2face::weights
