#pragma once
// Every failure of the library is an exception below g2face::Error whose what() is one line that names the op, node,
// file or field, the value that is wrong, and what was expected.

#include <sstream>
#include <stdexcept>
#include <string>

namespace g2face {

/// Concatenates its arguments as text.
template <class... Parts>
std::string str(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Shapes or dtypes that an op, a layer or a model does not accept.
struct ShapeError : Error {
  using Error::Error;
};
/// A graph that cannot be built or differentiated.
struct GraphError : Error {
  using Error::Error;
};
/// A graph that cannot be planned for a device.
struct PlanError : Error {
  using Error::Error;
};
/// A device or a device library that refused a call, or memory that ran out.
struct DeviceError : Error {
  using Error::Error;
};
/// A model file that is missing, corrupt, or of another architecture.
struct CheckpointError : Error {
  using Error::Error;
};
/// An image file that cannot be read or written.
struct ImageError : Error {
  using Error::Error;
};

/// Throws E with the concatenated parts unless `ok`.
template <class E = Error, class... Parts>
void check(bool ok, const Parts&... parts) {
  if (!ok) throw E(str(parts...));
}

}  // namespace g2face
