#include "weights_converter/pickle.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <unordered_map>

#include "io/safetensors_header.hpp"
#include "weights_converter/pickle_text.hpp"

namespace g2face::weights::pickle {

std::string_view name_of(Kind kind) {
  constexpr std::array<std::string_view, 15> names{"None",     "a bool",  "an int",    "a long int", "a float",
                                                   "a text",   "bytes",   "a tuple",   "a list",     "a dict",
                                                   "a global", "a dtype", "a storage", "a tensor",   "an object"};
  return names[static_cast<std::size_t>(kind)];
}

namespace {

using Refs = std::vector<Ref>;

/// Letters are the opcodes of protocol 0 and 1; the others by number, as in Python's pickletools.
class Machine {
 public:
  Machine(Bytes bytes, const std::string& where)
      : bytes_(bytes.first(std::min(bytes.size(), most_bytes))), where_(where) {
    for (const Kind kind : {Kind::none, Kind::boolean, Kind::boolean, Kind::tuple}) add(kind);
    out_.values[true_].number = 1;
  }

  Pickle run() {
    while (true) {
      opcode_at_ = at_;
      const std::uint8_t op = byte();
      if (op == '.') break;
      require(constant(op) || number(op) || text(op) || collection(op) || memo(op) || object(op), "opcode ",
              static_cast<unsigned>(op), " is not known or not allowed");
    }
    out_.root = pop();
    require(stack_.empty() && marks_.empty(), "values are left over at its end");
    out_.size = at_;
    return std::move(out_);
  }

 private:
  static constexpr Ref none_ = 0, false_ = 1, true_ = 2, empty_tuple_ = 3;

  template <class... Parts>
  void require(bool ok, const Parts&... parts) const {
    check<WeightFileError>(ok, where_, ": byte ", opcode_at_, " of the pickle: ", parts...);
  }

  // Bytes.
  Bytes take(std::uint64_t n) {
    require(n <= bytes_.size() - at_, "needs ", n, " more bytes, but only ", bytes_.size() - at_,
            " follow: is the file truncated?");
    const Bytes part = bytes_.subspan(at_, static_cast<std::size_t>(n));
    at_ += part.size();
    return part;
  }
  template <class T>
  T take_number() {
    return number_at<T>(take(sizeof(T)), 0);
  }
  std::uint8_t byte() { return take(1)[0]; }
  template <class T>
  std::string_view take_counted() {
    const T n = take_number<T>();
    require(static_cast<std::uint64_t>(n) <= std::numeric_limits<std::int64_t>::max(), "a negative length");
    return text_of(take(static_cast<std::uint64_t>(n)));
  }
  std::string_view line() {
    const std::string_view rest = text_of(bytes_.subspan(at_));
    const std::size_t end = rest.find('\n');
    require(end != std::string_view::npos, "a line does not end: is the file truncated?");
    at_ += end + 1;
    return rest.substr(0, end);
  }
  template <class T>
  T parsed(std::string_view text) const {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    require(error == std::errc() && end == text.data() + text.size(), io::in_quotes(text), " is not a number");
    return value;
  }

