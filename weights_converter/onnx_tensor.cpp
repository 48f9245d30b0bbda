#include "weights_converter/onnx_tensor.hpp"

#include <array>
#include <charconv>
#include <functional>
#include <limits>

#include "io/safetensors_header.hpp"
#include "weights_converter/protobuf.hpp"
#include "weights_converter/strided.hpp"

namespace g2face::weights {
namespace {

// Numbers of fields.
constexpr std::uint64_t dims = 1, data_type = 2, segment = 3, float_data = 4, int32_data = 5, string_data = 6,
                        int64_data = 7, tensor_name = 8, raw_data = 9, double_data = 10, uint64_data = 11,
                        external_data = 13, data_location = 14;

struct TypeRow {
  std::uint64_t number;  // in the file
  ElementType type;
  std::uint64_t field;  // of its values
};
constexpr std::array<TypeRow, 13> types{{{1, ElementType::f32, float_data},
                                         {2, ElementType::u8, int32_data},
                                         {3, ElementType::i8, int32_data},
                                         {4, ElementType::u16, int32_data},
                                         {5, ElementType::i16, int32_data},
                                         {6, ElementType::i32, int32_data},
                                         {7, ElementType::i64, int64_data},
                                         {9, ElementType::boolean, int32_data},
                                         {10, ElementType::f16, int32_data},
                                         {11, ElementType::f64, double_data},
                                         {12, ElementType::u32, uint64_data},
                                         {13, ElementType::u64, uint64_data},
                                         {16, ElementType::bf16, int32_data}}};

std::uint64_t field_of(ElementType type) {
  for (const TypeRow& row : types) {
    if (row.type == type) return row.field;
  }
  return 0;
}

/// The numbers of a repeated field, be they packed or not: those of fixed size as they are, the others decoded.
void each_number(const ProtoField& field, const std::string& where, std::size_t fixed_size,
                 const std::function<void(Bytes, std::uint64_t)>& use) {
  Bytes rest = field.bytes;
  if (fixed_size == 0) {
    if (field.wire == Wire::varint) return use({}, field.value);
    check<WeightFileError>(field.wire == Wire::bytes, where, ": field ", field.number, " is of the wrong kind");
    while (!rest.empty()) use({}, take_varint(rest, where));
    return;
  }
  const Wire single = fixed_size == 8 ? Wire::fixed64 : Wire::fixed32;
  check<WeightFileError>((field.wire == Wire::bytes || field.wire == single) && rest.size() % fixed_size == 0, where,
                         ": field ", field.number, " is of the wrong kind or size");
  for (; !rest.empty(); rest = rest.subspan(fixed_size)) use(rest.first(fixed_size), 0);
}

std::size_t fixed_size_of(std::uint64_t field) { return field == float_data ? 4 : field == double_data ? 8 : 0; }

std::uint64_t parse_number(std::string_view text, const std::string& where) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  check<WeightFileError>(error == std::errc() && end == text.data() + text.size(), where,
                         ": external data: ", io::in_quotes(text), " is not a number");
  return value;
}

void read_external(Bytes message, const std::string& where, ExternalData& external) {
  ProtoReader reader(message, where);
  std::string_view key, value;
  for (ProtoField field; reader.next(field);) {
    if (field.number == 1) key = field.text();
    if (field.number == 2) value = field.text();
  }
  if (key == "location") external.location = value;
  if (key == "offset") external.offset = parse_number(value, where);
  if (key == "length") external.length = parse_number(value, where);
}

/// Whether `value`, which may be a negative number in 64 bits, can be an element. Floats of 16 bits come as their bits.
bool fits(ElementType type, std::uint64_t value) {
  const auto within = [value](auto limits) {
    return static_cast<std::int64_t>(value) >= std::int64_t{limits.min()} &&
           static_cast<std::int64_t>(value) <= std::int64_t{limits.max()};
  };
  switch (type) {
    case ElementType::i32:
      return within(std::numeric_limits<std::int32_t>());
    case ElementType::i16:
      return within(std::numeric_limits<std::int16_t>());
    case ElementType::i8:
      return within(std::numeric_limits<std::int8_t>());
    case ElementType::u32:
      return value <= std::numeric_limits<std::uint32_t>::max();
    case ElementType::u8:
      return value <= std::numeric_limits<std::uint8_t>::max();
    case ElementType::boolean:
      return value <= 1;
    case ElementType::u16:
    case ElementType::f16:
    case ElementType::bf16:
      return value <= std::numeric_limits<std::uint16_t>::max();
    default:
      return true;
  }
}

/// What a first look at the message finds.
struct Found {
  std::uint64_t type = 0, location = 0;
  std::size_t raw = 0;
  ExternalData external;
};

Found scan(OnnxTensor& tensor, const std::string& where) {
  Found found;
  ProtoReader reader(tensor.message, where);
  for (ProtoField field; reader.next(field);) {
    switch (field.number) {
      case dims:
        each_number(field, where, 0, [&](Bytes, std::uint64_t n) {
          check<WeightFileError>(tensor.described.shape.size() < 64, where, ": more than 64 dimensions");
          check<WeightFileError>(n <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()), where,
                                 ": a negative dimension");
          tensor.described.shape.push_back(static_cast<std::int64_t>(n));
        });
        break;
      case data_type:
        found.type = field.value;
        break;
      case segment:
        throw WeightFileError(str(where, ": is one part of several, which is not read"));
      case string_data:
        throw WeightFileError(str(where, ": holds texts, which are no weights"));
      case tensor_name:
        tensor.described.name = field.text();
        break;
      case raw_data:
        check<WeightFileError>(field.wire == Wire::bytes && ++found.raw == 1, where, ": raw_data is damaged");
        tensor.raw = field.bytes;
        break;
      case external_data:
        read_external(field.bytes, where, found.external);
        break;
      case data_location:
        found.location = field.value;
        break;
      default:
        break;
    }
  }
  return found;
}

