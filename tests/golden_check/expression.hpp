#pragma once
// The little language in which golden files describe inputs:
//
//   expression := value [prose]              prose begins with ',', ';' or '(' and is ignored
//   value      := sum ['>' sum]              1 where greater, else 0
//   sum        := product {('+'|'-') product}
//   product    := factor {('*'|'/') factor}
//   factor     := ['-'] primary {'[' range {',' range} ']'}        range := [number] ':' [number]
//   primary    := number | 'sqrt3' | '(' value ')' | '[' value {',' value} ']'        a list joins along axis 0
//               | 'fill(' name ',' '(' extent {',' extent} ')' [',' value [',' value]] ')'
//               | 'make_image(' name ',' number ')' | 'real image' ['flipped left-right'] | 'all zero'
//   extent     := number | symbol            a symbol is H, W or another word that the caller gives a value
//
// A name goes up to the next comma; `<word>` inside it stands for text that the caller gives.

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "g2face/tensor.hpp"

namespace g2face::golden {

struct ExpressionError : Error {
  using Error::Error;
};

/// What an expression may refer to.
struct Surroundings {
  std::function<Tensor()> real_image;           // f32 [1,3,H,W], -1..1
  std::map<std::string, std::int64_t> symbols;  // extents by name
  std::map<std::string, std::string> words;     // text for `<word>` in names
  Shape shape;                                  // of `all zero`
  bool has_shape = false;
};

/// The tensor an expression describes, f32. Arithmetic on elements is done in f32, as the reference does; comparing
/// gives 0 or 1. Throws ExpressionError that shows the expression and the place.
Tensor evaluate(std::string_view expression, const Surroundings& surroundings);

}  // namespace g2face::golden
