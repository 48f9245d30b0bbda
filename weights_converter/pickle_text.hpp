#pragma once
// The texts of pickles of protocol 0, which are written with escapes.

#include <string>
#include <string_view>

namespace g2face::weights::pickle {

/// What stands between the quotes of a Python string: \n, \', \x41, \101 ... An unknown escape stands for itself.
std::string decode_escapes(std::string_view text);
/// Latin-1 with \u and \U escapes, as UTF-8.
std::string decode_unicode_line(std::string_view text);

}  // namespace g2face::weights::pickle
