#include "io/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "g2face/error.hpp"

namespace g2face::io {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<std::string_view, DType>, 8> dtypes{{{"F32", DType::f32},
                                                                    {"F64", DType::f64},
                                                                    {"F16", DType::f16},
                                                                    {"BF16", DType::bf16},
                                                                    {"I64", DType::i64},
                                                                    {"I32", DType::i32},
                                                                    {"U8", DType::u8},
                                                                    {"BOOL", DType::u8}}};
constexpr std::size_t prefix_bytes = 8;
constexpr std::array<std::string_view, 9> unsupported{"I8",  "I16",     "U16",     "U32",    "U64",
                                                      "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0"};

// Receives the events of nlohmann's parser; returning false ends the parse, with the reason in error_.
//   depth 1: names -> entries; depth 2: the fields of one entry, or the metadata; depth 3: a list of numbers
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  explicit HeaderReader(HeaderTypes types) : types_(types) {}
  const std::string& error() const { return error_; }
  Header take() { return std::move(header_); }

  bool key(string_t& text) override {
    if (depth_ == 1) {
      if (!names_.insert(text).second) return fail(in_quotes(text) + " appears twice");
      in_metadata_ = text == "__metadata__";
      if (!in_metadata_) header_.entries.push_back({text, {}, {}, {}, {}});
    }
    key_ = std::move(text);
    if (depth_ != 2) return true;
    if (in_metadata_) return header_.metadata.find(key_) == header_.metadata.end() || fail(where() + " appears twice");
    if (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets") return fail(where() + " is not a known field");
    const HeaderEntry& entry = header_.entries.back();
    const bool repeated = (key_ == "dtype" && !entry.type_name.empty()) || (key_ == "shape" && entry.shape) ||
                          (key_ == "data_offsets" && entry.data_offsets);
    return !repeated || fail(where() + " appears twice");
  }

  bool start_object(std::size_t) override {
    if (depth_ >= 2) return unexpected("an object");
    ++depth_;
    return true;
  }
  bool end_object() override {
    if (depth_-- != 2 || in_metadata_) return true;
    const HeaderEntry& entry = header_.entries.back();
    if (!entry.type_name.empty() && entry.shape && entry.data_offsets) return true;
    return fail(in_quotes(entry.name) + " lacks " +
                (entry.type_name.empty() ? "dtype"
                 : !entry.shape          ? "shape"
                                         : "data_offsets"));
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_metadata_ || key_ == "dtype") return unexpected("a list");
    numbers().emplace();
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (depth_ != 3) return unexpected(str(value));
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return fail(str(where(), ": ", value, " is out of range"));
    }
    numbers()->push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool number_integer(number_integer_t value) override {
    return depth_ == 3 ? fail(str(where(), ": ", value, " is negative")) : unexpected(str(value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    return depth_ == 3 ? fail(where() + ": " + in_quotes(text) + " is not a whole number of 63 bits")
                       : unexpected(text);
  }

  bool string(string_t& text) override {
    if (depth_ != 2) return unexpected("a string");
    if (in_metadata_) {
      header_.metadata.emplace(std::move(key_), std::move(text));
      return true;
    }
    if (key_ != "dtype") return unexpected("a string");
    HeaderEntry& entry = header_.entries.back();
    entry.type_name = text;
    for (const auto& [name, dtype] : dtypes) {
      if (name == text) entry.dtype = dtype;
    }
    if (entry.dtype) return true;
    for (const std::string_view name : unsupported) {
      if (name == text) {
        if (types_ == HeaderTypes::all) return true;
        return fail(where() + ": " + text + " is not supported, expected F32, F64, F16, BF16, I64, I32, U8 or BOOL");
      }
    }
    return fail(where() + ": " + in_quotes(text) + " is not a known type");
  }

  bool null() override { return unexpected("null"); }
  bool boolean(bool value) override { return unexpected(value ? "true" : "false"); }
  bool binary(binary_t&) override { return unexpected("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    return fail(str("not valid JSON at byte ", position));
  }

 private:
  std::optional<std::vector<std::int64_t>>& numbers() {
    HeaderEntry& entry = header_.entries.back();
    return key_ == "shape" ? entry.shape : entry.data_offsets;
  }
  // The place that is being read, for messages.
  std::string where() const {
    if (depth_ == 0) return "the header";
    if (depth_ == 1) return in_quotes(key_);
    return in_metadata_ ? "__metadata__." + in_quotes(key_)
                        : in_quotes(header_.entries.back().name) + "." + in_quotes(key_);
  }
  bool unexpected(const std::string& what) {
    const char* expected = depth_ < 2        ? "an object"
                           : depth_ == 3     ? "a number"
                           : in_metadata_    ? "a string"
                           : key_ == "dtype" ? "a string"
                                             : "a list";
    return fail(where() + " is " + what + ", expected " + expected);
  }
  bool fail(std::string message) {
    if (error_.empty()) error_ = std::move(message);
    return false;
  }

  HeaderTypes types_;
  Header header_;
  std::set<std::string, std::less<>> names_;
  std::string key_;
  std::string error_;
  int depth_ = 0;
  bool in_metadata_ = false;
};

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  constexpr std::size_t most = 100;
  std::string out = "'";
  for (std::size_t i = 0; i < text.size() && i < most; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) {
      out += "\\x";
      out += hex[c >> 4];
      out += hex[c & 15];
    } else {
      out += text[i];
    }
  }
  return out + (text.size() > most ? "...'" : "'");
}

Header parse_header(std::string_view text, const std::string& file, HeaderTypes types) {
  check<CheckpointError>(text.starts_with('{'), file, ": header: does not start with '{'; not a safetensors file?");
  HeaderReader reader(types);
  const bool ok = json::sax_parse(text.begin(), text.end(), &reader);
  check<CheckpointError>(ok, file, ": header: ", reader.error());
  return reader.take();
}

HeaderAndData split_safetensors(std::span<const std::uint8_t> bytes, const std::string& file, HeaderTypes types) {
  check<CheckpointError>(bytes.size() >= prefix_bytes, file, ": ", bytes.size(),
                         " bytes are too few for a safetensors file");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), prefix_bytes);
  check<CheckpointError>(header_bytes <= max_header_bytes, file, ": header of ", header_bytes, " bytes, at most ",
                         max_header_bytes, " are accepted; not a safetensors file?");
  check<CheckpointError>(header_bytes <= bytes.size() - prefix_bytes, file, ": header of ", header_bytes,
                         " bytes in a file of ", bytes.size(), " bytes; is it truncated?");
  const auto text = bytes.subspan(prefix_bytes, static_cast<std::size_t>(header_bytes));
  return {parse_header({reinterpret_cast<const char*>(text.data()), text.size()}, file, types),
          bytes.subspan(prefix_bytes + text.size())};
}

