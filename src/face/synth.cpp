#include "g2face/face/synth.hpp"

#include <algorithm>

#include "face/hair_shell.hpp"
#include "face/head_surface.hpp"
#include "face/openness.hpp"
#include "face/picture.hpp"
#include "face/resting.hpp"
#include "g2face/models/face_model.hpp"

namespace g2face {

using namespace face;

namespace {

std::vector<Vec3> points_of(const Tensor& t) {
  const auto v = t.as<float>();
  std::vector<Vec3> points(v.size() / 3);
  for (std::size_t i = 0; i < points.size(); ++i) points[i] = {v[3 * i], v[3 * i + 1], v[3 * i + 2]};
  return points;
}

struct Axes {
  Vec3 x, y, z;  // rows of Rz Ry Rx
  Vec3 operator()(const Vec3& p) const { return {dot(x, p), dot(y, p), dot(z, p)}; }
};
Axes axes_of(const std::array<double, 3>& angles) {
  const double sx = exact_sin(angles[0]), cx = exact_cos(angles[0]), sy = exact_sin(angles[1]),
               cy = exact_cos(angles[1]), sz = exact_sin(angles[2]), cz = exact_cos(angles[2]);
  return {{cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx},
          {sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx},
          {-sy, cy * sx, cy * cx}};
}

/// Model axes to pixels and depth.
struct Camera {
  Axes axes;
  Vec3 translation;
  double focal = 0, distance = 0, size = 0;

  explicit Camera(const SyntheticFace& f, std::int64_t pixels)
      : axes(axes_of(f.angles)),
        translation{f.translation[0], f.translation[1], f.translation[2]},
        focal(f.focal),
        distance(f.distance),
        size(static_cast<double>(pixels)) {}

  Vec3 operator()(const Vec3& p) const {
    const Vec3 q = axes(p) + translation;
    const double depth = distance - q.z;
    return {focal * q.x / depth + size / 2, size / 2 - focal * q.y / depth, depth};
  }
};

/// The square that the published recipe of FFHQ cuts, in the picture it is found in: what ffhq_transform() computes, by
/// arithmetic that is the same everywhere.
struct Crop {
  double x = 0, y = 0, half = 0;
  double across_x = 1, across_y = 0;  // along its upper side
};
Crop ffhq_crop(const std::vector<Vec3>& landmarks) {
  const auto mean = [&](std::size_t from, std::size_t to) {
    Vec3 sum;
    for (std::size_t i = from; i < to; ++i) sum = sum + landmarks[i];
    return sum * (1 / static_cast<double>(to - from));
  };
  const Vec3 left = mean(36, 42), right = mean(42, 48), eyes = (left + right) * 0.5, apart = right - left;
  const Vec3 down = (landmarks[48] + landmarks[54]) * 0.5 - eyes;
  Vec3 across{apart.x + down.y, apart.y - down.x, 0};
  const double along = std::max(2 * std::sqrt(apart.x * apart.x + apart.y * apart.y),
                                1.8 * std::sqrt(down.x * down.x + down.y * down.y));
  across = unit(across);
  return {eyes.x + 0.1 * down.x, eyes.y + 0.1 * down.y, along, across.x, across.y};
}

}  // namespace

struct Synthesizer::State {
  std::vector<Vec3> mean;
  std::vector<float> identity, expression;
  std::size_t vertices = 0, identities = 0;
  std::vector<std::string> expression_names;
  Triangles triangles;
  std::vector<std::int32_t> parts, landmarks;
  std::vector<Vec3> resting;
  std::vector<double> open;  // Picture::open
  HairShell shell;
  std::unique_ptr<Visibility> visibility;
  std::vector<std::int32_t> shell_vertex;  // of the head, that a vertex of the shell follows

  /// What coefficients add to a vertex.
  static Vec3 moved(const std::vector<float>& basis, const std::vector<double>& c, std::size_t vertex) {
    const std::size_t n = c.size();
    const float* rows = basis.data() + 3 * n * vertex;
    Vec3 sum;
    for (std::size_t k = 0; k < n; ++k) sum = sum + Vec3{rows[k], rows[n + k], rows[2 * n + k]} * c[k];
    return sum;
  }
  static void add(std::vector<Vec3>& to, const std::vector<float>& basis, const std::vector<double>& c) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = to[i] + moved(basis, c, i);
  }

  void align(SyntheticFace& f, const Shot& shot, const std::vector<Vec3>& shape, std::int64_t pixels) const;
  Scene scene(const Camera& camera, const std::vector<Vec3>& points, const Triangles& faces) const;
};

