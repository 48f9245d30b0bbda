#include "face/photometric_equations.hpp"

#include <algorithm>
#include <array>

#include "g2face/graph/gradients.hpp"
#include "g2face/models/renderer.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face {
namespace {

constexpr std::int64_t pose_size = 6, light_size = 27;
constexpr std::int64_t matrix_vertices = 4096;  // stand for all in the matrix, which need not be exact
constexpr double stiff = 1e4;                   // of a diagonal element that holds its coefficient
constexpr double loose_pose = 1e-3;             // in the matrix alone, so that it can be solved whatever is seen
constexpr double tiny = 1e-20;

/// Vertices whose pixels count: the face proper, and skin.
std::vector<bool> counted_vertices(const PhotometricProblem& p) {
  std::vector<bool> counts(static_cast<std::size_t>(p.model.vertices), true);
  const auto only = [&](const char* field, const auto& good) {
    if (!p.parameters.contains(field)) return;
    const Tensor values = p.parameters.at(field).to(DType::f64);
    for (std::size_t v = 0; v < counts.size(); ++v) counts[v] = counts[v] && good(values.as<double>()[v]);
  };
  only("face_model/skin", [](double skin) { return skin > 0.5; });
  only("face_model/part", [](double part) { return part == 0; });
  return counts;
}

/// Some of the counted vertices, spread over all of them.
std::vector<std::int64_t> chosen_vertices(const std::vector<bool>& counts) {
  std::vector<std::int64_t> all;
  for (std::size_t v = 0; v < counts.size(); ++v) {
    if (counts[v]) all.push_back(static_cast<std::int64_t>(v));
  }
  check<ShapeError>(!all.empty(), "photometric: the face model says that none of its vertices is skin of the face");
  const auto size = static_cast<std::int64_t>(all.size());
  const std::int64_t stride = (size + matrix_vertices - 1) / matrix_vertices;
  std::vector<std::int64_t> some;
  for (std::int64_t i = 0; i < size; i += stride) some.push_back(all[static_cast<std::size_t>(i)]);
  return some;
}

Value row_constant(Graph& g, std::span<const double> values, const Shape& shape) {
  Tensor t({DType::f32, shape});
  std::transform(values.begin(), values.end(), t.mutable_as<float>().begin(),
                 [](double v) { return static_cast<float>(v); });
  return g.constant(t);
}
Value number(Graph& g, double v) { return g.constant(Tensor::scalar(v, DType::f32)); }
Value per_face(Value v) { return sum(v, {.axes = {1, 2, 3}}); }
Value axis_of(Value points, int axis) { return slice_axis(points, 2, axis, 1); }

/// x, y and z of how points or normals turn and move for each coefficient: modes, angles, translation.
using Motion = std::array<Value, 3>;  // [N,P,K+6]
///   basis [P,3,K], angles [N,3], turned [N,P,3] before the translation; normals have none
Motion motion_of(Value basis, Value angles, Value turned, bool translated) {
  Graph& g = *basis.graph;
  const std::int64_t n = turned.shape()[0], points = turned.shape()[1], modes = basis.shape()[2];
  const Value rotation = rotation_matrix(angles);
  const Value flat = reshape(transpose(basis, {1, 0, 2}), {3, points * modes});
  const Value shifts =
      reshape(matmul(reshape(transpose(rotation, {0, 2, 1}), {3 * n, 3}), flat), {n, 3, points, modes});
  // A point turns about the axis on which an angle works, after the rotations that follow: Rz Ry x, Rz y, z.
  const Value z = reshape(slice_axis(angles, 1, 2, 1), {n, 1, 1});
  const Value about_z = g.constant(Tensor::from({1, 1, 3}, {0, 0, 1}));
  const Value about_y = concat({-sin(z), cos(z), affine(z, 0)}, 2);
  const Value axes =
      transpose(concat({slice_axis(rotation, 1, 0, 1), about_y, broadcast_to(about_z, {n, 1, 3})}, 1), {0, 2, 1});
  Motion motion;
  for (int i = 0; i < 3; ++i) {
    const int j = (i + 1) % 3, k = (i + 2) % 3;
    const auto axis = [&](int of) { return slice_axis(axes, 1, of, 1); };
    Tensor unit = Tensor::zeros({DType::f32, {1, 1, 3}});
    if (translated) unit.mutable_as<float>()[static_cast<std::size_t>(i)] = 1;
    motion[static_cast<std::size_t>(i)] = concat(
        {reshape(slice_axis(shifts, 1, i, 1), {n, points, modes}),
         axis(j) * axis_of(turned, k) - axis(k) * axis_of(turned, j), broadcast_to(g.constant(unit), {n, points, 3})},
        2);
  }
  return motion;
}

/// By how many pixels points move, to the right and up.        seen [N,P,3] by the camera
struct Moves {
  Value right, up;  // [N,P,K+6]
};
Moves moves_of(const Motion& motion, Value seen, double focal) {
  const Value depth = axis_of(seen, 2), scale = affine(reciprocal(depth), focal);
  const auto pixels = [&](int i) {
    return (motion[static_cast<std::size_t>(i)] + axis_of(seen, i) / depth * motion[2]) * scale;
  };
  return {pixels(0), pixels(1)};
}

/// How the normals of some vertices change with each mode near the mean face, by differences: f32 [P,3,K].
Tensor normal_modes(const PhotometricProblem& p, const std::vector<std::int64_t>& vertices) {
  constexpr float step = 0.25f;
  const FaceModel& m = p.model;
  const std::int64_t modes = m.identity + m.expression;
  Graph g;
  Tensor rows = Tensor::zeros({DType::f32, {2, modes}});
  const Value c = g.input(rows.type(), "coefficients");
  const Value shape = face_shape(Scope(g, "face_model"), m, slice_axis(c, 1, 0, m.identity),
                                 slice_axis(c, 1, m.identity, m.expression));
  const Value normals = gather(face_normals(m, shape), 1, vertices);
  const Value slope = (slice_axis(normals, 0, 0, 1) - slice_axis(normals, 0, 1, 1)) * (0.5 / step);
  Executor executor(plan(g, {slope}, p.options.plan), &p.parameters);
  Tensor result({DType::f32, {static_cast<std::int64_t>(vertices.size()), 3, modes}});
  for (std::size_t k = 0; k < static_cast<std::size_t>(modes); ++k) {
    float* both[2] = {&rows.mutable_as<float>()[k], &rows.mutable_as<float>()[static_cast<std::size_t>(modes) + k]};
    *both[0] = step;
    *both[1] = -step;
    executor.set(c, rows);
    executor.run();
    const Tensor found = executor.get(slope).to(DType::f32);
    for (std::size_t i = 0; i < found.as<float>().size(); ++i)
      result.mutable_as<float>()[i * static_cast<std::size_t>(modes) + k] = found.as<float>()[i];
    *both[0] = *both[1] = 0;
  }
  return result;
}

class Builder {
 public:
  Builder(Graph& graph, const PhotometricInputs& inputs, const PhotometricProblem& problem)
      : g_(graph), in_(inputs), p_(problem), o_(problem.options), model_(problem.model) {
    faces_ = in_.coefficients.shape()[0];
    modes_ = model_.identity + model_.expression;
    // In the order of coefficients. Gradients go to the parts that are free.
    std::int64_t begin = 0;
    for (const auto& [size, free] : {std::pair{modes_, o_.geometry},
                                     {model_.texture, true},
                                     {std::int64_t{3}, o_.geometry},
                                     {light_size, true},
                                     {std::int64_t{3}, o_.geometry}}) {
      if (size == 0) continue;
      parts_.push_back({begin, size, free, slice_axis(in_.coefficients, 1, begin, size)});
      if (free) unknowns_ += size;
      begin += size;
    }
  }

