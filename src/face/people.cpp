#include "face/people.hpp"

#include <algorithm>

#include "g2face/ops/random.hpp"

namespace g2face::face {

double Draw::uniform(double from, double to) {
  if (next_ == numbers_.size()) {
    numbers_ = random_uniform_block(seed_, stream_, block_++);
    next_ = 0;
  }
  return from + (to - from) * numbers_[next_++];
}

double Draw::normal() {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += uniform();
  return std::clamp(sum, -2.5, 2.5);
}

std::size_t Draw::pick(std::initializer_list<double> weights) {
  double total = 0;
  for (const double w : weights) total += w;
  double left = uniform(0, total);
  std::size_t i = 0;
  for (const double w : weights) {
    left -= w;
    if (left < 0) return i;
    ++i;
  }
  return weights.size() - 1;
}

namespace {

/// Linear light of what a screen shows as this, 0..255.
Vec3 screen(double r, double g, double b) {
  const auto linear = [](double v) { return exact_pow(v / 255, 2.2); };
  return {linear(r), linear(g), linear(b)};
}

constexpr double degrees = pi / 180;

/// A lamp's colour from warm (-1) to cool (1), with the same brightness.
Vec3 tint(double cool) { return {1 - 0.16 * cool, 1, 1 + 0.22 * cool}; }

Vec3 direction(double azimuth, double elevation) {
  const double c = exact_cos(elevation);
  return {exact_sin(azimuth) * c, exact_sin(elevation), exact_cos(azimuth) * c};
}

/// Sets blendshapes by what they do, whatever a model calls its parts of it.
class Mimic {
 public:
  explicit Mimic(std::span<const std::string> names) : names_(names), values_(names.size()) {}

  /// Adds to the shapes NAME, NAME_L and NAME_R (or that side alone).
  void add(std::string_view name, double value, std::string_view side = "") {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      std::string_view shape = names_[i];
      std::string_view of;
      if (shape.ends_with("_L") || shape.ends_with("_R")) {
        of = shape.substr(shape.size() - 1);
        shape.remove_suffix(2);
      }
      const bool brow = name == "browUp" && (shape == "browInnerUp" || shape == "browOuterUp");
      const bool press = name == "lipsPress" && shape == "mouthPress";
      if ((shape != name && !brow && !press) || (!side.empty() && !of.empty() && side != of)) continue;
      values_[i] = clamp01(values_[i] + value);
    }
  }
  /// Both sides, not quite the same.
  void both(std::string_view name, double value, Draw& draw) {
    add(name, value * draw.uniform(0.85, 1.0), "L");
    add(name, value * draw.uniform(0.85, 1.0), "R");
  }
  std::vector<double> values() const { return values_; }

 private:
  std::span<const std::string> names_;
  std::vector<double> values_;
};

std::vector<double> draw_expression(Draw& d, std::span<const std::string> names) {
  Mimic face(names);
  const double strength = d.uniform(0.35, 1);
  switch (d.pick({0.32, 0.2, 0.16, 0.12, 0.06, 0.06, 0.04, 0.04})) {
    case 0:  // calm
      break;
    case 1:  // a smile with closed lips
      face.both("mouthSmile", 0.8 * strength, d);
      face.both("eyeSquint", 0.4 * strength, d);
      break;
    case 2:  // one that shows teeth
      face.both("mouthSmile", 0.5 + 0.4 * strength, d);
      face.add("mouthUpperUp", 0.35 + 0.25 * strength);
      face.add("jawOpen", 0.08 + 0.2 * strength);
      face.both("eyeSquint", 0.6 * strength, d);
      break;
    case 3:  // speaking
      face.add("jawOpen", 0.5 * strength);
      face.add("mouthStretch", d.uniform(0, 0.4));
      face.add("mouthPucker", d.uniform(0, 0.4));
      break;
    case 4:  // anger
      face.both("browDown", strength, d);
      face.both("mouthFrown", 0.6 * strength, d);
      face.both("eyeSquint", 0.6 * strength, d);
      face.add("lipsPress", 0.5 * strength);
      face.add("noseSneer", 0.4 * strength);
      break;
    case 5:  // surprise
      face.both("browUp", strength, d);
      face.add("eyeWide", strength);
      face.add("jawOpen", 0.6 * strength);
      break;
    case 6:  // sadness
      face.both("mouthFrown", 0.8 * strength, d);
      face.both("browUp", 0.3 * strength, d);
      break;
    default:  // pursed lips
      face.add("mouthPucker", 0.7 * strength);
      face.add("cheekPuff", d.chance(0.4) ? 0.7 * strength : 0.0);
  }
  face.add(d.chance(0.5) ? "mouthLeft" : "mouthRight", d.chance(0.2) ? d.uniform(0, 0.5) : 0.0);
  face.both("browUp", d.chance(0.2) ? d.uniform(0, 0.4) : 0.0, d);
  face.both("eyeBlink", d.chance(0.04) ? 1.0 : d.uniform(0, 0.18), d);
  return face.values();
}

}  // namespace

