#include "expression.hpp"

#include <cctype>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <vector>

#include "g2face/fill.hpp"

namespace g2face::golden {
namespace {

/// A number stays a double until it meets a tensor.
struct Operand {
  std::optional<Tensor> tensor;
  double number = 0;
};

using Function = float (*)(float, float);

Tensor elementwise(const Operand& a, const Operand& b, Function f) {
  const Tensor& like = a.tensor ? *a.tensor : *b.tensor;
  if (a.tensor && b.tensor)
    check<ExpressionError>(a.tensor->shape() == b.tensor->shape(), "shapes ", a.tensor->shape(), " and ",
                           b.tensor->shape(), " differ");
  Tensor out(like.type());
  const auto o = out.mutable_as<float>();
  for (std::size_t i = 0; i < o.size(); ++i)
    o[i] = f(a.tensor ? a.tensor->as<float>()[i] : static_cast<float>(a.number),
             b.tensor ? b.tensor->as<float>()[i] : static_cast<float>(b.number));
  return out;
}

Operand combine(const Operand& a, const Operand& b, char op) {
  if (!a.tensor && !b.tensor) {
    switch (op) {
      case '+':
        return {{}, a.number + b.number};
      case '-':
        return {{}, a.number - b.number};
      case '*':
        return {{}, a.number * b.number};
      case '/':
        return {{}, a.number / b.number};
      default:
        return {{}, a.number > b.number ? 1.0 : 0.0};
    }
  }
  switch (op) {
    case '+':
      return {elementwise(a, b, [](float x, float y) { return x + y; }), 0};
    case '-':
      return {elementwise(a, b, [](float x, float y) { return x - y; }), 0};
    case '*':
      return {elementwise(a, b, [](float x, float y) { return x * y; }), 0};
    case '/':
      return {elementwise(a, b, [](float x, float y) { return x / y; }), 0};
    default:
      return {elementwise(a, b, [](float x, float y) { return x > y ? 1.0f : 0.0f; }), 0};
  }
}

/// Calls f(source index) for each element of the box, in row-major order.
template <class F>
void for_each_in_box(const Shape& shape, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& size,
                     int axis, std::int64_t offset, F& f) {
  if (axis == shape.rank()) {
    f(offset);
    return;
  }
  const auto a = static_cast<std::size_t>(axis);
  for (std::int64_t i = 0; i < size[a]; ++i)
    for_each_in_box(shape, begin, size, axis + 1, offset * shape[axis] + begin[a] + i, f);
}

Tensor box_of(const Tensor& t, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& size) {
  Tensor out(Type{DType::f32, Shape(size)});
  const auto from = t.as<float>();
  const auto to = out.mutable_as<float>();
  std::size_t n = 0;
  auto copy = [&](std::int64_t i) { to[n++] = from[static_cast<std::size_t>(i)]; };
  for_each_in_box(t.shape(), begin, size, 0, 0, copy);
  return out;
}

Tensor join(const std::vector<Tensor>& parts) {
  std::int64_t rows = 0;
  for (const Tensor& p : parts) {
    check<ExpressionError>(p.shape().rank() > 0 && p.shape().with(0, 1) == parts[0].shape().with(0, 1),
                           "a list joins shapes ", parts[0].shape(), " and ", p.shape());
    rows += p.shape()[0];
  }
  Tensor out(Type{DType::f32, parts[0].shape().with(0, rows)});
  auto to = out.mutable_as<float>().begin();
  for (const Tensor& p : parts) {
    const auto from = p.as<float>();
    to = std::copy(from.begin(), from.end(), to);
  }
  return out;
}

Tensor flipped(const Tensor& t) {
  Tensor out(t.type());
  const auto width = static_cast<std::size_t>(t.shape()[-1]);
  const auto from = t.as<float>();
  const auto to = out.mutable_as<float>();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[i / width * width + (width - 1 - i % width)];
  return out;
}

class Parser {
 public:
  Parser(std::string_view text, const Surroundings& around) : text_(text), around_(around) {}

  Tensor whole() {
    Operand v = value();
    skip_space();
    if (at_ < text_.size() && text_.find_first_of(",;(", at_) != at_) fail("an operator or the end");
    if (!v.tensor) fail("a tensor, not a number,");
    return *v.tensor;
  }

 private:
  [[noreturn]] void fail(std::string_view wanted) const {
    throw ExpressionError(
        str("in '", text_, "': expected ", wanted, " at '", text_.substr(std::min(at_, text_.size())), "'"));
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool accept(std::string_view token) {
    skip_space();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fail(str("'", token, "'"));
  }
  /// A token that is a whole word.
  bool accept_word(std::string_view word) {
    skip_space();
    const std::size_t end = at_ + word.size();
    if (text_.substr(at_, word.size()) != word) return false;
    if (end < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[end])) || text_[end] == '_')) return false;
    at_ = end;
    return true;
  }

  Operand value() {
    if (++depth_ > 64) fail("less nesting");
    Operand v = sum();
    if (accept(">")) v = combine(v, sum(), '>');
    --depth_;
    return v;
  }
  Operand sum() {
    Operand v = product();
    for (;;) {
      if (accept("+"))
        v = combine(v, product(), '+');
      else if (accept("-"))
        v = combine(v, product(), '-');
      else
        return v;
    }
  }
  Operand product() {
    Operand v = factor();
    for (;;) {
      if (accept("*"))
        v = combine(v, factor(), '*');
      else if (accept("/"))
        v = combine(v, factor(), '/');
      else
        return v;
    }
  }
  Operand factor() {
    const bool negative = accept("-");
    Operand v = primary();
    while (v.tensor && accept("[")) v.tensor = slice(*v.tensor);
    return negative ? combine(Operand{{}, -1}, v, '*') : v;
  }

