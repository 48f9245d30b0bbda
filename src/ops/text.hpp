#pragma once
// Text of settings that tells apart any two that differ.

#include <charconv>
#include <string>
#include <vector>

namespace g2face {

/// The shortest decimal that reads back as exactly this number.
inline std::string exact(double v) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, v).ptr};
}

/// "[1,2,3]"
template <class T>
std::string list_text(const std::vector<T>& values) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(values[i]);
  }
  return text + ']';
}

}  // namespace g2face