/// Turns, moves and scales until the picture is the crop: the camera is where a photographer of this crop would stand.
void Synthesizer::State::align(SyntheticFace& f, const Shot& shot, const std::vector<Vec3>& shape,
                               std::int64_t pixels) const {
  const double size = static_cast<double>(pixels);
  f.distance = shot.distance;
  f.focal = size * shot.distance / 2.5;
  f.angles = {shot.angles.x, shot.angles.y, 0};
  const double roll_x = exact_cos(shot.angles.z), roll_y = -exact_sin(shot.angles.z);
  for (int round = 0; round < 24; ++round) {
    const Camera camera(f, pixels);
    std::vector<Vec3> marks;
    for (const std::int32_t v : landmarks) marks.push_back(camera(shape[static_cast<std::size_t>(v)]));
    const Crop crop = ffhq_crop(marks);
    // y is down in the picture, so a turn to the right there is a negative one in space. Small sines are angles.
    f.angles[2] += crop.across_y * roll_x - crop.across_x * roll_y;
    const double scale = 0.5 * size * shot.scale / crop.half, depth = f.distance - f.translation[2];
    f.translation[0] += (size * (0.5 + shot.shift_x) - crop.x) * depth / f.focal;
    f.translation[1] -= (size * (0.5 + shot.shift_y) - crop.y) * depth / f.focal;
    f.focal *= scale;
  }
}

Scene Synthesizer::State::scene(const Camera& camera, const std::vector<Vec3>& points, const Triangles& faces) const {
  Scene s;
  for (const Vec3& p : points) {
    const Vec3 q = camera(p);
    s.screen.push_back({q.x * samples_across, q.y * samples_across, q.z});
  }
  s.normals = vertex_normals(points, faces);
  for (Vec3& n : s.normals) n = camera.axes(n);
  s.seen = visibility->nearest(s.screen, faces, static_cast<std::int64_t>(camera.size) * samples_across);
  return s;
}

Synthesizer::Synthesizer(const Parameters& file) {
  const FaceModel model = FaceModel::of(file);
  check<CheckpointError>(model.landmarks.size() == 68, "face model: face_model/landmarks has ", model.landmarks.size(),
                         " entries, expected 68");
  check<CheckpointError>(file.contains("face_model/part"), "face model: face_model/part is missing");
  auto s = std::make_unique<State>();
  const auto floats = [&](const char* field) {
    const auto v = file.at(field).as<float>();
    return std::vector<float>(v.begin(), v.end());
  };
  s->mean = points_of(file.at("face_model/mean_shape"));
  s->identity = floats("face_model/identity");
  s->expression = floats("face_model/expression");
  s->vertices = s->mean.size();
  s->identities = static_cast<std::size_t>(model.identity);
  s->expression_names = model.facts.expression_names;
  s->expression_names.resize(static_cast<std::size_t>(model.expression));
  const auto corners = model.triangles.as<std::int32_t>(), part = file.at("face_model/part").as<std::int32_t>();
  for (std::size_t i = 0; i + 2 < corners.size(); i += 3)
    s->triangles.push_back({corners[i], corners[i + 1], corners[i + 2]});
  s->parts.assign(part.begin(), part.end());
  for (const std::int64_t v : model.landmarks) s->landmarks.push_back(static_cast<std::int32_t>(v));
  std::vector<Vec3> at;
  for (const std::int32_t v : s->landmarks) at.push_back(s->mean[static_cast<std::size_t>(v)]);
  s->resting = to_resting_head(s->mean, at);
  constexpr std::int32_t mouth = 4;
  if (std::ranges::find(s->parts, mouth) == s->parts.end()) {
    lay_skull_on_resting_head(s->resting);
    double reach = 0;
    for (const Vec3& p : s->mean) reach = std::max(reach, length(p));
    s->open = openness_of(s->mean, vertex_normals(s->mean, s->triangles), s->triangles, reach);
  }
  s->shell = hair_shell();
  for (const Vec3& p : s->shell.resting) {
    double best = 1e18;
    std::int32_t found = 0;
    for (std::size_t v = 0; v < s->vertices; ++v) {
      if (s->parts[v] > 1) continue;
      const Vec3 d = s->resting[v] - p;
      if (dot(d, d) < best) {
        best = dot(d, d);
        found = static_cast<std::int32_t>(v);
      }
    }
    s->shell_vertex.push_back(found);
  }
  s->visibility =
      std::make_unique<Visibility>(static_cast<std::int64_t>(std::max(s->vertices, s->shell.resting.size())),
                                   static_cast<std::int64_t>(std::max(s->triangles.size(), s->shell.triangles.size())));
  state_ = std::move(s);
}
Synthesizer::~Synthesizer() = default;
Synthesizer::Synthesizer(Synthesizer&&) noexcept = default;
Synthesizer& Synthesizer::operator=(Synthesizer&&) noexcept = default;