  Operand primary() {
    if (accept("(")) {
      Operand v = value();
      expect(")");
      return v;
    }
    if (accept("[")) {
      std::vector<Tensor> parts;
      do {
        Operand v = value();
        if (!v.tensor) fail("a tensor in a list");
        parts.push_back(*v.tensor);
      } while (accept(","));
      expect("]");
      return {join(parts), 0};
    }
    if (accept_word("sqrt3")) return {{}, 1.7320508075688772};
    if (accept_word("fill")) return {call_fill(), 0};
    if (accept_word("make_image")) return {call_make_image(), 0};
    if (accept_word("real image")) {
      if (!around_.real_image) fail("no 'real image', since there is none here,");
      const Tensor image = around_.real_image();
      return {accept_word("flipped left-right") ? flipped(image) : image, 0};
    }
    if (accept_word("all zero") || accept_word("all zeros")) {
      if (!around_.has_shape) fail("no 'all zero', since its shape is not known here,");
      return {Tensor::zeros({DType::f32, around_.shape}), 0};
    }
    return {{}, number()};
  }

  double number() {
    skip_space();
    const std::string rest(text_.substr(at_, 64));
    if (rest.empty() || !(std::isdigit(static_cast<unsigned char>(rest[0])) || rest[0] == '.'))
      fail("a number, fill, make_image, real image or all zero");
    char* end = nullptr;
    const double v = std::strtod(rest.c_str(), &end);
    if (end == rest.c_str()) fail("a number");
    at_ += static_cast<std::size_t>(end - rest.c_str());
    return v;
  }
  std::int64_t integer() {
    skip_space();
    const std::size_t begin = at_;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) ++at_;
    if (begin == at_ || at_ - begin > 9) {
      at_ = begin;
      fail("an integer");
    }
    return std::stoll(std::string(text_.substr(begin, at_ - begin)));
  }

  std::string name() {
    skip_space();
    const std::size_t end = text_.find(',', at_);
    if (end == std::string_view::npos) fail("a name and ','");
    std::string n(text_.substr(at_, end - at_));
    while (!n.empty() && n.back() == ' ') n.pop_back();
    if (n.empty()) fail("a name");
    at_ = end + 1;
    for (std::size_t open = n.find('<'); open != std::string::npos; open = n.find('<', open)) {
      const std::size_t close = n.find('>', open);
      if (close == std::string::npos) fail("'>' in the name");
      const auto word = around_.words.find(n.substr(open + 1, close - open - 1));
      if (word == around_.words.end()) fail(str("a meaning for '", n.substr(open, close - open + 1), "'"));
      n.replace(open, close - open + 1, word->second);
      open += word->second.size();
    }
    return n;
  }

  std::int64_t extent() {
    skip_space();
    if (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_]))) {
      std::string word;
      while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
        word += text_[at_++];
      const auto it = around_.symbols.find(word);
      if (it == around_.symbols.end()) fail(str("an extent that is known here instead of '", word, "'"));
      return it->second;
    }
    return integer();
  }

  Tensor call_fill() {
    expect("(");
    const std::string n = name();
    expect("(");
    std::vector<std::int64_t> dims;
    while (!accept(")")) {
      dims.push_back(extent());
      if (!accept(",")) {
        expect(")");
        break;
      }
    }
    double parameter[2] = {1, 0};
    for (double& p : parameter)
      if (accept(",")) {
        const Operand v = value();
        if (v.tensor) fail("a number");
        p = v.number;
      }
    expect(")");
    return fill_checked(n, Shape(dims), parameter[0], parameter[1]);
  }

  Tensor fill_checked(const std::string& n, const Shape& shape, double scale, double offset) const {
    check<ExpressionError>(shape.numel() <= max_elements, "in '", text_, "': ", shape, " is too large");
    return fill(n, shape, scale, offset);
  }

  Tensor call_make_image() {
    expect("(");
    const std::string n = name();
    const std::int64_t count = integer();
    expect(")");
    check<ExpressionError>(count >= 1 && count * 3 * 256 * 256 <= max_elements, "in '", text_, "': ", count,
                           " images are too few or too many");
    return make_image(n, count);
  }

  Tensor slice(const Tensor& t) {
    std::vector<std::int64_t> begin, size;
    do {
      const auto axis = static_cast<int>(begin.size());
      if (axis == t.shape().rank()) fail(str("']', since the rank is ", axis));
      const std::int64_t extent = t.shape()[axis];
      skip_space();
      const std::int64_t from = text_.substr(at_, 1) == ":" ? 0 : integer();
      expect(":");
      skip_space();
      const std::int64_t to =
          std::isdigit(static_cast<unsigned char>(at_ < text_.size() ? text_[at_] : ' ')) ? integer() : extent;
      if (from > to || to > extent) fail(str("a range inside 0:", extent, " before this,"));
      begin.push_back(from);
      size.push_back(to - from);
    } while (accept(","));
    expect("]");
    while (static_cast<int>(begin.size()) < t.shape().rank()) {
      size.push_back(t.shape()[static_cast<int>(begin.size())]);
      begin.push_back(0);
    }
    return box_of(t, begin, size);
  }

  static constexpr std::int64_t max_elements = std::int64_t{1} << 28;

  std::string_view text_;
  const Surroundings& around_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Tensor evaluate(std::string_view expression, const Surroundings& surroundings) {
  return Parser(expression, surroundings).whole();
}

}  // namespace g2face::golden
