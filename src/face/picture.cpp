#include "face/picture.hpp"

#include <algorithm>

namespace g2face::face {

namespace {

/// What a screen shows of linear light: a shoulder above 0.75, then the curve of sRGB (IEC 61966-2-1).
class Tone {
 public:
  Tone() {
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const double x = 4.0 * square(static_cast<double>(i) / (size - 1));
      const double y = x < 0.75 ? x : 1 - 0.25 * exact_exp(-(x - 0.75) / 0.25);
      table_[i] = static_cast<float>(y <= 0.0031308 ? 12.92 * y : 1.055 * exact_pow(y, 1 / 2.4) - 0.055);
    }
  }
  double operator()(double light) const {
    const double at = std::sqrt(std::clamp(light, 0.0, 4.0) / 4.0) * (size - 1);
    const auto i = std::min(static_cast<std::size_t>(at), table_.size() - 2);
    const double t = at - static_cast<double>(i);
    return table_[i] + (table_[i + 1] - table_[i]) * t;
  }

 private:
  static double square(double x) { return x * x; }
  static constexpr int size = 4096;
  std::array<float, size> table_{};
};

class Painter {
 public:
  explicit Painter(const Picture& p) : background(p.shot.background), p_(p) {
    gaze_ = {exact_sin(p.shot.gaze_x) * exact_cos(p.shot.gaze_y), exact_sin(p.shot.gaze_y),
             exact_cos(p.shot.gaze_x) * exact_cos(p.shot.gaze_y)};
    halfway_ = unit(p.shot.key + Vec3{0, 0, 1});
  }

  const Background background;

  /// Light that comes from a surface.
  Vec3 lit(const Surface& s, const Vec3& normal, double open) const {
    const Vec3 light = shade(p_.shot.gamma, normal);
    const Vec3 diffuse{std::max(0.0, light.x), std::max(0.0, light.y), std::max(0.0, light.z)};
    const double c = std::max(0.0, dot(normal, halfway_));
    const double lamp = s.gloss > 0 ? clamp01(4 * dot(normal, p_.shot.key)) : 0;
    const double shine = lamp > 0 ? p_.shot.gloss * s.gloss * exact_pow(c, s.sharpness) * lamp : 0;
    return (s.colour * diffuse + p_.shot.key_colour * shine) * open;
  }

  Vec3 head(std::size_t sample) const {
    const Corners at = p_.head.at(p_.triangles, sample, p_.samples);
    const Vec3 resting = at(p_.head.resting);
    Vec3 normal = unit(at(p_.head.normals));
    const bool skin_alone = !p_.open.empty(), inside = skin_alone ? at.back : normal.z < -0.25;
    if (normal.z < 0) normal = normal * -1;
    const std::int32_t part = p_.parts[at.vertex[0]];
    if (part == 2 || part == 3) {
      const Vec3 towards = unit(at(p_.shape) - p_.eyes[static_cast<std::size_t>(part - 2)]);
      const Surface s = eyeball(p_.person, towards, gaze_);
      // The lamp's reflection on the cornea, and a window's.
      Vec3 light = lit(s, normal, 0.9);
      const double c = std::max(0.0, dot(normal, halfway_)),
                   spark = smoothstep(0.982, 0.992, c) + 0.2 * smoothstep(0.945, 0.97, c);
      return light + p_.shot.key_colour * (0.9 * spark);
    }
    if (part == 4 || ((part == 0 || skin_alone) && inside)) return lit(mouth(resting), normal, 1);
    if (part == 5) return lit(tooth(resting), normal, 0.8);
    const double open = skin_alone ? at(p_.open) : openness(resting);
    if (part == 1 && resting.y < -146 - 0.09 * std::abs(resting.x) + 8 * clamp01(resting.z / 40))
      return lit(cloth(p_.person, resting), rough(normal, resting, 0.2, 3), open);
    const Surface s = skin(p_.person, resting, !skin_alone);
    return lit(s, rough(normal, resting, s.bump, 0.8), open * under_hair(resting));
  }

  Vec3 hair(std::size_t sample) const {
    const Corners at = p_.hair.at(p_.hair_triangles, sample, p_.samples);
    const Vec3 resting = at(p_.hair.resting);
    Vec3 normal = unit(at(p_.hair.normals));
    if (normal.z < 0) normal = normal * -1;
    const Surface s = face::hair(p_.person, resting);
    // Strands run down: what shines is where the lamp's half way is across them (Kajiya and Kay 1989).
    const Vec3 down{0, -1, 0}, along = unit(down - normal * dot(down, normal));
    normal = unit(normal + cross(normal, along) * (0.9 * s.bump));
    Vec3 light = lit({s.colour, 0, 1, 0}, normal, 1);
    const double t = dot(along, halfway_), across = std::sqrt(std::max(0.0, 1 - t * t));
    const double lamp = clamp01(2.5 * dot(normal, p_.shot.key));
    const double shine = lamp > 0 ? exact_pow(across, 40) * std::max(0.0, s.gloss) * lamp : 0;
    light = light + p_.shot.key_colour * (p_.person.hair_colour + Vec3{0.06, 0.06, 0.06}) * shine;
    // Its own shadow lower and deeper down.
    return light * (0.62 + 0.38 * smoothstep(-70, 60, resting.y));
  }