SyntheticFace Synthesizer::draw(const SyntheticRequest& r) const {
  check(r.size >= 32 && r.size <= 1024, "synthetic face: size ", r.size, ", expected 32..1024");
  check(r.seed < (std::uint64_t{1} << 53), "synthetic face: seed ", r.seed, ", expected less than 2^53");
  const State& s = *state_;
  const Person person = draw_person(r.seed, r.person, s.identities);
  const Shot shot = draw_shot(r.seed, r.picture, s.expression_names);
  SyntheticFace f;
  f.identity = person.identity;
  f.expression = shot.expression;
  f.gamma = shot.gamma;
  f.key = {shot.key.x, shot.key.y, shot.key.z};
  f.hair = hair_names[static_cast<std::size_t>(person.hair)];
  f.melanin = person.melanin;
  f.beard = person.beard;
  f.age = person.age;

  std::vector<Vec3> shape = s.mean;
  State::add(shape, s.identity, f.identity);
  const std::vector<Vec3> calm = shape;
  State::add(shape, s.expression, f.expression);
  s.align(f, shot, shape, r.size);
  const Camera camera(f, r.size);
  Scene head = s.scene(camera, shape, s.triangles);
  head.resting = s.resting;

  Scene hair;
  Triangles hair_triangles;
  if (has_hair(person)) {
    // What has no hair must not hide hair behind it.
    std::vector<bool> far;
    for (const Vec3& p : s.shell.resting) far.push_back(hair_is_far(person, p));
    for (const auto& t : s.shell.triangles) {
      if (!far[static_cast<std::size_t>(t[0])] || !far[static_cast<std::size_t>(t[1])] ||
          !far[static_cast<std::size_t>(t[2])])
        hair_triangles.push_back(t);
    }
    std::vector<Vec3> points;
    for (std::size_t i = 0; i < s.shell.resting.size(); ++i) {
      const auto v = static_cast<std::size_t>(s.shell_vertex[i]);
      const Vec3 at = s.shell.resting[i];
      const Vec3 mm = at + s.shell.outwards[i] * hair_thickness(person, at) - s.resting[v];
      points.push_back(calm[v] + mm * 0.01);
    }
    hair = s.scene(camera, points, hair_triangles);
    hair.resting = s.shell.resting;
  }

  std::array<Vec3, 2> eyes;
  std::array<double, 2> count{};
  for (std::size_t v = 0; v < s.vertices; ++v) {
    if (s.parts[v] != 2 && s.parts[v] != 3) continue;
    const auto k = static_cast<std::size_t>(s.parts[v] - 2);
    eyes[k] = eyes[k] + shape[v];
    ++count[k];
  }
  for (std::size_t k = 0; k < 2; ++k) eyes[k] = eyes[k] * (1 / std::max(1.0, count[k]));

  const std::int64_t samples = r.size * samples_across;
  const Picture picture{samples, person, shot, s.triangles, s.parts, shape, eyes, head, hair_triangles, hair, s.open};
  const Painted painted = paint(picture);
  f.image = painted.image;
  f.parts = painted.parts;
  f.landmarks = landmarks(f);
  for (std::size_t i = 0; i < f.landmarks.size(); ++i) {
    const Vec3 at = camera(shape[static_cast<std::size_t>(s.landmarks[i])]);
    const auto column = static_cast<std::int64_t>(std::floor(at.x * samples_across)),
               row = static_cast<std::int64_t>(std::floor(at.y * samples_across));
    if (column < 0 || row < 0 || column >= samples || row >= samples) continue;
    const auto k = static_cast<std::size_t>(row * samples + column);
    constexpr double tolerance = 0.02;  // decimetres
    const bool hidden = head.seen[k] >= 0 && head.at(s.triangles, k, samples).nearness * (at.z - tolerance) > 1;
    f.landmarks[i].visible = !hidden && !shows_hair(picture, k);
  }
  return f;
}

std::vector<SyntheticFace::Landmark> Synthesizer::landmarks(const SyntheticFace& f) const {
  const State& s = *state_;
  const Camera camera(f, f.image.shape()[2]);
  std::vector<SyntheticFace::Landmark> result;
  for (const std::int32_t v : s.landmarks) {
    const auto i = static_cast<std::size_t>(v);
    const Vec3 p =
        camera(s.mean[i] + State::moved(s.identity, f.identity, i) + State::moved(s.expression, f.expression, i));
    result.push_back({p.x, p.y, false});
  }
  return result;
}

}  // namespace g2face
