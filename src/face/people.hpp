#pragma once
// Who is in a synthetic picture and how it was taken, drawn from the distributions of docs/synthetic_faces.md.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "face/exact_math.hpp"

namespace g2face::face {

/// Numbers of one seed and stream, one after the other.
class Draw {
 public:
  Draw(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}
  double uniform(double from = 0, double to = 1);
  /// Close to N(0,1): the sum of twelve uniforms less six, within -2.5..2.5.
  double normal();
  bool chance(double p) { return uniform() < p; }
  /// An index with these weights.
  std::size_t pick(std::initializer_list<double> weights);
  std::uint64_t word() { return static_cast<std::uint64_t>(uniform() * 0x1p32); }

 private:
  std::uint64_t seed_, stream_, block_ = 0;
  std::array<double, 4> numbers_{};
  std::size_t next_ = 4;
};

enum class Hair : std::uint8_t { bald, buzz, crop, swept, fringe, bob, straight };
inline constexpr std::array<const char*, 7> hair_names = {"bald", "buzz", "short", "swept", "fringe", "bob", "long"};

/// What all pictures of a person share. Colours are linear RGB.
struct Person {
  std::uint64_t seed = 0;
  std::vector<double> identity;
  double melanin = 0.4, blood = 0.15;
  double age = 0.3;       // 0 young, 1 old
  double lips = 0.5;      // how red
  double brows = 0.6;     // how dense
  double brow_width = 1;  // of the mean
  double beard = 0;       // 0 none, 0.5 stubble, 1 full
  double freckles = 0;
  Hair hair = Hair::crop;
  double hair_volume = 8;   // mm
  double hairline = 0;      // mm higher (bald temples) or lower
  double hair_length = 60;  // mm below the ears
  double parting = 0;       // mm
  Vec3 hair_colour, iris, cloth;
};

/// What differs between pictures of a person.
struct Shot {
  std::vector<double> expression;
  Vec3 angles;  // radians, about x, y and z
  double distance = 10;
  double scale = 1, shift_x = 0, shift_y = 0;  // how far the crop is off the aligned one; shifts in parts of its size
  std::array<double, 27> gamma{};
  Vec3 key;  // direction of the strongest light
  Vec3 key_colour;
  double gaze_x = 0, gaze_y = 0;  // radians
  double gloss = 0.5;
  double grain = 0.01;
  std::uint64_t background = 0;
};

/// Person `number` of a seed, for a model with so many identity modes.
Person draw_person(std::uint64_t seed, std::uint64_t number, std::size_t modes);
/// The circumstances of picture `number` of a seed, for blendshapes of these names; those of other names stay at rest.
Shot draw_shot(std::uint64_t seed, std::uint64_t number, std::span<const std::string> blendshapes);

/// The light of a picture as sh_shading() takes it: a sky that is brighter above, and lamps.
struct Lamp {
  Vec3 towards, colour;
};
std::array<double, 27> light_gamma(const Vec3& sky, const Vec3& ground, const std::vector<Lamp>& lamps);
/// What sh_shading() computes for a normal: light on a white surface.
Vec3 shade(const std::array<double, 27>& gamma, const Vec3& normal);

}  // namespace g2face::face
