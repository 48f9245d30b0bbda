#pragma once
// Which builder of the library computes an operator case.

#include <string_view>

#include "case_builder.hpp"

namespace g2face::golden {

struct OpAdapter {
  std::string_view op;  // the attribute `op`, or its beginning if `prefix`
  char family;          // whose limits apply
  Outputs (*build)(CaseBuilder&);
  bool prefix = false;
  bool exact = false;  // results are the same numbers, not near ones
};

/// Null if nothing of that name exists.
const OpAdapter* find_adapter(std::string_view op);

/// The table, in a file each: what generates images, what looks at them, what trains both, what augments their
/// images, what finds the face, and the 3D face model.
std::span<const OpAdapter> generating_adapters();
std::span<const OpAdapter> analysing_adapters();
std::span<const OpAdapter> training_adapters();
std::span<const OpAdapter> augmenting_adapters();
std::span<const OpAdapter> aligning_adapters();
std::span<const OpAdapter> face_adapters();

}  // namespace g2face::golden
