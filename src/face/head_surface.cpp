#include "face/head_surface.hpp"

#include <algorithm>
#include <span>

namespace g2face::face {

namespace {

enum Measure : std::uint8_t {
  face_width,
  lower_face_height,
  forehead_height,
  head_depth,
  jaw_width,
  jaw_angle,
  chin_width,
  chin_height,
  chin_forward,
  cheekbones,
  cheek_fullness,
  brow_ridge,
  brow_height,
  forehead_slope,
  temples,
  eye_width,
  eye_spacing,
  eye_tilt,
  eye_opening,
  eye_depth,
  upper_lid_fold,
  nose_length,
  nose_bridge,
  nose_forward,
  nose_upturn,
  nose_width,
  bridge_width,
  nose_hump,
  nose_tip_width,
  mouth_width,
  upper_lip,
  lower_lip,
  mouth_height,
  lips_forward,
  mouth_curve,
  ear_size,
  ear_flare,
  neck_width,
  crown_height,
  eyes_uneven,
  mouth_skew,
  nose_skew,
  smooth_1
};
static_assert(smooth_1 + 6 == measure_names.size());
enum Move : std::uint8_t {
  jaw_open,
  smile_l,
  smile_r,
  frown_l,
  frown_r,
  pucker,
  mouth_left,
  mouth_right,
  upper_up,
  stretch,
  blink_l,
  blink_r,
  squint_l,
  squint_r,
  eye_wide,
  brow_up_l,
  brow_up_r,
  brow_down_l,
  brow_down_r,
  cheek_puff,
  nose_sneer,
  lips_press
};
static_assert(lips_press + 1 == expression_names.size());

struct Knot {
  double at, value;
};
/// A smooth curve through knots in ascending order (Catmull and Rom 1974, with slopes for uneven steps).
double curve(std::span<const Knot> knots, double x) {
  if (x <= knots.front().at) return knots.front().value;
  if (x >= knots.back().at) return knots.back().value;
  std::size_t i = 0;
  while (x > knots[i + 1].at) ++i;
  const auto slope = [&](std::size_t k) {
    const std::size_t a = k == 0 ? 0 : k - 1, b = std::min(k + 1, knots.size() - 1);
    return (knots[b].value - knots[a].value) / (knots[b].at - knots[a].at);
  };
  const double h = knots[i + 1].at - knots[i].at, t = (x - knots[i].at) / h, u = 1 - t;
  return u * u * (1 + 2 * t) * knots[i].value + t * t * (1 + 2 * u) * knots[i + 1].value +
         t * u * h * (u * slope(i) - t * slope(i + 1));
}

// The mean head by rows: half its width, and how far its middle lies before and behind the axis between the ears.
// Measures are near the means of Farkas, Anthropometry of the Head and Face, 2nd ed., 1994.
constexpr std::array<Knot, 17> widths = {{{-114, 53.5},
                                          {-100, 56.5},
                                          {-85, 60},
                                          {-70, 65},
                                          {-47, 69},
                                          {-20, 72},
                                          {0, 73.5},
                                          {20, 75},
                                          {40, 75.5},
                                          {60, 73},
                                          {80, 65},
                                          {95, 53.5},
                                          {104, 42},
                                          {109, 32.5},
                                          {112, 24},
                                          {114, 13.5},
                                          {115, 0.6}}};
constexpr std::array<Knot, 19> fronts = {{{-114, 81},
                                          {-109, 88.5},
                                          {-100, 92},
                                          {-88, 91.5},
                                          {-70, 94},
                                          {-47, 94},
                                          {-20, 92.5},
                                          {0, 92},
                                          {14, 95.5},
                                          {25, 98.5},
                                          {40, 98.5},
                                          {60, 94},
                                          {80, 82},
                                          {95, 67},
                                          {104, 53},
                                          {109, 41},
                                          {112, 30.5},
                                          {114, 17},
                                          {115, 0.7}}};
constexpr std::array<Knot, 14> backs = {{{-114, 70},
                                         {-80, 82},
                                         {-47, 88},
                                         {0, 95},
                                         {20, 97},
                                         {40, 96},
                                         {60, 91.5},
                                         {80, 81},
                                         {95, 66},
                                         {104, 52},
                                         {109, 40},
                                         {112, 29.5},
                                         {114, 16.5},
                                         {115, 0.7}}};
constexpr std::array<Knot, 11> noses = {{{-57, 0},
                                         {-52, 2.0},
                                         {-48, 7.5},
                                         {-44.5, 15.5},
                                         {-41, 21.2},
                                         {-37, 22.6},
                                         {-31, 19.6},
                                         {-20, 13.8},
                                         {-8, 8.4},
                                         {4, 4.6},
                                         {16, 0}}};

double square(double x) { return x * x; }
/// 1 in the middle of the eyes' region, 0 outside of it.
double eye_region(double ax, double row) {
  return smoothstep(0, 15, ax) * smoothstep(70, 50, ax) * smoothstep(-36, -15, row) * smoothstep(44, 17, row);
}
/// Where along the eye, 0 at its inner corner, 1 at the outer one; and how open its lids are there, 0..1.
double along_eye(double ax) { return (ax - eye_inner) / (eye_outer - eye_inner); }
double lid_profile(double t, double lean) {
  if (t <= 0 || t >= 1) return 0;
  const double s = 2 * t - 1, low = 1 - s * s;
  return low * (1 + lean * s) * (1 + 0.25 * s * s);
}

/// Who it is and what the face does, seen from one side of it.
struct Half {
  const Measures& m;
  const Expression& e;
  double sign;
  double blink, squint, brow_up, brow_down, smile, frown;
  Half(const Measures& measures, const Expression& expression, double x)
      : m(measures), e(expression), sign(x < 0 ? -1 : 1) {
    // What the middle does is the mean of what the sides do.
    const double left = 0.5 + 0.5 * std::clamp(x / 6, -1.0, 1.0);
    const auto side = [&](Move l, Move r) { return e[l] * left + e[r] * (1 - left); };
    blink = side(blink_l, blink_r);
    squint = side(squint_l, squint_r);
    brow_up = side(brow_up_l, brow_up_r);
    brow_down = side(brow_down_l, brow_down_r);
    smile = side(smile_l, smile_r);
    frown = side(frown_l, frown_r);
  }
};

/// What the lids' edges lie above and below the line through the corners, mm.
struct Lids {
  double upper, lower;
};
Lids lids(const Half& h, double ax) {
  const double t = along_eye(ax);
  const double up = (5.5 + 0.75 * h.m[eye_opening] + 1.5 * h.e[eye_wide]) * lid_profile(t, -0.18);
  const double down = (4.6 + 0.25 * h.m[eye_opening]) * lid_profile(t, 0.22);
  const double lower = down * (1 - 0.45 * h.squint);
  return {up * (1 - 0.3 * h.squint) * (1 - h.blink) - 0.92 * lower * h.blink, lower};
}

/// The relief of the front: what is added to z.
double relief(const Half& h, double ax, double row) {
  const Measures& m = h.m;
  const auto at = [&](double cx, double cy, double sx, double sy) { return spot(ax, row, cx, cy, sx, sy); };
  double z = 0;
  // eyes and brows
  z -= (9.5 - 0.4 * m[brow_ridge]) * at(30, 1, 15, 9.5);
  z -= 6.0 * at(14, 1, 5.5, 6.5);
  z += (2.6 + 1.5 * m[brow_ridge] + 1.2 * h.brow_down) * at(26, 17, 15, 5.5);
  z += (0.8 + 0.8 * m[brow_ridge] + 1.0 * h.brow_down) * at(0, 17, 8, 7);
  z += (1.0 + 0.9 * m[upper_lid_fold]) * at(34, 11, 11, 3.2);
  z -= 1.2 * at(31, -15, 13, 3.5);
  // forehead and temples
  z -= (2.0 - 1.5 * m[temples]) * at(66, 28, 9, 18);
  z += 2.0 * m[forehead_slope] * smoothstep(20, 75, row) * smoothstep(112, 80, row);
  // cheeks
  z += (3.6 + 1.3 * m[cheekbones] + 1.6 * h.smile) * at(47, -23, 14, 10);
  z += (1.5 + 1.9 * m[cheek_fullness] + 4.5 * h.e[cheek_puff] + 1.5 * h.smile) * at(42, -55, 15, 17);
  z -= (0.9 + 1.6 * h.smile) * at(27, -52, 3.6, 9);
  // nose
  const double width = 4.9 + 0.5 * m[bridge_width] + 3.2 * smoothstep(-10, -40, row) +
                       0.55 * m[nose_tip_width] * smoothstep(-22, -40, row);
  const double height = curve(noses, row) * (1 + 0.075 * m[nose_forward]) +
                        m[nose_bridge] * 1.6 * spot(0, row, 0, -2, 1, 11) +
                        m[nose_hump] * 0.9 * spot(0, row, 0, -16, 1, 5.5);
  z += height * kernel(square(ax / width));
  z += (8.6 + 0.3 * m[nose_width]) * at(12.0 + 0.4 * m[nose_width], -40.6, 4.2, 4.8);
  z += 2.2 * at(0, -47.5, 2.4, 3);
  z -= 2.6 * at(17.5 + 0.5 * m[nose_width], -38, 2.2, 6);
  z -= 4.5 * at(6.4, -47.2, 3.0, 1.8);
  // mouth
  z += (4.8 + 1.2 * m[lips_forward] + 3.2 * h.e[pucker]) * at(0, -68, 19, 15);
  const double across = ax / mouth_corner, inside = std::max(0.0, 1 - across * across);
  z += (4.4 + 0.5 * m[upper_lip] - 1.8 * h.e[lips_press]) * inside * spot(0, row, 0, -65.2, 1, 3.4);
  z += (5.6 + 0.6 * m[lower_lip] - 2.0 * h.e[lips_press]) * inside * spot(0, row, 0, -75.4, 1, 3.9);
  z -= 2.4 * at(27, -70, 4.5, 5);
  z -= 1.3 * at(0, -56, 2.3, 4.5);
  z += 0.5 * at(4.2, -57, 1.8, 5);
  z -= (3.6 - 0.4 * m[lower_lip]) * at(0, -88, 13, 4.2);
  // chin
  z += (4.6 + 2.0 * m[chin_forward]) * at(0, -103, 14 + m[chin_width], 8.5);
  return z;
}

struct Shift {
  double x = 0, y = 0, z = 0;  // x away from the middle
};
/// How measures move what lies at (ax, row) of the front, besides its relief.
Shift moved_by_measures(const Half& h, double ax, double row) {
  const Measures& m = h.m;
  const auto at = [&](double cx, double cy, double sx, double sy) { return spot(ax, row, cx, cy, sx, sy); };
  Shift s;
  const double eyes = eye_region(ax, row), t = along_eye(ax);
  s.x += 1.5 * m[eye_spacing] * eyes;
  s.x += 0.9 * m[eye_width] * eyes * std::clamp(2 * t - 1, -1.3, 1.3);
  s.y += (1.1 * m[eye_tilt] + 1.0) * eyes * std::clamp(2 * t - 1, -1.3, 1.3);
  s.y += 0.8 * m[eyes_uneven] * h.sign * eyes;
  s.z += 1.3 * m[eye_depth] * eyes;
  s.y += 1.5 * m[brow_height] * at(28, 20, 24, 6);
  s.x += 2.4 * m[jaw_width] * at(58, -78, 26, 24);
  s.x += 1.5 * m[chin_width] * at(16, -108, 9, 12);
  s.x += 2.1 * m[cheekbones] * at(66, -20, 14, 16);
  s.x += 1.9 * m[cheek_fullness] * at(56, -58, 18, 22);
  s.x += 1.8 * m[temples] * at(72, 30, 16, 24);
  s.y -= 1.6 * m[chin_height] * smoothstep(-84, -112, row) * smoothstep(70, 15, ax);
  const double nose = smoothstep(34, 10, ax);
  s.y -= 1.6 * m[nose_length] * nose * smoothstep(-2, -40, row) * smoothstep(-66, -50, row);
  s.y += 1.5 * m[nose_upturn] * at(0, -38, 8, 6);
  s.x += 1.3 * m[nose_width] * at(12, -41, 7, 8);
  s.x += 1.0 * h.sign * m[nose_skew] * at(0, -34, 13, 15);
  const double mouth = spot(0, row, 0, mouth_row, 1, 9) * smoothstep(56, 26, ax);
  s.y += 1.3 * m[mouth_height] * mouth;
  s.x += 2.3 * m[mouth_width] * at(25, -70, 9, 9);
  s.y += 0.9 * m[mouth_curve] * at(26, -70, 8, 7);
  s.y += 0.9 * m[mouth_skew] * h.sign * mouth * std::min(1.0, ax / 20);
  const double inside = std::max(0.0, 1 - square(ax / 27));
  s.y += 0.95 * m[upper_lip] * inside * spot(0, row, 0, -62, 1, 3.6);
  s.y -= 1.1 * m[lower_lip] * inside * spot(0, row, 0, -80, 1, 4.2);
  return s;
}

/// How much of the jaw's turn a site of the face takes: all below the mouth, none above it, some in the cheeks.
double jaw_share(double ax, double row, int rim) {
  const double across = std::min(1.0, ax / mouth_corner), cheek = smoothstep(20, 30, ax);
  const double lower = row < mouth_row || rim < 0 ? 1 - 0.5 * across * across * across : 0.5 * across * across * across;
  const double side = smoothstep(-22, -104, row);
  const double front =
      row > mouth_row ? lower * smoothstep(-40, mouth_row, row) : lower + (1 - lower) * smoothstep(mouth_row, -86, row);
  return (front + (side - front) * cheek) * smoothstep(72, 50, ax);
}
Vec3 with_jaw(const Vec3& p, double share, double open) {
  if (share == 0 || open == 0) return p;
  constexpr double s = 0.2923717047227367, c = 0.9563047559630354;  // 17 degrees
  const double y = p.y + 20, z = p.z - 6;                           // about the joint before the ear
  const double amount = share * open;
  return {p.x, p.y + amount * (c * y - s * z - y), p.z + amount * (s * y + c * z - z)};
}

Shift moved_by_expression(const Half& h, double ax, double row, int rim) {
  const auto at = [&](double cx, double cy, double sx, double sy) { return spot(ax, row, cx, cy, sx, sy); };
  Shift s;
  const double corner = at(26, -70, 11, 9), lips = smoothstep(40, 24, ax) * spot(0, row, 0, mouth_row, 1, 7);
  s.x += h.smile * (5.5 * corner) + h.e[stretch] * 5.0 * corner;
  s.y += h.smile * (6.0 * corner + 2.6 * at(42, -38, 14, 11));
  s.z -= h.smile * 3.5 * corner;
  s.y -= h.frown * (5.0 * corner) + h.e[stretch] * 1.5 * corner;
  s.x -= h.e[pucker] * 8.0 * lips * std::min(1.0, ax / 25);
  s.x += h.sign * (h.e[mouth_left] - h.e[mouth_right]) * 6.0 * spot(ax, row, 0, -72, 24, 12);
  s.z += (h.sign > 0 ? h.e[mouth_left] : h.e[mouth_right]) * 2.0 * at(36, -64, 10, 9);  // the cheek it moves to
  const bool upper = row > mouth_row || rim > 0;
  const double inside = std::max(0.0, 1 - square(ax / (mouth_corner + 2)));
  if (upper) s.y += 5.0 * h.e[upper_up] * inside * spot(0, row, 0, mouth_row, 1, 8);
  s.y += h.e[upper_up] * 1.5 * at(13, -42, 7, 8);
  s.y += (upper ? -1.0 : 1.0) * h.e[lips_press] * inside * spot(0, row, 0, upper ? -63 : -78, 1, 3.5);
  s.y += h.e[nose_sneer] * (3.0 * at(12, -40, 6, 8) + 1.6 * at(8, -8, 7, 9));
  s.y += 5.5 * h.brow_up * at(28, 20, 19, 7.5) + h.brow_up * 2.5 * at(28, 36, 22, 12);
  s.y -= 4.2 * h.brow_down * at(19, 18, 15, 6.5);
  s.x -= 2.6 * h.brow_down * at(14, 18, 9, 7);
  s.y += 1.6 * h.squint * at(34, -16, 15, 5);
  s.x += 2.5 * h.e[cheek_puff] * at(50, -58, 14, 16);
  return s;
}

/// What changes the whole head, eyes and ears and all.
Vec3 whole(const Vec3& p, const Measures& m) {
  Vec3 q = p;
  q.x *= 1 + 0.028 * m[face_width];
  q.z *= 1 + 0.02 * m[head_depth];
  q.y -= 2.2 * m[lower_face_height] * smoothstep(-25, -114, p.y);
  q.y += 3.0 * m[forehead_height] * smoothstep(20, 85, p.y) + 2.0 * m[crown_height] * smoothstep(70, 115, p.y);
  const double u = p.x / 76, v = p.y / 100, w = p.z / 98;
  // Waves over the whole head; most callers have none of them.
  const auto wave = [&](std::size_t k) { return m[smooth_1 + k]; };
  if (wave(0) != 0) q.z += 1.6 * wave(0) * exact_sin(2.2 * v + 0.6);
  if (wave(1) != 0) q.x += 1.7 * u * wave(1) * exact_sin(2.6 * v + 1.1);
  if (wave(2) != 0) q.x += 1.4 * u * wave(2) * exact_cos(3.6 * v + 0.4 * w);
  if (wave(3) != 0) q.z += 1.3 * wave(3) * exact_cos(3.1 * u * u + 1.2 * v);
  if (wave(4) != 0) q.y += 1.3 * wave(4) * exact_sin(2.4 * v - 1.5 * w);
  if (wave(5) != 0) q.x += 1.3 * wave(5) * exact_cos(2.5 * v - 0.6);  // the one that is not symmetric
  return q;
}

struct Eye {
  Vec3 centre;
};
Eye eye_of(const Half& h) {
  const Shift s = moved_by_measures(h, 31.5, eye_row);
  return {{h.sign * (31.5 + s.x), s.y, 70 + s.z}};
}

Vec3 place_face(const Site& site, const Measures& m, const Expression& e) {
  const double x0 = half_width(site.row) * site.side, ax = std::abs(x0), as = std::abs(site.side);
  const Half h(m, e, x0);
  const double c = std::sqrt(std::max(0.0, 1 - site.side * site.side));
  // The jaw rises from the chin to the ears, and rows above it follow.
  const double lift = (62 - 4.0 * m[jaw_angle]) * (site.back ? 1.0 : exact_pow(as, 2.9));
  const double low = clamp01((-20 - site.row) / 94);
  Vec3 p{x0, site.row + lift * exact_pow(low, 1.2),
         c * (site.back ? -curve(backs, site.row) : curve(fronts, site.row))};
  p.z -= 10 * (1 - c) * smoothstep(-60, -114, site.row);
  if (site.back) return p;
  const double front = smoothstep(0.02, 0.4, c);
  const Shift a = moved_by_measures(h, ax, site.row), b = moved_by_expression(h, ax, site.row, site.rim);
  p.x += h.sign * front * (a.x + b.x);
  p.y += front * (a.y + b.y);
  p.z += front * (relief(h, ax, site.row) + a.z + b.z);

  const double d = std::abs(site.row - eye_row);
  if (d < 20 && ax > eye_inner - 6 && ax < eye_outer + 10) {
    const Lids open = lids(h, ax);
    const bool above = site.row > eye_row || site.rim > 0;
    const double fade =
        above ? square(1 - std::min(1.0, d / 18)) * (1 + d / 9) : square(1 - std::min(1.0, d / 14)) * (1 + d / 7);
    p.y += (above ? open.upper : -open.lower) * fade;
    // Lids lie on the eyeball.
    const Eye eye = eye_of(h);
    const double r2 = square(p.x - eye.centre.x) + square(p.y - eye.centre.y), outer = square(eye_radius + 1.3);
    if (r2 < outer) {
      const double ball = eye.centre.z + std::sqrt(outer - r2), gap = (ball - p.z) / 3.0;
      // A smooth maximum.
      p.z = gap > 1 ? ball : gap < -1 ? p.z : p.z + 3.0 * 0.25 * square(gap + 1);
    }
    if (site.depth > 0) {
      const Vec3 out = p - eye.centre;
      p = eye.centre + out * ((eye_radius - 0.5) / length(out));
    }
  } else if (site.depth > 0) {
    static constexpr std::array<double, 4> back = {0, 3.0, 9, 36}, spread = {0, 0.4, 3.5, 11};
    const auto k = static_cast<std::size_t>(site.depth);
    p.z -= back[k];
    p.y += site.rim * spread[k] * (1 - 0.4 * square(ax / mouth_corner));
    p.x *= 1 - 0.03 * back[k] / 9;
  }
  return with_jaw(p, jaw_share(ax, site.row, site.rim), e[jaw_open]);
}

Vec3 place_neck(const Site& site, const Measures& m, const Expression& e) {
  Site jaw = site;
  jaw.kind = SiteKind::face;
  jaw.row = jaw_row;
  const double s = site.side, c = std::sqrt(std::max(0.0, 1 - s * s)) * (site.back ? -1.0 : 1.0);
  const double wide = 1 + 0.055 * m[neck_width];
  const Vec3 ring{56 * wide * s, -104 - 24 * c, -18 + 50 * wide * c};
  if (site.row <= 1) {
    const Vec3 from = place_face(jaw, m, e);
    const Vec3 bend{from.x + 0.2 * (ring.x - from.x), from.y + (0.75 - 0.25 * std::max(0.0, c)) * (ring.y - from.y),
                    from.z + 0.2 * (ring.z - from.z)};
    const double t = site.row, u = 1 - t;
    return from * (u * u) + bend * (2 * t * u) + ring * (t * t);
  }
  const double t = site.row - 1, flare = t * t * (0.35 + 0.65 * t);
  return {ring.x + flare * 120 * s, ring.y - (80 - 24 * c) * t - 14 * flare * std::abs(s),
          ring.z + flare * 42 * c + 4 * t * c};
}

Vec3 place_ear(const Site& site, const Measures& m) {
  const double u = site.unit.x, v = site.unit.y;  // to the back, up
  const double size = 1 + 0.06 * m[ear_size], flare = 0.42 + 0.08 * m[ear_flare];
  const double width = 16.5 * size * (0.92 + 0.18 * v - 0.1 * v * v), along = (v > 0 ? 31 : 26) * size * v;
  const double back = std::sqrt(1 - flare * flare);
  const double rho = std::sqrt(u * u + v * v);
  // The rim rolls outwards, the shell behind the opening lies low.
  const double roll = 3.2 * spot(rho, 0, 0.86, 0, 0.09, 1) * smoothstep(-0.9, -0.2, v + u) -
                      5.0 * spot(u, v, -0.25, -0.1, 0.3, 0.3) + 2.0 * spot(u, v, 0.3, 0.05, 0.14, 0.4);
  const double root = smoothstep(-0.35, -1, u);
  const Vec3 p{71.5 + flare * width * (u + 0.8) + back * roll - 6 * root, -17 + along - 0.12 * width * u,
               -6 - 0.16 * along - back * width * u + flare * roll};
  return {site.side * p.x, p.y, p.z};
}

Vec3 place_tooth(const Site& site, const Measures& m, const Expression& e) {
  const double across = site.unit.x;
  const bool upper = site.side > 0;
  static constexpr Expression at_rest{};
  const Half h(m, at_rest, across);
  const Shift s = moved_by_measures(h, 8, mouth_row);
  const double z = curve(fronts, mouth_row) + relief(h, 0, mouth_row) - 7.5 - (upper ? 0 : 1.4);
  const double x = across * (upper ? 22 : 20);
  const Vec3 p{x, mouth_row + s.y + (upper ? -1.6 + 10 * site.unit.y : -3.2 - 8 * (1 - site.unit.y)),
               z - 15 * across * across};
  return upper ? p : with_jaw(p, 1, e[jaw_open]);
}

}  // namespace

double half_width(double row) { return curve(widths, row); }
double half_depth(double row, bool back) { return back ? curve(backs, row) : curve(fronts, row); }

Vec3 place(const Site& site, const Measures& m, const Expression& e) {
  switch (site.kind) {
    case SiteKind::face:
    case SiteKind::mouth:
      return whole(place_face(site, m, e), m);
    case SiteKind::neck:
      return whole(place_neck(site, m, e), m);
    case SiteKind::ear:
      return whole(place_ear(site, m), m);
    case SiteKind::tooth:
      return whole(place_tooth(site, m, e), m);
    case SiteKind::eye:
      break;
  }
  return whole(eye_of(Half(m, e, site.side)).centre, m) + site.unit * eye_radius;
}

}  // namespace g2face::face