 private:
  Vec3 rough(const Vec3& normal, const Vec3& at, double bump, double mm) const {
    if (bump == 0) return normal;
    const Vec3 q = at * (1 / mm);
    const std::uint64_t seed = p_.person.seed + 90;
    return unit(normal + Vec3{noise(q, seed), noise(q, seed + 1), 0} * bump);
  }
  /// Hair keeps light from the skin below its edge, and from the neck.
  double under_hair(const Vec3& at) const {
    if (!has_hair(p_.person)) return 1;
    const double round = round_head(at), below = hairline(p_.person, round) - at.y, neck = smoothstep(-50, -90, at.y);
    const double edge = 0.35 * smoothstep(9, -2, below);
    const double curtain = hairline(p_.person, 0.5) < -100 ? 0.35 * smoothstep(0.08, 0.35, round) : 0.0;
    return 1 - edge * (1 - neck) - curtain * neck;
  }

  const Picture& p_;
  Vec3 gaze_, halfway_;
};

}  // namespace

std::vector<Vec3> vertex_normals(const std::vector<Vec3>& points, const Triangles& triangles) {
  std::vector<Vec3> normals(points.size());
  for (const auto& t : triangles) {
    const auto a = static_cast<std::size_t>(t[0]), b = static_cast<std::size_t>(t[1]),
               c = static_cast<std::size_t>(t[2]);
    const Vec3 n = cross(points[b] - points[a], points[c] - points[a]);
    normals[a] = normals[a] + n;
    normals[b] = normals[b] + n;
    normals[c] = normals[c] + n;
  }
  for (Vec3& n : normals) n = unit(n);
  return normals;
}

bool shows_hair(const Picture& p, std::size_t sample) {
  if (p.hair.screen.empty() || p.hair.seen[sample] < 0) return false;
  const Corners at = p.hair.at(p.hair_triangles, sample, p.samples);
  if (p.head.seen[sample] >= 0 && p.head.at(p.triangles, sample, p.samples).nearness >= at.nearness) return false;
  const Vec3 resting = at(p.hair.resting);
  return hair_covers(p.person, resting) || (p.head.seen[sample] < 0 && hair_behind(p.person, resting));
}

namespace {

constexpr std::size_t per_pixel = samples_across * samples_across;

/// What a pixel's samples show, and how often the most frequent does.
struct Pixel {
  std::array<std::size_t, per_pixel> sample{};
  std::array<std::int32_t, per_pixel> part{};
};
Pixel look(const Picture& p, std::int64_t column, std::int64_t row) {
  Pixel pixel;
  for (std::size_t k = 0; k < per_pixel; ++k) {
    const auto i = static_cast<std::int64_t>(k);
    const std::size_t sample = pixel.sample[k] = static_cast<std::size_t>(
        (row * samples_across + i / samples_across) * p.samples + column * samples_across + i % samples_across);
    if (shows_hair(p, sample)) {
      pixel.part[k] = part_hair;
    } else if (p.head.seen[sample] < 0) {
      pixel.part[k] = part_background;
    } else {
      const auto& triangle = p.triangles[static_cast<std::size_t>(p.head.seen[sample])];
      pixel.part[k] = p.parts[static_cast<std::size_t>(triangle[0])];
    }
  }
  return pixel;
}

}  // namespace

Painted paint(const Picture& p) {
  static const Tone tone;
  const Painter painter(p);
  const std::int64_t size = p.samples / samples_across;
  Painted out{Tensor({DType::f32, {1, 3, size, size}}), Tensor({DType::i32, {1, 1, size, size}})};
  const auto pixels = out.image.mutable_as<float>();
  const auto parts = out.parts.mutable_as<std::int32_t>();
  const auto plane = static_cast<std::size_t>(size * size);
  const double across = static_cast<double>(p.samples);
  for (std::int64_t row = 0; row < size; ++row) {
    for (std::int64_t column = 0; column < size; ++column) {
      // Samples of one part are shaded once, at the first of them.
      const Pixel pixel = look(p, column, row);
      const auto at = static_cast<std::size_t>(row * size + column);
      Vec3 light;
      std::ptrdiff_t most = 0;
      for (std::size_t k = 0; k < per_pixel; ++k) {
        const std::int32_t part = pixel.part[k];
        if (std::find(pixel.part.begin(), pixel.part.begin() + static_cast<std::ptrdiff_t>(k), part) !=
            pixel.part.begin() + static_cast<std::ptrdiff_t>(k))
          continue;
        const std::size_t sample = pixel.sample[k];
        Vec3 c;
        if (part == part_background) {
          c = painter.background((static_cast<double>(column) + 0.5) * samples_across / across,
                                 (static_cast<double>(row) + 0.5) * samples_across / across);
        } else {
          c = part == part_hair ? painter.hair(sample) : painter.head(sample);
        }
        const std::ptrdiff_t count = std::count(pixel.part.begin(), pixel.part.end(), part);
        light = light + c * (static_cast<double>(count) / per_pixel);
        if (count > most) parts[at] = part;
        most = std::max(most, count);
      }
      // The sum of two numbers of a hash for each channel makes the grain of a sensor.
      std::uint64_t h = (p.shot.background + at) * 0x9E3779B97F4A7C15U;
      for (std::size_t channel = 0; channel < 3; ++channel) {
        h = (h ^ (h >> 29)) * 0xBF58476D1CE4E5B9U;
        const double grain = static_cast<double>((h >> 40) & 0xFFF) + static_cast<double>(h >> 52) - 4095;
        const double value = tone(channel == 0   ? light.x
                                  : channel == 1 ? light.y
                                                 : light.z) +
                             p.shot.grain * grain / 1670;
        pixels[channel * plane + at] = static_cast<float>(std::clamp(2 * value - 1, -1.0, 1.0));
      }
    }
  }
  return out;
}

}  // namespace g2face::face