Person draw_person(std::uint64_t seed, std::uint64_t number, std::size_t modes) {
  Draw d(seed, random_stream("synth/person") + number);
  Person p;
  p.seed = d.word();
  for (std::size_t k = 0; k < modes; ++k) p.identity.push_back(d.normal());
  const double u = d.uniform();
  p.melanin = 0.06 + 2.0 * u * std::sqrt(u);
  p.blood = d.uniform(0.1, 0.32);
  p.age = d.uniform();
  p.lips = d.uniform(0.3, 1);
  const bool beard_grows = d.chance(0.5);
  p.brows = (beard_grows ? d.uniform(0.6, 1) : d.uniform(0.4, 0.9));
  p.brow_width = beard_grows ? d.uniform(0.9, 1.4) : d.uniform(0.6, 1.05);
  const double beard = d.uniform();
  if (beard_grows)
    p.beard = beard < 0.45 ? beard * 0.5 : beard < 0.8 ? 0.3 + 0.5 * (beard - 0.45) : 0.7 + 1.5 * (beard - 0.8);
  p.freckles = p.melanin < 0.6 && d.chance(0.3) ? d.uniform(0.2, 1) : 0;
  p.hair = beard_grows ? static_cast<Hair>(d.pick({0.08, 0.2, 0.34, 0.26, 0.07, 0.02, 0.03}))
                       : static_cast<Hair>(d.pick({0.01, 0.03, 0.1, 0.14, 0.14, 0.28, 0.3}));
  p.hair_volume = d.uniform(6, 16);
  p.hairline = d.uniform(-5, 5) + (beard_grows ? 7 * p.age * d.uniform() : 0);
  p.hair_length = d.uniform(20, 150);
  p.parting = d.uniform(-32, 32);
  static const std::array<Vec3, 7> hair = {screen(26, 22, 20),   screen(44, 32, 25),   screen(74, 50, 34),
                                           screen(112, 80, 52),  screen(184, 148, 96), screen(122, 62, 34),
                                           screen(164, 160, 156)};
  const double light = clamp01(1.15 - p.melanin * 1.9);
  p.hair_colour =
      hair[d.pick({0.3 + 1.0 * (1 - light), 0.3, 0.35 * light, 0.3 * light, 0.28 * light, 0.1 * light, 0.0})];
  p.hair_colour =
      mix(p.hair_colour, hair[6], d.chance(0.1 + 0.5 * p.age * p.age) ? d.uniform(0, 1) * p.age * p.age : 0) *
      d.uniform(0.8, 1.25);
  static const std::array<Vec3, 6> irises = {screen(70, 44, 26),  screen(46, 28, 18),   screen(104, 74, 38),
                                             screen(98, 106, 62), screen(92, 128, 158), screen(120, 134, 140)};
  p.iris = irises[d.pick({0.4 + 0.3 * (1 - light), 0.15 + 0.4 * (1 - light), 0.14 * light + 0.02, 0.1 * light,
                          0.18 * light, 0.1 * light})];
  const double grey = d.uniform(0.02, 0.6);
  p.cloth = {grey * d.uniform(0.4, 1.2), grey * d.uniform(0.4, 1.1), grey * d.uniform(0.4, 1.3)};
  return p;
}