  PhotometricEquations build() {
    std::vector<Value> all, free;
    for (const Part& part : parts_) {
      all.push_back(part.value);
      if (part.free) free.push_back(part.value);
    }
    face_ = posed_face(Scope(g_, "face_model"), model_, concat(all, 1), o_.camera);
    PhotometricEquations e;
    Value cost = photo_cost(e) + prior_cost();
    if (in_.landmarks) cost = cost + landmark_cost();
    e.cost = cost;
    std::vector<Value> slopes = gradients(sum(cost), free);
    solve(concat(slopes, 1) * -1, e);
    return e;
  }

 private:
  struct Part {
    std::int64_t begin, size;
    bool free;
    Value value;
  };

  Value photo_cost(PhotometricEquations& e) {
    const Shape& size = in_.photos.shape();
    counts_ = counted_vertices(p_);
    Tensor counted({DType::f32, {1, model_.vertices, 1}});
    std::transform(counts_.begin(), counts_.end(), counted.mutable_as<float>().begin(),
                   [](bool counts) { return counts ? 1.f : 0.f; });
    mesh_ = mesh_constants(g_, mesh_topology(model_.triangles, model_.vertices));
    // Edges stay as they are, as nothing is known of what lies behind them.
    const RenderOptions view{.height = size[2],
                             .width = size[3],
                             .focal = o_.camera.focal,
                             .centre_x = o_.camera.centre_x,
                             .centre_y = o_.camera.centre_y,
                             .antialias = false};
    const Value what = concat({face_.colour, broadcast_to(g_.constant(counted), {faces_, model_.vertices, 1})}, 2);
    drawn_ = render_mesh(mesh_, face_.camera, what, view);
    colours_ = slice_axis(drawn_.image, 1, 0, 3);
    // A pixel beside one that does not count shows some of that.
    const Value other = affine(inside(slice_axis(drawn_.image, 1, 3, 1), 0.5, 2), -1, 1);
    seen_ = affine(max_pool2d(other, {.kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1}}), -1, 1);
    const Value weight = seen_ * in_.masks, photo = affine(in_.photos, 0.5, 0.5);