/// How many values the message itself holds, all of them in the field that its type has.
std::size_t count_values(const OnnxTensor& tensor, const std::string& where) {
  const std::uint64_t expected = field_of(tensor.described.type);
  std::size_t count = 0;
  ProtoReader reader(tensor.message, where);
  for (ProtoField field; reader.next(field);) {
    const bool has_values = field.number == float_data || field.number == int32_data || field.number == int64_data ||
                            field.number == double_data || field.number == uint64_data;
    if (!has_values) continue;
    check<WeightFileError>(field.number == expected, where, ": has values in field ", field.number, ", but those of ",
                           name_of(tensor.described.type), " belong in field ", expected);
    each_number(field, where, fixed_size_of(field.number), [&](Bytes, std::uint64_t value) {
      check<WeightFileError>(fits(tensor.described.type, value), where, ": ", static_cast<std::int64_t>(value),
                             " is no ", name_of(tensor.described.type));
      ++count;
    });
  }
  return count;
}

}  // namespace

OnnxTensor parse_onnx_tensor(Bytes message, const std::string& file) {
  OnnxTensor tensor;
  tensor.message = message;
  const Found found = scan(tensor, str(file, ": an initializer"));
  const std::string where = str(file, ": initializer ", io::in_quotes(tensor.described.name));
  const TypeRow* row = nullptr;
  for (const TypeRow& r : types) row = r.number == found.type ? &r : row;
  check<WeightFileError>(row != nullptr, where, ": elements of type ", found.type, " are not read");
  tensor.described.type = row->type;
  tensor.described.strides.assign(tensor.described.shape.size(), 0);
  check<WeightFileError>(lies_in(tensor.described, 1), where, ": its shape has too many elements");
  tensor.described.strides = contiguous_strides(tensor.described.shape);

  const std::size_t values = count_values(tensor, where), elements = tensor.described.elements();
  check<WeightFileError>(found.location <= 1, where, ": its data lies in an unknown place");
  if (found.location == 1) {
    check<WeightFileError>(!tensor.raw && values == 0, where, ": has values both here and in another file");
    tensor.external = found.external;
  } else if (tensor.raw) {
    check<WeightFileError>(values == 0 && tensor.raw->size() == tensor.described.bytes(), where, ": has ",
                           tensor.raw->size(), " bytes of data, expected ", tensor.described.bytes());
  } else {
    check<WeightFileError>(values == elements, where, ": has ", values, " values, expected ", elements);
  }
  return tensor;
}

void decode_onnx_values(const OnnxTensor& tensor, const std::string& file, std::span<std::byte> to) {
  const std::uint64_t wanted = field_of(tensor.described.type);
  const std::size_t fixed = fixed_size_of(wanted), size = size_of(tensor.described.type);
  std::size_t at = 0;
  ProtoReader reader(tensor.message, file);
  for (ProtoField field; reader.next(field);) {
    if (field.number != wanted) continue;
    each_number(field, file, fixed, [&](Bytes bytes, std::uint64_t value) {
      // The first bytes of a number are the number in fewer bits.
      std::memcpy(to.subspan(at, size).data(), fixed > 0 ? static_cast<const void*>(bytes.data()) : &value, size);
      at += size;
    });
  }
}

}  // namespace g2face::weights
