#pragma once
// Pictures side by side with words under them.

#include <span>
#include <string>

#include "g2face/tensor.hpp"

namespace g2face::io {

struct Panel {
  Tensor image;         // [1,3,H,W], all of one size
  std::string caption;  // may have several lines; ASCII
};

/// One image [1,3,*,*]: the panels from left to right, captions below each, a title line below all.
Tensor contact_sheet(std::span<const Panel> panels, const std::string& title);

}  // namespace g2face::io