    e.pixels = per_face(weight);
    const Value one = number(g_, 1), pixels = maximum(e.pixels, one);
    const Value spread =
        photo - reshape(sum(weight * photo, {.axes = {2, 3}}) / reshape(pixels, {faces_, 1}), {faces_, 3, 1, 1});
    e.contrast = per_face(weight * square(spread)) / (pixels * 3);
    const Value squares = sum(square(colours_ - photo), {.axes = {1}, .keep_dims = true});
    e.squared_error = per_face(weight * squares) / (pixels * 3);

    // Huber of the length of a pixel's error, in a form without the root of 0: x up to k^2, 2 k sqrt(x) - k^2 beyond.
    const double k = o_.loss_scale;
    const Value x = squares / (o_.colour_sigma * o_.colour_sigma), limit = number(g_, k * k);
    const Value beyond = sqrt(maximum(x, limit));
    const Value share = reciprocal(pixels) * o_.independent_pixels;
    force_ =
        weight * reciprocal(beyond) * reshape(share, {faces_, 1, 1, 1}) * (k / (o_.colour_sigma * o_.colour_sigma));
    return per_face(weight * (minimum(x, limit) + affine(beyond, 2 * k, -2 * k * k))) * share * 0.5;
  }

  Value prior_cost() {
    // What the channels share and what they do not.
    std::vector<double> light(light_size * light_size, 0);
    const double mean = 1 / (o_.light_sigma * o_.light_sigma),
                 tint = model_.texture == 0 ? mean : 1 / (o_.tint_sigma * o_.tint_sigma);
    for (std::size_t i = 0; i < light_size; ++i) {
      for (std::size_t j = i % 9; j < light_size; j += 9)
        light[i * light_size + j] = (mean - tint) / 3 + (i == j ? tint : 0);
    }
    Tensor matrix = Tensor::zeros({DType::f32, {unknowns_, unknowns_}});
    const auto set = [&](std::int64_t i, std::int64_t j, double v) {
      matrix.mutable_as<float>()[static_cast<std::size_t>(i * unknowns_ + j)] = static_cast<float>(v);
    };
    std::vector<Value> terms;
    std::int64_t at = 0;
    for (const Part& part : parts_) {
      if (!part.free) continue;
      const bool is_light = part.size == light_size && part.begin == modes_ + model_.texture + 3;
      if (is_light) {
        for (std::int64_t i = 0; i < light_size; ++i) {
          for (std::int64_t j = 0; j < light_size; ++j)
            set(at + i, at + j, light[static_cast<std::size_t>(i * light_size + j)]);
        }
        const Value pull = matmul(part.value, row_constant(g_, light, {light_size, light_size}));
        terms.push_back(sum(part.value * pull, {.axes = {1}}));
      } else if (part.begin < modes_ + model_.texture) {
        std::vector<double> precision;
        for (std::int64_t i = 0; i < part.size; ++i) {
          const double sigma = p_.sigma[static_cast<std::size_t>(part.begin + i)];
          precision.push_back(1 / (sigma * sigma));
          set(at + i, at + i, precision.back());
        }
        terms.push_back(sum(square(part.value) * row_constant(g_, precision, {1, part.size}), {.axes = {1}}));
      } else {
        for (std::int64_t i = 0; i < part.size; ++i) set(at + i, at + i, loose_pose);
      }
      at += part.size;
    }
    matrix_ = reshape(g_.constant(matrix), {1, unknowns_, unknowns_});
    Value cost = terms[0];
    for (std::size_t i = 1; i < terms.size(); ++i) cost = cost + terms[i];
    return cost * 0.5;
  }

