#pragma once
// The surface that hair is painted on: a cap over the built-in head that hangs down below its ears.

#include "face/people.hpp"
#include "face/visibility.hpp"

namespace g2face::face {

struct HairShell {
  std::vector<Vec3> resting;  // mm, on the head; hair stands off it by hair_thickness() along `outwards`
  std::vector<Vec3> outwards;
  Triangles triangles;
};
HairShell hair_shell();

}  // namespace g2face::face
