#include "face/appearance.hpp"

#include <algorithm>

namespace g2face::face {

namespace {

double square(double x) { return x * x; }
Vec3 exp3(const Vec3& v) { return {exact_exp(v.x), exact_exp(v.y), exact_exp(v.z)}; }
Vec3 scaled(const Vec3& at, double mm) { return at * (1 / mm); }

/// Layers that absorb: melanin and blood over a light base (Tsumura et al. 2003).
Vec3 skin_colour(double melanin, double blood) {
  static constexpr Vec3 base{0.88, 0.68, 0.56}, of_melanin{-1, -1.24, -1.58}, of_blood{-0.16, -1.0, -0.92},
      floor{0.006, 0.005, 0.004};
  return base * exp3(of_melanin * melanin + of_blood * blood) + floor;
}

/// 0..1: how much of the brow is at a point.
double brow(const Person& p, double ax, const Vec3& at) {
  if (ax < 9 || ax > 56 || at.y < 8 || at.y > 32 || at.z < 0) return 0;
  const double t = clamp01((ax - 12) / 40);
  const double middle = 17.0 + 9.5 * t - 3.0 * t * t - 6.4 * t * t * t * t;
  const double half = p.brow_width * (1.2 + 2.6 * (1 - t) * (0.6 + 1.2 * t));
  // Hairs lean outwards and up: noise that is long along them.
  const double along = 0.8 * ax + 0.6 * at.y, across = 0.8 * at.y - 0.6 * ax;
  const double hairs = noise({along * 0.22, across * 1.25, at.x < 0 ? 3.0 : 7.0}, p.seed);
  const double edge = std::abs(at.y - middle) + 0.9 * hairs;
  return smoothstep(half, half * 0.35, edge) * smoothstep(10.5, 17, ax + 1.5 * hairs) * smoothstep(55, 49, ax) *
         p.brows * (0.82 + 0.3 * hairs);
}

/// 0 outside, 1 inside of the lips' red.
double lips(double ax, double y) {
  if (ax > 27 || y > -58 || y < -84) return 0;
  const double t = std::min(1.0, ax / 25.8), low = std::max(0.0, 1 - t * t);
  const double top =
      -70.2 + 7.6 * low * (1 - 0.12 * t) - 1.3 * kernel(square(ax / 2.6)) + 0.5 * kernel(square((ax - 5.5) / 3));
  const double bottom = -69.6 - 10.6 * std::sqrt(low) * low;
  return smoothstep(top + 0.6, top - 0.7, y) * smoothstep(bottom - 0.8, bottom + 0.9, y) * smoothstep(26.8, 24.5, ax);
}

/// Where a beard grows, 0..1.
double beard_area(double ax, const Vec3& at) {
  if (at.y > -30 && ax < 60) return 0;
  const double moustache = spot(ax, at.y, 9, -57, 9.5, 3.6) * smoothstep(-51, -54, at.y);
  const double chin = smoothstep(-82, -88, at.y) * smoothstep(50, 30, ax) + spot(ax, at.y, 0, -84, 3.5, 3);
  const double border = -54 + 46 * smoothstep(46, 70, ax) - 10 * smoothstep(20, 34, ax) * smoothstep(52, 40, ax);
  const double side = smoothstep(border + 4, border - 5, at.y) * smoothstep(24, 33, ax) * smoothstep(-6, 14, at.z);
  const double neck = smoothstep(-132, -116, at.y);
  return clamp01(std::max({moustache * 1.3, chin, side})) * neck;
}

}  // namespace

double openness(const Vec3& at) {
  const double ax = std::abs(at.x);
  double open = 1;
  if (at.z > 20 && at.y > -118) {
    open -= 0.26 * spot(ax, at.y, 17, 5, 7, 6) + 0.14 * spot(ax, at.y, 32, 10, 15, 4.5);
    open -= 0.34 * spot(ax, at.y, 3, -50.5, 9, 2.6) + 0.18 * spot(ax, at.y, 17.5, -40, 2.0, 5);
    open -= 0.22 * spot(ax, at.y, 0, -86.5, 13, 3.2);
    open -= 0.2 * kernel(square((at.y + 70) / 1.1)) * smoothstep(28, 24, ax) + 0.2 * spot(ax, at.y, 27, -70, 2.4, 2.2);
  }
  // Under the chin, and behind the jaw.
  open -= 0.5 * smoothstep(-110, -122, at.y) * smoothstep(84, 60, at.z) * smoothstep(-170, -126, at.y);
  open -= 0.3 * smoothstep(-40, -80, at.y) * smoothstep(45, -35, at.z);
  // The ear's shell.
  open -= 0.55 * spot(at.y, at.z, -16, -6, 8, 5) * smoothstep(70, 73, ax);
  return std::max(open, 0.12);
}

Surface skin(const Person& p, const Vec3& at, bool paint_nostrils) {
  const double ax = std::abs(at.x);
  const bool front = at.z > 0;
  double melanin = p.melanin * (1 + 0.1 * noise(scaled(at, 17), p.seed)) + 0.015 * noise(scaled(at, 2.2), p.seed + 1);
  double blood = p.blood * (1 + 0.35 * noise(scaled(at, 8), p.seed + 2)) + 0.02 * noise(scaled(at, 1.1), p.seed + 3);
  if (front) {
    blood += 0.1 * spot(ax, at.y, 42, -28, 13, 12) + 0.12 * spot(ax, at.y, 0, -38, 9, 7) +
             0.05 * spot(ax, at.y, 0, -102, 12, 8);
    melanin += (0.05 + 0.16 * p.age) * spot(ax, at.y, 26, -11, 13, 4) * (0.4 + p.melanin * 0.5);
    blood += 0.05 * spot(ax, at.y, 30, 4, 16, 8);
  }
  blood += 0.12 * smoothstep(74, 79, ax);
  if (p.freckles > 0 && front) {
    const double spots = noise(scaled(at, 1.6), p.seed + 4) + 0.5 * noise(scaled(at, 9), p.seed + 5);
    melanin += 0.35 * p.freckles * smoothstep(0.5, 0.85, spots) * spot(ax, at.y, 18, -22, 30, 22);
  }
  melanin += 0.5 * smoothstep(0.93, 0.97, noise(scaled(at, 4), p.seed + 6));  // a mole here and there
  Surface s;
  s.gloss = 0.2 + 0.14 * (front ? spot(ax, at.y, 0, 0, 20, 60) : 0.0);
  s.sharpness = 9;
  s.bump = 0.05 + 0.05 * p.age;
  const double red = front ? lips(ax, at.y) : 0;
  if (red > 0) {
    blood += red * (0.32 + 0.45 * p.lips) * (1 + 0.2 * noise({at.x * 0.9, at.y * 0.25, 1}, p.seed + 7));
    melanin += red * 0.12 * p.melanin;
    s.gloss += 0.35 * red;
    s.sharpness += 10 * red;
  }
  Vec3 colour = skin_colour(std::max(0.0, melanin), std::max(0.0, blood));

  if (front) {
    const double hairs = brow(p, ax, at);
    colour = mix(colour, p.hair_colour * 0.6, std::min(0.96, 1.15 * hairs));
    // Nostrils, the line between the lips, and lashes along the upper lids' edges.
    if (paint_nostrils) colour = colour * (1 - 0.9 * clamp01(1.5 * spot(ax, at.y, 6.4, -47.2, 2.7, 1.15)));
    const double t = (ax - 16) / 31;
    if (t > -0.06 && t < 1.1 && at.y > -7 && at.y < 12) {
      const double u = 2 * clamp01(t) - 1,
                   edge = 5.5 * (1 - u * u) * (1 - 0.18 * u) * (1 + 0.25 * u * u) + clamp01(2 * t - 1) * 1.0;
      const double low = -4.6 * (1 - u * u) * (1 + 0.22 * u) * (1 + 0.25 * u * u);
      const double above = at.y - edge;
      const double lash = above < 0 && at.y > low + 1.2 ? 1 : smoothstep(1.1 + 0.5 * t, 0.25, above);
      if (above > -4)
        colour = mix(colour, Vec3{0.012, 0.009, 0.008},
                     0.88 * lash * smoothstep(-0.04, 0.12, t) * smoothstep(1.05, 0.97, t));
      const double under =
          smoothstep(1.0, 0.3, std::abs(at.y - low)) * smoothstep(0.2, 0.8, t) * smoothstep(1.06, 0.98, t);
      colour = mix(colour, Vec3{0.04, 0.03, 0.026}, 0.4 * under);
      // The crease of the upper lid.
      const double crease = smoothstep(1.1, 0.1, std::abs(above - 3.6 + 1.4 * u * u));
      colour = colour * (1 - 0.3 * crease * smoothstep(0, 0.15, t) * smoothstep(1.08, 0.9, t));
    }
    const double fold = smoothstep(1.6, 0.2, std::abs(ax - 20 - 0.36 * (-44 - at.y))) * smoothstep(-40, -47, at.y) *
                        smoothstep(-72, -62, at.y);
    colour = colour * (1 - (0.05 + 0.16 * p.age) * fold);
    if (p.age > 0.45 && at.y > 28 && at.y < 66) {
      const double wave = exact_sin(at.y * 0.62 + 0.7 * noise(scaled(at, 16), p.seed + 8));
      colour = colour * (1 - 0.16 * (p.age - 0.45) * smoothstep(0.75, 1, wave) * smoothstep(48, 20, ax));
    }
  }
  if (p.beard > 0) {
    const double area = beard_area(ax, at) * (1 - red);
    if (area > 0) {
      const double hairs = 0.5 + 0.5 * noise({at.x * 1.5, at.y * 0.5, at.z * 1.5}, p.seed + 9);
      const double fine = 0.5 + 0.5 * noise(scaled(at, 0.5), p.seed + 10);
      const double cover = p.beard < 0.4 ? p.beard * 1.1 * (0.6 + 0.8 * fine)
                                         : smoothstep(0.1, 0.75, area + 0.5 * (hairs - 0.5)) * (0.4 + 0.6 * p.beard) *
                                               (0.7 + 0.5 * fine);
      const Vec3 of_beard =
          p.beard < 0.4 ? mix(p.hair_colour, Vec3{0.1, 0.1, 0.11}, 0.4) * 0.7 : p.hair_colour * (0.45 + 0.55 * hairs);
      colour = mix(colour, of_beard, clamp01(p.beard < 0.4 ? cover * area : cover));
      s.bump += p.beard > 0.4 ? 0.3 * area : 0;
      s.gloss *= 1 - 0.6 * area;
    }
  }
  // Scalp under hair; shaved hair is all there is of it.
  if (p.hair != Hair::bald) {
    const double height = at.y - std::max(-58.0, hairline(p, round_head(at)));
    if (height > -4.1) {  // noise is within -1..1: below there is none
      const double above = height + 1.5 * noise(scaled(at, 1.6), p.seed + 11);
      const double fine = 0.5 + 0.5 * noise(scaled(at, 0.7), p.seed + 12);
      const double cover =
          smoothstep(-2.5, 6, above) * (p.hair == Hair::buzz ? 0.62 + 0.3 * fine : 0.85) * smoothstep(79, 76, ax);
      colour = mix(colour, p.hair_colour * (0.6 + 0.5 * fine), cover);
      s.gloss *= 1 - 0.8 * cover;
    }
  }
  s.colour = colour;
  return s;
}

Surface eyeball(const Person& p, const Vec3& d, const Vec3& gaze) {
  const double c = dot(d, gaze), r = 12 * std::sqrt(std::max(0.0, 1 - c * c));  // mm from the pupil's middle
  Surface s;
  s.gloss = 0.25;
  s.sharpness = 40;
  const Vec3 white{0.62, 0.57, 0.53};
  const double vein = smoothstep(0.35, 0.8, noise(d * 7 + Vec3{0, d.y * 9, 0}, p.seed + 20));
  Vec3 colour = mix(white, Vec3{0.6, 0.3, 0.25}, 0.25 * vein * smoothstep(7, 11, r) + 0.35 * smoothstep(9.5, 12, r));
  if (c > 0 && r < 6.8) {
    const Vec3 off = d - gaze * c;
    const double fibres = noise(unit(off) * 9 + Vec3{r * 0.3, 0, 0}, p.seed + 21);
    Vec3 iris = p.iris * (1.15 + 0.45 * fibres) * (0.75 + 0.55 * smoothstep(5.5, 2.2, r));
    iris = mix(iris, iris * Vec3{1.5, 1.1, 0.7}, smoothstep(3.6, 2.2, r) * 0.7);
    iris = iris * (1 - 0.72 * smoothstep(4.7, 5.9, r));
    iris = iris * smoothstep(1.75, 2.15, r);
    colour = mix(iris, colour, smoothstep(5.7, 6.3, r));
    s.gloss = 0.5;
  }
  // Lids shade the ball from above and at the corners.
  colour = colour * (1 - 0.5 * smoothstep(0.12, 0.55, d.y)) * (1 - 0.45 * smoothstep(0.45, 0.95, std::abs(d.x)));
  s.colour = colour;
  return s;
}

Surface mouth(const Vec3& at) {
  const double deep = smoothstep(90, 66, at.z);
  return {mix(Vec3{0.2, 0.05, 0.045}, Vec3{0.012, 0.003, 0.003}, deep), 0.2, 20, 0};
}

Surface tooth(const Vec3& at) {
  const double gap = smoothstep(0.16, 0.03, std::abs(at.x / 7.2 - std::floor(at.x / 7.2 + 0.5)));
  return {Vec3{0.6, 0.56, 0.47} * (1 - 0.35 * gap) * (1 - 0.65 * smoothstep(4, 22, std::abs(at.x))), 0.35, 30, 0};
}

Surface cloth(const Person& p, const Vec3& at) {
  const double weave = 0.5 + 0.5 * noise({at.x * 0.7, at.y * 0.7, at.z * 0.7}, p.seed + 30);
  return {p.cloth * (0.8 + 0.25 * weave), 0, 1, 0.15};
}

Background::Background(std::uint64_t seed) : seed_(seed & 0xFFFFF) {
  const auto number = [&](int k) { return 0.5 + 0.5 * noise({k * 3.0, 0, 0}, seed_); };
  const auto colour = [&](int k) {
    const double light = 0.02 + 0.7 * square(number(k)), hue = 0.9 * (number(k + 1) - 0.5),
                 green = 0.4 * (number(k + 2) - 0.5);
    return Vec3{light * (1 + hue), light * (1 + green), light * (1 - hue)};
  };
  slant_ = 2 * number(0) - 1;
  above_ = colour(1);
  below_ = colour(4);
  grain_ = 0.16 * number(60);
  for (std::size_t i = 0; i < blobs_.size(); ++i) {
    const int k = static_cast<int>(i);
    blobs_[i] = {1.4 * number(30 + k) - 0.2, 1.4 * number(40 + k) - 0.2, 0.09 + 0.3 * number(20 + k),
                 colour(7 + 3 * k)};
  }
}

Vec3 Background::operator()(double x, double y) const {
  Vec3 c = mix(above_, below_, smoothstep(0, 1, y + slant_ * (x - 0.5)));
  for (const Blob& b : blobs_) c = mix(c, b.colour, 0.85 * spot(x, y, b.x, b.y, b.radius, b.radius));
  return c * (1 + grain_ * (noise({x * 5, y * 5, 1}, seed_ + 77) + 0.6 * noise({x * 11, y * 11, 2}, seed_ + 78)));
}

}  // namespace g2face::face