  Value landmark_cost() {
    const LandmarkModel& l = p_.landmarks;
    const std::int64_t points = l.mean.shape()[0];
    landmark_basis_ = concat({g_.constant(l.identity), g_.constant(l.expression)}, 2);
    const Value mean = reshape(g_.constant(l.mean), {1, points * 3});
    const Value flat = reshape(landmark_basis_, {points * 3, modes_});
    const Value shape = reshape(matmul(parts_[0].value, flat, {.transpose_b = true}) + mean, {faces_, points, 3});
    landmark_turned_ = rigid_transform(shape, rotation_matrix(face_.coefficients.angles));
    landmark_seen_ = to_camera(landmark_turned_ + reshape(face_.coefficients.translation, {faces_, 1, 3}), o_.camera);
    landmark_force_ =
        reshape(in_.landmark_weights, {faces_, points, 1}) * (1 / (o_.landmark_sigma * o_.landmark_sigma));
    const Value residual = project(landmark_seen_, o_.camera) - in_.landmarks;
    return sum(landmark_force_ * square(residual), {.axes = {1, 2}}) * 0.5;
  }

  /// Rows of the Jacobian in the order of the unknowns, zeros where a part is missing.
  ///   geometry [N,R,K+6], texture [N,R,Kt], light [N,R,27] -> [N,R,P]
  Value rows(std::int64_t count, Value geometry, Value texture, Value light) const {
    std::vector<Value> columns;
    const auto add = [&](Value of, std::int64_t begin, std::int64_t size) {
      if (size == 0) return;
      columns.push_back(of ? slice_axis(of, 2, begin, size)
                           : g_.constant(Tensor::zeros({DType::f32, {faces_, count, size}})));
    };
    if (o_.geometry) add(geometry, 0, modes_);
    add(texture, 0, model_.texture);
    if (o_.geometry) add(geometry, modes_, 3);
    add(light, 0, light_size);
    if (o_.geometry) add(geometry, modes_ + 3, 3);
    return concat(columns, 2);
  }

  /// The derivative of drawn colours along an axis of the picture, in pixels of surface only.
  Value slope(int axis) const {
    const std::int64_t size = colours_.shape()[axis];
    const auto after = [&](Value v) { return slice_axis(v, axis, 2, size - 2); };
    const auto before = [&](Value v) { return slice_axis(v, axis, 0, size - 2); };
    std::vector<std::int64_t> border(4, 0);
    border[static_cast<std::size_t>(axis)] = 1;
    return pad((after(colours_) - before(colours_)) * after(seen_) * before(seen_) * 0.5, border, border);
  }