DataExtent data_extent(const HeaderEntry& entry, const std::string& file) {
  const std::vector<std::int64_t>& offsets = *entry.data_offsets;
  check<CheckpointError>(offsets.size() == 2, file, ": ", in_quotes(entry.name), ": data_offsets has ", offsets.size(),
                         " numbers, expected 2");
  check<CheckpointError>(offsets[0] <= offsets[1], file, ": ", in_quotes(entry.name), ": data_offsets [", offsets[0],
                         ",", offsets[1], "] end before they begin");
  return {&entry, static_cast<std::size_t>(offsets[0]), static_cast<std::size_t>(offsets[1])};
}

void check_coverage(std::vector<DataExtent> extents, std::size_t size, const std::string& file) {
  std::sort(extents.begin(), extents.end(), [](const DataExtent& a, const DataExtent& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::size_t covered = 0;
  for (const DataExtent& extent : extents) {
    check<CheckpointError>(extent.begin == covered, file, ": ", in_quotes(extent.entry->name), ": data begins at ",
                           extent.begin, ", which ", extent.begin < covered ? "overlaps" : "leaves a gap after",
                           " the data that ends at ", covered);
    check<CheckpointError>(extent.end <= size, file, ": ", in_quotes(extent.entry->name), ": data ends at ", extent.end,
                           ", but the file has only ", size, " bytes of data; is it truncated?");
    covered = extent.end;
  }
  check<CheckpointError>(covered == size, file, ": ", size - covered, " bytes after the data of the last tensor");
}

}  // namespace g2face::io