  // Values.
  Value& add(Kind kind) {
    require(out_.values.size() < most_values, "more than ", most_values, " values");
    out_.values.emplace_back().kind = kind;
    return out_.values.back();
  }
  Value& push(Kind kind) {
    Value& value = add(kind);
    stack_.push_back(static_cast<Ref>(out_.values.size() - 1));
    return value;
  }
  bool push_number(Kind kind, std::int64_t number) {
    push(kind).number = number;
    return true;
  }
  bool push_text(Kind kind, std::string_view text) {
    push(kind).text = text;
    return true;
  }
  bool push_decoded(Kind kind, std::string text) {
    out_.texts.push_back(std::move(text));
    return push_text(kind, out_.texts.back());
  }
  bool push_ref(Ref ref) {
    stack_.push_back(ref);
    return true;
  }
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Ref top() const {
    require(stack_.size() > floor(), "the stack is empty");
    return stack_.back();
  }
  Ref pop() {
    const Ref ref = top();
    stack_.pop_back();
    return ref;
  }
  Refs pop_to_mark() {
    require(!marks_.empty(), "there is no mark");
    Refs items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  bool push_tuple(Refs items) {
    if (items.empty()) return push_ref(empty_tuple_);
    push(Kind::tuple).items = std::move(items);
    return true;
  }
  Value& get(Ref ref) { return out_.values[ref]; }
  const Value& get(Ref ref, Kind kind, std::string_view what) const {
    const Value& value = out_.values[ref];
    require(value.kind == kind, what, " is ", name_of(value.kind), ", expected ", name_of(kind));
    return value;
  }

  // Opcodes, by what they are about. False: not one of these.
  bool constant(std::uint8_t op) {
    switch (op) {
      case 'N':
        return push_ref(none_);
      case 0x88:
        return push_ref(true_);
      case 0x89:
        return push_ref(false_);
      case ')':
        return push_ref(empty_tuple_);
      case 0x80:
        require(byte() <= 5, "a protocol later than 5");
        return true;
      case 0x95:  // a frame only says how many bytes to read at once
        require(take_number<std::uint64_t>() <= bytes_.size() - at_,
                "a frame is larger than the file: is it truncated?");
        return true;
      case '(':
        marks_.push_back(stack_.size());
        return true;
      case '0':
        if (stack_.size() == floor() && !marks_.empty()) {
          marks_.pop_back();
        } else {
          pop();
        }
        return true;
      case '1':
        pop_to_mark();
        return true;
      case '2':
        return push_ref(top());
      default:
        return false;
    }
  }

  bool number(std::uint8_t op) {
    switch (op) {
      case 'J':
        return push_number(Kind::integer, take_number<std::int32_t>());
      case 'K':
        return push_number(Kind::integer, byte());
      case 'M':
        return push_number(Kind::integer, take_number<std::uint16_t>());
      case 'I': {
        const std::string_view text = line();
        if (text == "00" || text == "01") return push_ref(text == "01" ? true_ : false_);
        return push_integer(text);
      }
      case 'L': {
        const std::string_view text = line();
        return push_integer(text.substr(0, text.size() - (text.ends_with('L') ? 1 : 0)));
      }
      case 0x8a:
        return push_long(text_of(take(byte())));
      case 0x8b:
        return push_long(take_counted<std::uint32_t>());
      case 'G': {
        std::uint64_t bits = 0;
        for (const std::uint8_t b : take(8)) bits = bits << 8 | b;
        return push_number(Kind::real, static_cast<std::int64_t>(bits));
      }
      case 'F':
        return push_number(Kind::real, std::bit_cast<std::int64_t>(parsed<double>(line())));
      default:
        return false;
    }
  }
  bool push_integer(std::string_view digits) {
    const bool is_long = digits.size() > 18 && digits.find_first_not_of("-0123456789") == std::string_view::npos;
    return is_long ? push_text(Kind::long_integer, digits) : push_number(Kind::integer, parsed<std::int64_t>(digits));
  }
  bool push_long(std::string_view bytes) {
    if (bytes.size() > 8) return push_text(Kind::long_integer, bytes);
    const bool negative = !bytes.empty() && (static_cast<std::uint8_t>(bytes.back()) & 0x80U) != 0;
    std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
    return push_number(Kind::integer, static_cast<std::int64_t>(value));
  }

  bool text(std::uint8_t op) {
    switch (op) {
      case 'X':
        return push_text(Kind::text, take_counted<std::uint32_t>());
      case 0x8c:
        return push_text(Kind::text, take_counted<std::uint8_t>());
      case 0x8d:
        return push_text(Kind::text, take_counted<std::uint64_t>());
      case 'V':
        return push_decoded(Kind::text, decode_unicode_line(line()));
      // Texts of Python 2.
      case 'T':
        return push_text(Kind::text, take_counted<std::int32_t>());
      case 'U':
        return push_text(Kind::text, take_counted<std::uint8_t>());
      case 'S': {
        const std::string_view quoted = line();
        const bool whole =
            quoted.size() >= 2 && quoted.front() == quoted.back() && (quoted.front() == '\'' || quoted.front() == '"');
        require(whole, "a text lacks its quotes");
        return push_decoded(Kind::text, decode_escapes(quoted.substr(1, quoted.size() - 2)));
      }
      case 'C':
        return push_text(Kind::bytes, take_counted<std::uint8_t>());
      case 'B':
        return push_text(Kind::bytes, take_counted<std::uint32_t>());
      case 0x8e:
      case 0x96:
        return push_text(Kind::bytes, take_counted<std::uint64_t>());
      default:
        return false;
    }
  }

  bool collection(std::uint8_t op) {
    switch (op) {
      case 't':
        return push_tuple(pop_to_mark());
      case 0x85:
      case 0x86:
      case 0x87: {
        Refs items(op - 0x84U);
        for (std::size_t i = items.size(); i > 0; --i) items[i - 1] = pop();
        return push_tuple(std::move(items));
      }
      case ']':
        push(Kind::list);
        return true;
      case 'l': {
        Refs items = pop_to_mark();
        push(Kind::list).items = std::move(items);
        return true;
      }
      case '}':
        push(Kind::dict);
        return true;
      case 'd': {
        Refs items = pop_to_mark();
        push(Kind::dict);
        return extend(Kind::dict, items);
      }
      case 0x8f:
        push(Kind::passed_over);  // a set
        return true;
      case 0x91:
        pop_to_mark();  // a frozen set
        push(Kind::passed_over);
        return true;
      case 'a':
        return extend(Kind::list, {pop()});
      case 'e':
        return extend(Kind::list, pop_to_mark());
      case 's': {
        const Ref value = pop(), key = pop();
        return extend(Kind::dict, {key, value});
      }
      case 'u':
        return extend(Kind::dict, pop_to_mark());
      case 0x90:
        return extend(Kind::passed_over, pop_to_mark());
      default:
        return false;
    }
  }
  /// Adds to the collection on top of the stack.
  bool extend(Kind kind, const Refs& items) {
    require(kind != Kind::dict || items.size() % 2 == 0, "a key has no value");
    Value& to = get(top());
    require(to.kind == kind || to.kind == Kind::passed_over, "items are added to ", name_of(to.kind), ", expected ",
            name_of(kind));
    if (to.kind == kind && kind != Kind::passed_over) to.items.insert(to.items.end(), items.begin(), items.end());
    return true;
  }

  bool memo(std::uint8_t op) {
    switch (op) {
      case 'p':
        return remember(parsed<std::uint64_t>(line()));
      case 'q':
        return remember(byte());
      case 'r':
        return remember(take_number<std::uint32_t>());
      case 0x94:
        return remember(memo_.size());
      case 'g':
        return recall(parsed<std::uint64_t>(line()));
      case 'h':
        return recall(byte());
      case 'j':
        return recall(take_number<std::uint32_t>());
      default:
        return false;
    }
  }
  bool remember(std::uint64_t index) {
    // Numbered one after the other by who writes them, and each takes a byte at least.
    require(index <= at_, "memo ", index, " is out of range");
    if (index >= memo_.size()) memo_.resize(static_cast<std::size_t>(index) + 1, unset_);
    memo_[static_cast<std::size_t>(index)] = top();
    return true;
  }
  bool recall(std::uint64_t index) {
    require(index < memo_.size() && memo_[static_cast<std::size_t>(index)] != unset_, "memo ", index, " is not set");
    return push_ref(memo_[static_cast<std::size_t>(index)]);
  }

  bool object(std::uint8_t op) {
    switch (op) {
      case 'c': {
        const std::string_view module = line(), name = line();
        return push_global(module, name);
      }
      case 0x93: {
        const Ref name = pop(), module = pop();
        return push_global(get(module, Kind::text, "the module of a global").text,
                           get(name, Kind::text, "the name of a global").text);
      }
      case 'R':
      case 0x81: {  // a new object
        const Ref arguments = pop(), callable = pop();
        return make(callable, get(arguments, Kind::tuple, "what a global is given").items);
      }
      case 0x92: {  // a new object, with arguments by keyword
        pop();
        const Ref arguments = pop(), callable = pop();
        return make(callable, get(arguments, Kind::tuple, "what a global is given").items);
      }
      case 'i': {
        const std::string_view module = line(), name = line();
        const Refs arguments = pop_to_mark();
        push_global(module, name);
        return make(pop(), arguments);
      }
      case 'o': {
        const Refs items = pop_to_mark();
        require(!items.empty(), "an object has no class");
        return make(items.front(), std::span(items).subspan(1));
      }
      case 'b': {  // the state of an object: the attributes of a dict or a tensor do not matter
        pop();
        const Kind kind = get(top()).kind;
        require(kind == Kind::passed_over || kind == Kind::dict || kind == Kind::tensor, "a state is given to ",
                name_of(kind));
        return true;
      }
      case 'Q':
        return push_storage(pop());
      default:
        return false;
    }
  }

  bool push_global(std::string_view module, std::string_view name) {
    const std::string full = str(module, ".", name);
    const std::optional<Global> global = find_global(full);
    require(global.has_value(), "it asks for ", io::in_quotes(full),
            ", which no weights need and which is never run: do not trust this file");
    // The few that a pickle names are kept once.
    std::size_t index = 0;
    while (index < globals_.size() && names_[index] != full) ++index;
    if (index == globals_.size()) {
      globals_.push_back(*global);
      names_.push_back(full);
    }
    if (global->role == Role::element_type)
      return push_number(Kind::element_type, static_cast<std::int64_t>(global->type));
    push(Kind::global).index = static_cast<std::uint32_t>(index);
    return true;
  }

  bool make(Ref callable, std::span<const Ref> arguments) {
    const std::uint32_t index = get(callable, Kind::global, "what is called").index;
    const auto argument = [&](std::size_t i) {
      require(i < arguments.size(), names_[index], " lacks its argument ", i + 1);
      return arguments[i];
    };
    switch (globals_[index].role) {
      case Role::rebuild_tensor:
      case Role::rebuild_tensor_v3: {
        argument(3);
        std::optional<ElementType> type;
        if (globals_[index].role == Role::rebuild_tensor_v3) {
          type = static_cast<ElementType>(get(argument(6), Kind::element_type, "the type of a tensor").number);
        }
        return push_tensor(arguments, type);
      }
      case Role::rebuild_parameter: {
        const std::uint32_t tensor = get(argument(0), Kind::tensor, "the value of a Parameter").index;
        Value& value = push(Kind::tensor);
        value.index = tensor;
        value.parameter = true;
        return true;
      }
      case Role::rebuild_from_type: {
        const Ref function = argument(0);
        const Role role = globals_[get(function, Kind::global, "what is called").index].role;
        require(role == Role::rebuild_tensor || role == Role::rebuild_tensor_v3 || role == Role::rebuild_parameter,
                names_[index], " is given no function that makes tensors");
        return make(function, get(argument(2), Kind::tuple, "what a global is given").items);
      }
      case Role::reconstruct: {
        const std::uint32_t type = get(argument(0), Kind::global, "the class of an object").index;
        push(globals_[type].role == Role::ordered_dict ? Kind::dict : Kind::passed_over);
        return true;
      }
      case Role::encode:
        get(argument(0), Kind::text, "what is encoded");
        push(Kind::passed_over);
        return true;
      case Role::ordered_dict:
        return push_dict(arguments);
      case Role::default_dict:
        // The first argument makes missing values.
        return push_dict(arguments.subspan(std::min<std::size_t>(arguments.size(), 1)));
      case Role::tuple: {
        const Value& from = get(argument(0));
        require(from.kind == Kind::tuple || from.kind == Kind::list, names_[index], " is given ", name_of(from.kind));
        count_copied(from.items.size());
        return push_tuple(from.items);
      }
      case Role::passed_over:
        push(Kind::passed_over);
        return true;
      case Role::storage_type:
      case Role::untyped_storage:
      case Role::element_type:
        break;
    }
    require(false, names_[index], " is called, but it is no function");
    return false;
  }

  /// Copies of what is copied again could grow without end.
  void count_copied(std::size_t items) {
    copied_ += items;
    require(copied_ <= bytes_.size(), "more values are copied than it has bytes");
  }
  /// From nothing, a dict, or a list of pairs.
  bool push_dict(std::span<const Ref> arguments) {
    Refs items;
    if (!arguments.empty()) {
      const Value& from = get(arguments[0]);
      require(from.kind == Kind::dict || from.kind == Kind::list, "a dict is made of ", name_of(from.kind));
      if (from.kind == Kind::dict) items = from.items;
      if (from.kind == Kind::list) {
        for (const Ref ref : from.items) {
          const Value& pair = get(ref);
          require((pair.kind == Kind::tuple || pair.kind == Kind::list) && pair.items.size() == 2,
                  "a dict is made of what are no pairs");
          items.insert(items.end(), pair.items.begin(), pair.items.end());
        }
      }
    }
    count_copied(items.size());
    push(Kind::dict).items = std::move(items);
    return true;
  }

  std::vector<std::int64_t> integers(Ref ref, std::string_view what) const {
    const Value& list = out_.values[ref];
    require(list.kind == Kind::tuple || list.kind == Kind::list, what, " is ", name_of(list.kind),
            ", expected a tuple");
    require(list.items.size() <= 64, what, " has ", list.items.size(), " dimensions, at most 64 are accepted");
    std::vector<std::int64_t> numbers;
    for (const Ref item : list.items) {
      numbers.push_back(get(item, Kind::integer, what).number);
      require(numbers.back() >= 0, what, ": ", numbers.back(), " is negative");
    }
    return numbers;
  }

  bool push_tensor(std::span<const Ref> arguments, std::optional<ElementType> type) {
    Tensor tensor;
    tensor.storage = get(arguments[0], Kind::storage, "the storage of a tensor").index;
    const std::int64_t view = get(arguments[0]).number;
    tensor.offset = get(arguments[1], Kind::integer, "the offset of a tensor").number;
    tensor.shape = integers(arguments[2], "the shape of a tensor");
    tensor.strides = integers(arguments[3], "the strides of a tensor");
    require(tensor.offset >= 0 && tensor.offset <= std::numeric_limits<std::int64_t>::max() - view,
            "the offset of a tensor, ", tensor.offset, ", is out of range");
    tensor.offset += view;
    require(tensor.shape.size() == tensor.strides.size(), "a tensor of ", tensor.shape.size(), " dimensions has ",
            tensor.strides.size(), " strides");
    const std::optional<ElementType> stored = out_.storages[tensor.storage].type;
    require(type.has_value() || stored.has_value(), "a tensor of unknown type");
    require(!type || !stored || *type == *stored, "a tensor of another type than its storage");
    tensor.type = stored ? *stored : *type;
    out_.tensors.push_back(std::move(tensor));
    push(Kind::tensor).index = static_cast<std::uint32_t>(out_.tensors.size() - 1);
    return true;
  }

  /// ("storage", type, key, device, elements), and in old files what part of another storage it is.
  bool push_storage(Ref id) {
    const Refs& parts = get(id, Kind::tuple, "what names a storage").items;
    require(parts.size() == 5 || parts.size() == 6, "what names a storage has ", parts.size(), " parts, expected 5");
    const std::string_view tag = get(parts[0], Kind::text, "the kind of a stored object").text;
    require(tag == "storage", "a stored object is a ", io::in_quotes(tag),
            ", expected \"storage\": save the state_dict instead of the module");
    const Global& type = globals_[get(parts[1], Kind::global, "the type of a storage").index];
    require(type.role == Role::storage_type || type.role == Role::untyped_storage, "the type of a storage is none");
    Storage storage;
    const Value& key = get(parts[2]);
    require(key.kind == Kind::text || key.kind == Kind::integer, "the key of a storage is ", name_of(key.kind));
    if (key.kind == Kind::integer) out_.texts.push_back(str(key.number));
    storage.key = key.kind == Kind::integer ? std::string_view(out_.texts.back()) : key.text;
    if (type.role == Role::storage_type) storage.type = type.type;
    storage.elements = get(parts[4], Kind::integer, "the size of a storage").number;
    require(storage.elements >= 0, "the size of storage ", io::in_quotes(storage.key), ", ", storage.elements,
            ", is negative");
    std::int64_t begin = 0;
    if (parts.size() == 6 && get(parts[5]).kind != Kind::none) {
      const Refs& view = get(parts[5], Kind::tuple, "the part of a storage").items;
      require(view.size() == 3, "the part of a storage has ", view.size(), " numbers, expected 3");
      begin = get(view[1], Kind::integer, "where the part of a storage begins").number;
      const std::int64_t size = get(view[2], Kind::integer, "the size of the part of a storage").number;
      require(begin >= 0 && size >= 0 && begin <= storage.elements && size <= storage.elements - begin,
              "a part of storage ", io::in_quotes(storage.key), " lies outside of it");
    }
    const auto [it, is_new] = by_key_.emplace(storage.key, static_cast<std::uint32_t>(out_.storages.size()));
    if (is_new) out_.storages.push_back(storage);
    const Storage& known = out_.storages[it->second];
    require(known.type == storage.type && known.elements == storage.elements, "storage ", io::in_quotes(storage.key),
            " is named with two types or sizes");
    Value& value = push(Kind::storage);
    value.index = it->second;
    value.number = begin;
    return true;
  }

  static constexpr Ref unset_ = std::numeric_limits<Ref>::max();

  Bytes bytes_;
  const std::string& where_;
  std::size_t at_ = 0, opcode_at_ = 0, copied_ = 0;
  Pickle out_;
  Refs stack_, memo_;
  std::vector<std::size_t> marks_;
  std::vector<Global> globals_;
  std::vector<std::string> names_;  // of globals_
  std::unordered_map<std::string_view, std::uint32_t> by_key_;
};

}  // namespace

Pickle read(Bytes bytes, const std::string& where) { return Machine(bytes, where).run(); }

}  // namespace g2face::weights::pickle