  /// The matrix of Gauss and Newton, J^T W J, in which a vertex stands for the pixels around it: their weights are
  /// shared out to vertices as colours are to pixels. How normals turn with modes is that of the mean face.
  void add_photo(std::vector<Value>& jacobian, std::vector<Value>& weights, PhotometricEquations& e) {
    const std::vector<std::int64_t> chosen = chosen_vertices(counts_);
    const auto count = static_cast<std::int64_t>(chosen.size());
    const auto at = [&](Value per_vertex) { return gather(per_vertex, 1, chosen); };
    std::vector<Value> fields = {force_};
    if (o_.geometry) fields.insert(fields.end(), {force_ * slope(3), force_ * slope(2)});
    const Value shared = interpolate_attributes_grad(concat(fields, 1), drawn_.weights, mesh_, drawn_.raster);
    const Value force = slice_axis(shared, 2, 0, 1), some = at(shared), share = slice_axis(some, 2, 0, 1);
    const Value least = number(g_, tiny), total = sum(force, {.axes = {1, 2}, .keep_dims = true});
    e.albedo =
        reshape(sum(force * face_.texture, {.axes = {1}, .keep_dims = true}) / maximum(total, least), {faces_, 3});

    const std::int64_t rows_of_photo = 3 * count;
    const Value albedo = at(face_.texture);
    Value geometry, texture;
    if (model_.texture > 0) {
      const Value basis =
          gather(g_.parameter({DType::f32, {model_.vertices, 3, model_.texture}}, "face_model/texture"), 0, chosen);
      texture =
          reshape(basis, {1, rows_of_photo, model_.texture}) * reshape(at(face_.shading), {faces_, rows_of_photo, 1});
    }
    const Value rotation = rotation_matrix(face_.coefficients.angles);
    const Value basis =
        reshape(sh_basis(rigid_transform(at(face_normals(model_, face_.shape)), rotation)), {faces_, count, 1, 9});
    Tensor own = Tensor::zeros({DType::f32, {1, 1, 3, light_size}});  // a channel has the light of its nine numbers
    for (std::size_t c = 0; c < 3; ++c) std::fill_n(&own.mutable_as<float>()[c * light_size + 9 * c], 9, 1.f);
    const Value light =
        reshape(reshape(albedo, {faces_, count, 3, 1}) * concat({basis, basis, basis}, 3) * g_.constant(own),
                {faces_, rows_of_photo, light_size});
    if (o_.geometry) geometry = reshape(geometry_of_photo(chosen, some), {faces_, rows_of_photo, modes_ + pose_size});
    jacobian.push_back(rows(rows_of_photo, geometry, texture, light));
    const Value stand_for = total / maximum(sum(share, {.axes = {1, 2}, .keep_dims = true}), least);
    weights.push_back(reshape(broadcast_to(share * stand_for, {faces_, count, 3}), {faces_, rows_of_photo, 1}));
  }

  /// How the colours at pixels change with geometry: places move, and normals turn in the light.  -> [N,P,3,K+6]
  ///   shared [N,P,7]: at vertices, the sum of weights, and of weights times the slopes of the picture
  Value geometry_of_photo(const std::vector<std::int64_t>& chosen, Value shared) const {
    const auto count = static_cast<std::int64_t>(chosen.size());
    const auto at = [&](Value per_vertex) { return gather(per_vertex, 1, chosen); };
    const auto field = [&](const char* name, std::int64_t size) {
      return gather(g_.parameter({DType::f32, {model_.vertices, 3, size}}, name), 0, chosen);
    };
    const auto times = [&](Value of_channels, Value of_unknowns) {
      return reshape(of_channels, {faces_, count, 3, 1}) * reshape(of_unknowns, {faces_, count, 1, modes_ + pose_size});
    };
    const Value angles = face_.coefficients.angles, rotation = rotation_matrix(angles);
    const Value modes =
        concat({field("face_model/identity", model_.identity), field("face_model/expression", model_.expression)}, 2);
    const Moves moves = moves_of(motion_of(modes, angles, rigid_transform(at(face_.shape), rotation), true),
                                 at(face_.camera), o_.camera.focal);
    const Value mean = shared / maximum(slice_axis(shared, 2, 0, 1), number(g_, tiny));
    // The picture at a place is that of where the surface came from; rows go down.
    Value change = times(slice_axis(mean, 2, 4, 3), moves.up) - times(slice_axis(mean, 2, 1, 3), moves.right);

    const Value normals = rigid_transform(at(face_normals(model_, face_.shape)), rotation);
    const Motion turns = motion_of(g_.constant(normal_modes(p_, chosen)), angles, normals, false);
    const Value light = sh_shading(normals, face_.coefficients.gamma), albedo = at(face_.texture);
    std::vector<Value> slopes;  // of each channel's light, [N,P,3]: a vertex's depends on its own normal alone
    slopes.reserve(3);
    for (int c = 0; c < 3; ++c) slopes.push_back(gradients(sum(axis_of(light, c)), {normals})[0]);
    for (int i = 0; i < 3; ++i) {
      const Value slope = concat({axis_of(slopes[0], i), axis_of(slopes[1], i), axis_of(slopes[2], i)}, 2);
      change = change + times(albedo * slope, turns[static_cast<std::size_t>(i)]);
    }
    return change;
  }

