#pragma once
// The surface of the built-in head: where a site of its mesh lies for given measures and expression. Millimetres; x to
// the viewer's right, y up, z to the viewer; the origin lies between the ears at the height of the pupils.

#include <array>
#include <cstdint>
#include <string_view>

#include "face/exact_math.hpp"

namespace g2face::face {

/// How a head differs from the mean, each about N(0,1).
inline constexpr std::array<std::string_view, 48> measure_names = {
    "face_width",  "lower_face_height", "forehead_height", "head_depth",   "jaw_width",      "jaw_angle",
    "chin_width",  "chin_height",       "chin_forward",    "cheekbones",   "cheek_fullness", "brow_ridge",
    "brow_height", "forehead_slope",    "temples",         "eye_width",    "eye_spacing",    "eye_tilt",
    "eye_opening", "eye_depth",         "upper_lid_fold",  "nose_length",  "nose_bridge",    "nose_forward",
    "nose_upturn", "nose_width",        "bridge_width",    "nose_hump",    "nose_tip_width", "mouth_width",
    "upper_lip",   "lower_lip",         "mouth_height",    "lips_forward", "mouth_curve",    "ear_size",
    "ear_flare",   "neck_width",        "crown_height",    "eyes_uneven",  "mouth_skew",     "nose_skew",
    "smooth_1",    "smooth_2",          "smooth_3",        "smooth_4",     "smooth_5",       "smooth_6"};
/// What a face does, each 0..1. _L is the person's left, x > 0.
inline constexpr std::array<std::string_view, 22> expression_names = {
    "jawOpen",     "mouthSmile_L", "mouthSmile_R", "mouthFrown_L", "mouthFrown_R", "mouthPucker",
    "mouthLeft",   "mouthRight",   "mouthUpperUp", "mouthStretch", "eyeBlink_L",   "eyeBlink_R",
    "eyeSquint_L", "eyeSquint_R",  "eyeWide",      "browUp_L",     "browUp_R",     "browDown_L",
    "browDown_R",  "cheekPuff",    "noseSneer",    "lipsPress"};

using Measures = std::array<double, measure_names.size()>;
using Expression = std::array<double, expression_names.size()>;

enum class SiteKind : std::uint8_t { face, neck, ear, eye, mouth, tooth };

/// A point of the mesh, in coordinates that do not depend on the person.
struct Site {
  SiteKind kind = SiteKind::face;
  double side = 0;    // face, neck: sine of the angle about the vertical axis. Others: -1 or 1 for ear and eye; across
  bool back = false;  // face, neck: behind the ears
  double row = 0;     // face: height at the middle of the front, mm. neck: way from the jaw, 0..1 ring, ..2 collar
  int rim = 0;        // face: 1, -1 the upper, lower edge of a slit (eye or mouth)
  int depth = 0;      // of an edge: how many steps inwards
  Vec3 unit;          // eye: direction. ear: x, y in the disc. mouth, tooth: across, up, inwards
};

/// The row of a site at which eyes and mouth are slit, and between which sides.
constexpr double eye_row = 0, mouth_row = -70, jaw_row = -114, crown_row = 115;
constexpr double eye_inner = 16, eye_outer = 47, mouth_corner = 25.5;
constexpr double eye_radius = 12;

/// Half the width of the mean head at a row: sides are x / half_width.
double half_width(double row);
/// How far its middle lies before (or behind) the axis between the ears, without relief.
double half_depth(double row, bool back);
/// Where the site lies.
Vec3 place(const Site& site, const Measures& m, const Expression& e);

}  // namespace g2face::face
