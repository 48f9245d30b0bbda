#include "weights_converter/torch_tree.hpp"

#include "io/safetensors_header.hpp"
#include "weights_converter/strided.hpp"

namespace g2face::weights {
namespace {

using pickle::Kind;
using pickle::Ref;
using pickle::Value;

// A value can be named many times, and then leads to tensors by many ways: what a file can ask for is limited.
constexpr std::size_t most_levels = 64, most_visits = std::size_t{1} << 20, most_name_bytes = std::size_t{64} << 20;

class Walk {
 public:
  Walk(const pickle::Pickle& pickle, const std::string& where) : pickle_(pickle), where_(where) {}

  std::vector<StoredTensor> run() {
    visit(pickle_.root, 0);
    check_names(tensors_, where_);
    return std::move(tensors_);
  }

 private:
  void visit(Ref ref, std::size_t level) {
    check<WeightFileError>(level <= most_levels, where_, ": ", io::in_quotes(name_), " is nested deeper than ",
                           most_levels, " levels");
    const Value& value = pickle_.at(ref);
    visits_ += 1 + value.items.size();
    check<WeightFileError>(visits_ <= most_visits, where_, ": more than ", most_visits, " values are nested in it");
    if (value.kind == Kind::tensor) return add(value);
    if (value.kind == Kind::dict) {
      for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
        if (leads_on(value.items[i + 1])) below(key_text(pickle_.at(value.items[i])), value.items[i + 1], level);
      }
    } else if (value.kind == Kind::list || value.kind == Kind::tuple) {
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        if (leads_on(value.items[i])) below(std::to_string(i), value.items[i], level);
      }
    }
  }

  /// Whether there can be a tensor at it or in it.
  bool leads_on(Ref ref) const {
    const Kind kind = pickle_.at(ref).kind;
    return kind == Kind::tensor || kind == Kind::dict || kind == Kind::list || kind == Kind::tuple;
  }

  void below(std::string_view key, Ref ref, std::size_t level) {
    const std::size_t before = name_.size();
    if (level > 0) name_ += '/';
    name_ += key;
    visit(ref, level + 1);
    name_.resize(before);
  }

  std::string key_text(const Value& key) const {
    if (key.kind == Kind::text) return std::string(key.text);
    if (key.kind == Kind::integer) return str(key.number);
    if (key.kind == Kind::boolean) return key.number != 0 ? "True" : "False";
    if (key.kind == Kind::none) return "None";
    if (key.kind == Kind::real) return str(key.real());
    throw WeightFileError(
        str(where_, ": ", io::in_quotes(name_), ": a key is ", name_of(key.kind), ", expected a text or an int"));
  }

  void add(const Value& value) {
    name_bytes_ += name_.size();
    check<WeightFileError>(name_bytes_ <= most_name_bytes, where_, ": the names of its tensors take more than ",
                           most_name_bytes, " bytes");
    const pickle::Tensor& tensor = pickle_.tensors[value.index];
    tensors_.push_back(
        {name_, tensor.type, tensor.shape, tensor.strides, tensor.offset, tensor.storage, value.parameter});
  }

  const pickle::Pickle& pickle_;
  const std::string& where_;
  std::string name_;
  std::size_t visits_ = 0, name_bytes_ = 0;
  std::vector<StoredTensor> tensors_;
};

}  // namespace

std::vector<StoredTensor> named_tensors(const pickle::Pickle& pickle, const std::string& where) {
  return Walk(pickle, where).run();
}

}  // namespace g2face::weights