Shot draw_shot(std::uint64_t seed, std::uint64_t number, std::span<const std::string> blendshapes) {
  Draw d(seed, random_stream("synth/shot") + number);
  Shot s;
  s.expression = draw_expression(d, blendshapes);
  s.angles = {9 * degrees * d.normal(), 17 * degrees * d.normal(), 2 * degrees * d.normal()};
  s.distance = 5 * exact_exp(d.uniform(0, 1.4));
  s.scale = 1 + 0.02 * d.normal();
  s.shift_x = 0.008 * d.normal();
  s.shift_y = 0.008 * d.normal();
  s.gaze_x = d.chance(0.5) ? -0.6 * s.angles.y : 8 * degrees * d.normal();
  s.gaze_y = d.chance(0.5) ? 0.6 * s.angles.x : 5 * degrees * d.normal();
  s.gaze_x = std::clamp(s.gaze_x, -0.4, 0.4);
  s.gaze_y = std::clamp(s.gaze_y, -0.25, 0.25);

  // Whole light: what falls on a surface that faces the camera is close to 1.
  const double azimuth = 48 * degrees * d.normal(), elevation = d.uniform(5, 55) * degrees;
  const double cool = d.uniform(-0.8, 0.8), contrast = d.uniform(0.25, 0.8);
  s.key = direction(azimuth, elevation);
  s.key_colour = tint(cool) * contrast;
  std::vector<Lamp> lamps = {{s.key, s.key_colour}};
  lamps.push_back({direction(-azimuth * d.uniform(0.5, 1.2), d.uniform(-10, 30) * degrees),
                   tint(d.uniform(-1, 1)) * d.uniform(0.02, 0.25)});
  if (d.chance(0.25))
    lamps.push_back(
        {direction(d.uniform(110, 250) * degrees, d.uniform(10, 40) * degrees), tint(-cool) * d.uniform(0.3, 0.9)});
  const Vec3 sky = tint(-0.6 * cool) * (1 - 0.75 * contrast), ground = sky * tint(-0.5) * d.uniform(0.3, 0.7);
  const Vec3 front = shade(light_gamma(sky, ground, lamps), {0, 0, 1});
  const double exposure = exact_exp(d.uniform(-0.3, 0.22)) / (0.3 * front.x + 0.6 * front.y + 0.1 * front.z);
  for (Lamp& lamp : lamps) lamp.colour = lamp.colour * exposure;
  s.key_colour = s.key_colour * exposure;
  s.gamma = light_gamma(sky * exposure, ground * exposure, lamps);
  s.gloss = d.uniform(0.15, 0.9);
  s.grain = d.uniform(0.003, 0.014);
  s.background = d.word();
  return s;
}

namespace {

constexpr double k0 = 0.88622692545275801365;  // pi / sqrt(4 pi)
constexpr double k1 = 1.77245385090551602730;  // 2 pi / sqrt(4 pi)
constexpr double k2 = 2.42703221200518660880;  // 2 pi / sqrt(8) * 3 sqrt(5) / sqrt(12 pi)
constexpr double root3 = 1.73205080756887729353;

std::array<double, 9> basis(const Vec3& n) {
  return {k0,
          -k1 * n.y,
          k1 * n.z,
          -k1 * n.x,
          k2 * n.x * n.y,
          -k2 * n.y * n.z,
          k2 / (2 * root3) * (3 * n.z * n.z - 1),
          -k2 * n.x * n.z,
          k2 / 2 * (n.x * n.x - n.y * n.y)};
}

}  // namespace

std::array<double, 27> light_gamma(const Vec3& sky, const Vec3& ground, const std::vector<Lamp>& lamps) {
  std::array<double, 27> gamma{};
  const auto add = [&](std::size_t k, const Vec3& colour, double factor) {
    gamma[k] += colour.x * factor;
    gamma[9 + k] += colour.y * factor;
    gamma[18 + k] += colour.z * factor;
  };
  // A sky above and a ground below: their mean, and half of their difference times the normal's y.
  add(0, (sky + ground) * 0.5, 1 / k0);
  add(1, (sky - ground) * 0.5, -1 / k1);
  for (const Lamp& lamp : lamps) {
    // max(0, c) for c = <n, towards> is close to 1/4 + c/2 + 5/32 (3 c^2 - 1) (Ramamoorthi and Hanrahan 2001), and c^2
    // in the basis follows from its own products.
    const Vec3& t = lamp.towards;
    add(0, lamp.colour, 0.25 / k0);
    add(1, lamp.colour, -0.5 * t.y / k1);
    add(2, lamp.colour, 0.5 * t.z / k1);
    add(3, lamp.colour, -0.5 * t.x / k1);
    constexpr double q = 15.0 / 32;
    add(4, lamp.colour, 2 * q * t.x * t.y / k2);
    add(5, lamp.colour, -2 * q * t.y * t.z / k2);
    add(6, lamp.colour, q * (2 * root3 / k2) * (t.z * t.z - (t.x * t.x + t.y * t.y) / 2) / 3);
    add(7, lamp.colour, -2 * q * t.x * t.z / k2);
    add(8, lamp.colour, q * (t.x * t.x - t.y * t.y) / k2);
  }
  constexpr double ambient = 0.8;  // sh_shading() adds it
  for (std::size_t c = 0; c < 3; ++c) gamma[9 * c] -= ambient;
  return gamma;
}

Vec3 shade(const std::array<double, 27>& gamma, const Vec3& normal) {
  const std::array<double, 9> b = basis(normal);
  std::array<double, 3> light{};
  for (std::size_t c = 0; c < 3; ++c) {
    light[c] = 0.8 * b[0];
    for (std::size_t k = 0; k < 9; ++k) light[c] += gamma[9 * c + k] * b[k];
  }
  return {light[0], light[1], light[2]};
}

}  // namespace g2face::face