  void add_landmarks(std::vector<Value>& jacobian, std::vector<Value>& weights) {
    const std::int64_t points = landmark_basis_.shape()[0];
    const Moves moves = moves_of(motion_of(landmark_basis_, face_.coefficients.angles, landmark_turned_, true),
                                 landmark_seen_, o_.camera.focal);
    for (const Value& move : {moves.right, moves.up}) {
      jacobian.push_back(rows(points, move, {}, {}));
      weights.push_back(landmark_force_);
    }
  }

  /// 1 where an unknown stays: all of geometry while that is held, and what is at a bound and would leave.
  Value held_unknowns(Value right) const {
    std::vector<Value> parts;
    for (const Part& part : parts_) {
      const bool colour = part.begin >= modes_ && part.size != 3;
      parts.push_back(broadcast_to(colour ? affine(in_.hold, 0) : in_.hold, {faces_, part.size}));
    }
    const Value held = concat(parts, 1);
    if (!o_.expression_in_unit_range) return held;
    const Value zero = number(g_, 0), one = number(g_, 1);
    const Value c = slice_axis(parts_[0].value, 1, model_.identity, model_.expression);
    const Value to = slice_axis(right, 1, model_.identity, model_.expression);
    const Value low = affine(greater(c, zero), -1, 1) * greater(zero, to);
    const Value high = affine(greater(one, c), -1, 1) * greater(to, zero);
    return maximum(held, pad(low + high, {0, model_.identity}, {0, unknowns_ - modes_}));
  }

  void solve(Value right, PhotometricEquations& e) {
    std::vector<Value> jacobian, weights;
    add_photo(jacobian, weights, e);
    if (in_.landmarks) add_landmarks(jacobian, weights);
    const Value j = concat(jacobian, 1);
    const Value matrix = matmul(j * concat(weights, 1), j, {.transpose_a = true}) + matrix_;

    Tensor unit = Tensor::zeros({DType::f32, {unknowns_, unknowns_}});
    for (std::int64_t i = 0; i < unknowns_; ++i)
      unit.mutable_as<float>()[static_cast<std::size_t>(i * (unknowns_ + 1))] = 1;
    Value damping = in_.damping;
    if (o_.geometry) {
      const Value held = held_unknowns(right);
      right = right * affine(held, -1, 1);
      damping = damping + reshape(held, {faces_, 1, unknowns_}) * stiff;
    }
    const CholeskySolution s =
        cholesky_solve(matrix * (damping * g_.constant(unit) + 1), reshape(right, {faces_, unknowns_, 1}));
    const Value step = reshape(s.x, {faces_, unknowns_});
    e.promise = sum(right * step, {.axes = {1}}) * 0.5;
    e.solved = s.ok;
    std::vector<Value> all;
    std::int64_t at = 0;
    for (const Part& part : parts_) {
      all.push_back(part.free ? slice_axis(step, 1, at, part.size)
                              : g_.constant(Tensor::zeros({DType::f32, {faces_, part.size}})));
      at += part.free ? part.size : 0;
    }
    e.step = concat(all, 1);
  }

  Graph& g_;
  const PhotometricInputs& in_;
  const PhotometricProblem& p_;
  const PhotometricOptions& o_;
  const FaceModel& model_;
  std::int64_t faces_ = 0, modes_ = 0, unknowns_ = 0;
  std::vector<Part> parts_;
  std::vector<bool> counts_;
  Mesh mesh_;
  PosedFace face_;
  Rendered drawn_;
  Value colours_, seen_;  // [N,3,H,W], [N,1,H,W]: drawn, and where that counts
  Value force_;           // [N,1,H,W]: weight of a pixel's squared error in the matrix
  Value matrix_;          // [1,P,P], of priors
  Value landmark_basis_, landmark_turned_, landmark_seen_, landmark_force_;
};

}  // namespace

PhotometricEquations photometric_equations(Graph& graph, const PhotometricInputs& in,
                                           const PhotometricProblem& problem) {
  return Builder(graph, in, problem).build();
}

}  // namespace g2face
