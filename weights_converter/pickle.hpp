#pragma once
// Pickles, read by a machine that can make no object but those below. It knows all opcodes of protocols 0 to 5 and a
// list of globals (pickle_globals.cpp); any other global ends the reading with its name. Nothing is imported or called.

#include <array>
#include <bit>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights_converter/bytes.hpp"
#include "weights_converter/weight_file.hpp"

namespace g2face::weights::pickle {

/// Which value; they live as long as their Pickle.
using Ref = std::uint32_t;

enum class Kind : std::uint8_t {
  none,
  boolean,
  integer,
  long_integer,  // beyond 64 bits; its text is what was stored
  real,
  text,
  bytes,
  tuple,
  list,
  dict,  // items: key, value, key, value ...
  global,
  element_type,
  storage,
  tensor,
  passed_over,  // an object whose contents do not matter
};
std::string_view name_of(Kind kind);

struct Value {
  Kind kind = Kind::none;
  bool parameter = false;
  std::uint32_t index = 0;  // of a global, storage or tensor
  std::int64_t number = 0;  // an integer or boolean, the bits of a real, the type of elements
  std::string_view text;
  std::vector<Ref> items;

  double real() const { return std::bit_cast<double>(number); }
};

/// One of PyTorch's storages, by the key under which its elements are stored.
struct Storage {
  std::string_view key;
  std::optional<ElementType> type;  // none: `elements` are bytes
  std::int64_t elements = 0;
};

struct Tensor {
  ElementType type = ElementType::f32;
  std::uint32_t storage = 0;
  std::int64_t offset = 0;
  std::vector<std::int64_t> shape, strides;
};

struct Pickle {
  Ref root = 0;
  std::size_t size = 0;  // bytes that it took
  std::vector<Value> values;
  std::vector<Storage> storages;
  std::vector<Tensor> tensors;
  std::deque<std::string> texts;  // what had to be decoded; other texts are views of the bytes

  const Value& at(Ref ref) const { return values[ref]; }
};

/// More bytes, values, or levels of nesting than any checkpoint needs are refused.
constexpr std::size_t most_bytes = std::size_t{64} << 20;
constexpr std::size_t most_values = std::size_t{1} << 21;

/// Reads the pickle that `bytes` begin with, and which must outlive the result. `where` begins every message. Throws
/// WeightFileError.
Pickle read(Bytes bytes, const std::string& where);

/// What a global of the list stands for.
enum class Role : std::uint8_t {
  storage_type,
  untyped_storage,
  element_type,
  rebuild_tensor,     // storage, offset, shape, strides, and what comes after them
  rebuild_tensor_v3,  // the same, with the type of elements as the 7th argument
  rebuild_parameter,
  rebuild_from_type,  // function, class, arguments, state
  reconstruct,        // class, base, state: objects in protocols 0 and 1
  encode,             // text, encoding: bytes in protocols 0 to 2
  ordered_dict,
  default_dict,
  tuple,
  passed_over,  // a class whose objects are not looked into
};
struct Global {
  Role role = Role::passed_over;
  ElementType type = ElementType::f32;
};
/// Nothing if `name` ("module.name") is not on the list.
std::optional<Global> find_global(std::string_view name);

}  // namespace g2face::weights::pickle
