#pragma once
// The elementwise functions in double, for the reference loops.

#include "g2face/ops/binary.hpp"
#include "g2face/ops/unary.hpp"

namespace g2face {

double apply(const UnaryAttrs& f, double x);
double apply(Binary f, double x, double y);

std::string_view name_of(Unary kind);
std::string_view name_of(Binary kind);

}  // namespace g2face
