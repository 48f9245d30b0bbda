#include <algorithm>
#include <span>

#include "face/appearance.hpp"

namespace g2face::face {

namespace {

struct Knot {
  double round, height;
};
/// Linear between knots.
double along(std::span<const Knot> knots, double x) {
  for (std::size_t i = 1; i < knots.size(); ++i) {
    if (x <= knots[i].round) {
      const double t = (x - knots[i - 1].round) / (knots[i].round - knots[i - 1].round);
      return knots[i - 1].height + t * (knots[i].height - knots[i - 1].height);
    }
  }
  return knots.back().height;
}

// Heights of the hairline from the front over the ear to the back.
constexpr std::array<Knot, 14> cropped = {{{0, 72},
                                           {0.03, 72},
                                           {0.09, 67},
                                           {0.16, 58},
                                           {0.23, 44},
                                           {0.29, 22},
                                           {0.34, 4},
                                           {0.37, -14},
                                           {0.4, -14},
                                           {0.43, 8},
                                           {0.58, 12},
                                           {0.64, -8},
                                           {0.74, -34},
                                           {1, -42}}};
constexpr std::array<Knot, 10> fringed = {{{0, 29},
                                           {0.08, 28},
                                           {0.13, 25},
                                           {0.17, 14},
                                           {0.2, -10},
                                           {0.22, -40},
                                           {0.235, -90},
                                           {0.25, -300},
                                           {0.5, -300},
                                           {1, -300}}};
constexpr std::array<Knot, 9> parted = {
    {{0, 73}, {0.04, 71}, {0.09, 64}, {0.15, 53}, {0.19, 36}, {0.215, 8}, {0.235, -40}, {0.25, -300}, {1, -300}}};

bool falls(Hair style) { return style == Hair::fringe || style == Hair::bob || style == Hair::straight; }

/// Where hair that falls ends.
double ends(const Person& p) {
  if (p.hair == Hair::straight) return -120 - p.hair_length;
  return p.hair == Hair::bob ? -78 - 0.2 * p.hair_length : -60 - 0.5 * p.hair_length;
}

}  // namespace

double round_head(const Vec3& at) {
  const double x = at.x / 76, z = at.z / 98, l = std::sqrt(x * x + z * z);
  return l > 0 ? 0.5 - 0.5 * z / l : 0.5;
}

double hairline(const Person& p, double round) {
  const double up = p.hairline * smoothstep(0.3, 0.1, round);
  switch (p.hair) {
    case Hair::fringe:
      return along(fringed, round);
    case Hair::bob:
    case Hair::straight:
      return along(parted, round) + up;
    default:
      return along(cropped, round) + up + std::max(0.0, up) * 1.5 * spot(round, 0, 0.12, 0, 0.04, 1);
  }
}

bool hair_covers(const Person& p, const Vec3& at) {
  const double above = at.y - hairline(p, round_head(at)), edge = p.hair == Hair::fringe ? 0 : 2;
  // Strands are within -1.5..1.5: away from the edges they decide nothing.
  if (above < edge - 7) return false;
  if (above > edge + 7 && (!falls(p.hair) || at.y > ends(p) + 14)) return true;
  const double strands = noise({at.x * 0.5, at.y * 0.03, at.z * 0.5}, p.seed + 40) +
                         0.5 * noise({at.x * 1.3, at.y * 0.05, at.z * 1.3}, p.seed + 41);
  if (above + 4.5 * strands < edge) return false;
  return !falls(p.hair) || at.y > ends(p) + 9 * strands;
}

bool hair_behind(const Person& p, const Vec3& at) { return falls(p.hair) && at.y < 10 && at.y > ends(p) + 4; }

bool hair_is_far(const Person& p, const Vec3& at) {
  return at.y < hairline(p, round_head(at)) - 8 || (falls(p.hair) && at.y < ends(p) - 16);
}

double hair_thickness(const Person& p, const Vec3& at) {
  const double round = round_head(at), above = at.y - hairline(p, round);
  double t = p.hair_volume * smoothstep(-4, 26, above);
  if (p.hair == Hair::crop) t *= 0.15 + 0.85 * smoothstep(20, 110, at.y);
  if (p.hair == Hair::swept)
    t *= 0.15 + 0.7 * smoothstep(20, 105, at.y) + 0.8 * smoothstep(40, 85, at.y) * smoothstep(0.35, 0.1, round);
  if (falls(p.hair)) {
    // It lies close to the face at its edge.
    t *= (1 + 0.7 * smoothstep(30, -90, at.y)) * (1 - 0.9 * smoothstep(0.42, 0.24, round) * smoothstep(60, 20, at.y));
    t -= 0.35 * p.hair_volume * kernel((at.x - p.parting) * (at.x - p.parting) / 30) * smoothstep(60, 90, at.y) *
         smoothstep(0.6, 0.4, round);
  }
  const double waves = noise(at * (1.0 / 22), p.seed + 42) + 0.4 * noise(at * (1.0 / 9), p.seed + 43);
  return 1.6 + std::max(0.0, t * (1 + 0.28 * waves));
}

Surface hair(const Person& p, const Vec3& at) {
  // Strands run down from the crown: noise that changes quickly around the head and slowly along them.
  const double r = std::sqrt(at.x * at.x + at.z * at.z) + 1e-9;
  const double bend = 1.2 * noise(at * (1.0 / 26), p.seed + 44);
  const Vec3 around{at.x / r * 34 + bend, at.y * 0.012, at.z / r * 34};
  const double locks = noise(around * 0.5, p.seed + 45), strands = noise(around * 1.7, p.seed + 46),
               fine = noise(around * 4.1, p.seed + 47);
  Surface s;
  s.colour = p.hair_colour * std::max(0.25, 0.85 + 0.3 * locks + 0.3 * strands + 0.22 * fine);
  s.gloss = 0.25 * (1 + 0.8 * strands + 0.5 * fine);
  s.sharpness = 18;
  s.bump = 0.25 * strands;
  return s;
}

}  // namespace g2face::face
