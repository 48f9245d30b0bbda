#include "g2face/face/fit.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "face/prior_sigma.hpp"
#include "face/step_control.hpp"
#include "g2face/ops.hpp"

namespace g2face {
namespace {

constexpr std::int64_t pose_size = 6;
constexpr double unbounded = 1e30;
constexpr int bound_passes = 2;

using Matrix3 = std::array<double, 9>;

Matrix3 product(const Matrix3& a, const Matrix3& b) {
  Matrix3 c{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t k = 0; k < 3; ++k) c[3 * i + j] += a[3 * i + k] * b[3 * k + j];
    }
  }
  return c;
}

/// exp([w]x), Rodrigues' formula.
Matrix3 turn_of(const double* w) {
  const double angle2 = w[0] * w[0] + w[1] * w[1] + w[2] * w[2], angle = std::sqrt(angle2);
  const double s = angle < 1e-8 ? 1 : std::sin(angle) / angle;
  const double c = angle < 1e-4 ? 0.5 - angle2 / 24 : (1 - std::cos(angle)) / angle2;
  Matrix3 r{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) r[3 * i + j] = c * w[i] * w[j] - (i == j ? c * angle2 - 1 : 0);
  }
  for (std::size_t i = 0; i < 3; ++i) {  // s [w]x
    const std::size_t j = (i + 1) % 3, k = (i + 2) % 3;
    r[3 * k + j] += s * w[i];
    r[3 * j + k] -= s * w[i];
  }
  return r;
}

void check_model(const LandmarkModel& m) {
  const Shape &mean = m.mean.shape(), &identity = m.identity.shape(), &expression = m.expression.shape();
  for (const Tensor* t : {&m.mean, &m.identity, &m.expression}) {
    check<ShapeError>(is_float(t->dtype()), "landmark model: ", t->type().str(), " must have a floating dtype");
  }
  check<ShapeError>(mean.rank() == 2 && mean[1] == 3 && mean[0] > 0, "landmark model: mean ", mean, " must be [L,3]");
  for (const Shape& basis : {identity, expression}) {
    check<ShapeError>(basis.rank() == 3 && basis[0] == mean[0] && basis[1] == 3, "landmark model: a basis ", basis,
                      " must be [", mean[0], ",3,K]");
  }
  check<ShapeError>(identity[2] + expression[2] > 0, "landmark model: there must be a mode");
}

void check_options(const FitOptions& o) {
  for (const double v : {o.camera.focal, o.camera.distance, o.landmark_sigma, o.loss_scale}) {
    check(v > 0 && std::isfinite(v), "fit: focal ", o.camera.focal, ", distance ", o.camera.distance,
          ", landmark_sigma ", o.landmark_sigma, " and loss_scale ", o.loss_scale, " must be positive");
  }
  check(o.damping >= 0 && o.tolerance >= 0, "fit: damping ", o.damping, " and tolerance ", o.tolerance,
        " must not be negative");
  check(o.max_iterations > 0 && o.batch >= 0, "fit: max_iterations ", o.max_iterations, " must be positive and batch ",
        o.batch, " not negative");
}

/// identity and expression as one basis.
Tensor joined(const Tensor& identity, const Tensor& expression) {
  const std::int64_t rows = identity.shape()[0] * 3, a = identity.shape()[2], b = expression.shape()[2];
  Tensor basis({DType::f32, {identity.shape()[0], 3, a + b}});
  const Tensor first = identity.to(DType::f32), second = expression.to(DType::f32);
  float* to = basis.mutable_as<float>().data();
  for (std::int64_t r = 0; r < rows; ++r) {
    to = std::copy_n(first.as<float>().data() + r * a, a, to);
    to = std::copy_n(second.as<float>().data() + r * b, b, to);
  }
  return basis;
}

Tensor from_doubles(const std::vector<double>& values) {
  Tensor t({DType::f32, {static_cast<std::int64_t>(values.size())}});
  std::transform(values.begin(), values.end(), t.mutable_as<float>().begin(),
                 [](double v) { return static_cast<float>(v); });
  return t;
}

Tensor eye(std::int64_t n) {
  Tensor t = Tensor::zeros({DType::f32, {n, n}});
  for (std::int64_t i = 0; i < n; ++i) t.mutable_as<float>()[static_cast<std::size_t>(i * (n + 1))] = 1;
  return t;
}

}  // namespace

std::string_view name_of(FitStatus status) {
  constexpr std::array<std::string_view, 5> names = {"converged", "iteration_limit", "stuck", "degenerate",
                                                     "not_finite"};
  return names.at(static_cast<std::size_t>(status));
}

std::array<double, 3> FaceFit::angles() const {
  return {std::atan2(rotation[7], rotation[8]), std::asin(std::clamp(-rotation[6], -1.0, 1.0)),
          std::atan2(rotation[3], rotation[0])};
}

std::array<double, 9> rotation_of(const std::array<double, 3>& angles) {
  const double x[3] = {angles[0], 0, 0}, y[3] = {0, angles[1], 0}, z[3] = {0, 0, angles[2]};
  return product(turn_of(z), product(turn_of(y), turn_of(x)));
}

/// The graph of one step for a batch.
struct LandmarkFitter::Iteration {
  Graph graph;
  std::int64_t faces, modes;
  Value rotation, translation, coefficients, landmarks, weights, damping;
  Value low, high;  // of coefficients
  Value cost, residuals, right, step, solved;
  std::unique_ptr<Executor> executor;
  // On the host, as the executor takes them.
  Tensor rotations, translations, coefficient_rows, landmark_rows, weight_rows, dampings;

  Iteration(const LandmarkFitter& f, std::int64_t n) : faces(n), modes(f.basis_.shape()[2]) {
    const auto input = [this](Tensor& t, const Shape& shape, const char* name) {
      t = Tensor::zeros({DType::f32, shape});
      return graph.input(t.type(), name);
    };
    rotation = input(rotations, {n, 3, 3}, "rotation");
    translation = input(translations, {n, 3}, "translation");
    coefficients = input(coefficient_rows, {n, modes}, "coefficients");
    landmarks = input(landmark_rows, {n, f.points(), 2}, "landmarks");
    weights = input(weight_rows, {n, f.points()}, "weights");
    damping = input(dampings, {n, 1, 1}, "damping");

    std::vector<double> precision;
    for (const double sigma : f.sigma_) precision.push_back(1 / (sigma * sigma));
    const FitOptions& o = f.options_;
    const LandmarkNormalEquations e = landmark_normal_equations(
        {graph.constant(f.mean_), graph.constant(f.basis_), graph.constant(from_doubles(precision))},
        {rotation, translation, coefficients}, landmarks, weights,
        {.focal = o.camera.focal,
         .centre_x = o.camera.centre_x,
         .centre_y = o.camera.centre_y,
         .distance = o.camera.distance,
         .loss = o.loss,
         .scale = o.loss_scale});
    cost = e.cost;
    residuals = e.residuals;
    right = e.right;
    std::vector<double> least(static_cast<std::size_t>(modes), -unbounded), most(least.size(), unbounded);
    std::fill(least.begin() + f.identity_modes_, least.end(), 0.0);
    std::fill(most.begin() + f.identity_modes_, most.end(), 1.0);
    low = graph.constant(from_doubles(least));
    high = graph.constant(from_doubles(most));
    const std::int64_t size = pose_size + modes;
    const Value diagonal = graph.constant(eye(size));
    CholeskySolution s = solve(e.hessian, right, damping * diagonal + 1);
    if (o.expression_in_unit_range) s = solve_in_bounds(e.hessian, s.x, diagonal);
    step = reshape(s.x, {n, size});
    solved = s.ok;
    executor = std::make_unique<Executor>(plan(graph, {cost, residuals, right, step, solved}, o.plan));
  }

  static CholeskySolution solve(Value matrix, Value force, Value factors) {
    return cholesky_solve(matrix * factors, reshape(force, {force.shape()[0], force.shape()[1], 1}));
  }

  /// The step again with coefficients held at the bound that the step before would take them beyond: a large diagonal
  /// leaves them no other way, and the rest sees where they go. What still leaves the bounds is cut off on the host.
  CholeskySolution solve_in_bounds(Value matrix, Value step_before, Value diagonal) {
    constexpr double stiff = 1e4;  // beside the matrix' own diagonal, and little enough for f32
    const std::int64_t size = pose_size + modes;
    const Value pose_free = graph.constant(Tensor::zeros({DType::f32, {faces, pose_size}}));
    const Value own = sum(matrix * diagonal, {.axes = {2}});
    const auto all = [&](Value of_modes) { return concat({pose_free, of_modes}, 1); };
    Value held;
    CholeskySolution s{step_before, {}};
    for (int pass = 0; pass < bound_passes; ++pass) {
      const Value to = coefficients + slice_axis(reshape(s.x, {faces, size}), 1, pose_size, modes);
      const Value inside = minimum(maximum(to, low), high), beyond = affine(equal(inside, to), -1, 1);
      held = held ? maximum(held, beyond) : beyond;
      const Value weight = all(held) * stiff;
      const Value place = weight * own * all(inside - coefficients);
      s = solve(matrix, right + place, diagonal * (damping + reshape(weight, {faces, 1, size})) + 1);
    }
    return s;
  }

  void run() const {
    executor->set(rotation, rotations);
    executor->set(translation, translations);
    executor->set(coefficients, coefficient_rows);
    executor->set(landmarks, landmark_rows);
    executor->set(weights, weight_rows);
    executor->set(damping, dampings);
    executor->run();
  }
};

/// A face in a place of the batch.
struct LandmarkFitter::Slot {
  struct State {
    Matrix3 rotation;
    std::array<double, 3> translation;
    std::vector<double> coefficients;
  };
  bool busy = false;
  std::size_t face = 0;
  State best, trial;
  std::vector<double> step;  // from best
  StepControl control;
  FaceFit result;

  void finish(FitStatus status) {
    result.status = status;
    result.iterations = control.iterations;
    result.cost = control.cost;
    busy = false;
  }
};

LandmarkFitter::LandmarkFitter(const LandmarkModel& model, FitOptions options) : options_(std::move(options)) {
  check_model(model);
  check_options(options_);
  if (options_.batch == 0) options_.batch = options_.plan.device.kind == Device::Kind::cuda ? 256 : 8;
  mean_ = model.mean.to(DType::f32);
  basis_ = joined(model.identity, model.expression);
  identity_modes_ = model.identity.shape()[2];
  append_sigma(sigma_, options_.identity_sigma, identity_modes_, "identity_sigma");
  append_sigma(sigma_, options_.expression_sigma, expression_modes(), "expression_sigma");
}

LandmarkFitter::Iteration& LandmarkFitter::iteration(std::int64_t faces) {
  std::shared_ptr<Iteration>& held = iterations_[faces];
  if (!held) held = std::make_shared<Iteration>(*this, faces);
  return *held;
}

/// Takes on a face; false if it has no start, and then says why.
bool LandmarkFitter::start(const Tensor& landmarks, const Tensor& weights, std::size_t face, Slot& slot) const {
  const auto count = static_cast<std::size_t>(points()), modes = sigma_.size();
  slot = {};
  slot.face = face;
  slot.control = {
      .tolerance = options_.tolerance, .damping = options_.damping, .max_iterations = options_.max_iterations};
  slot.result.identity.assign(static_cast<std::size_t>(identity_modes()), 0);
  slot.result.expression.assign(static_cast<std::size_t>(expression_modes()), 0);
  slot.result.errors.assign(count, 0);
  const std::span<const double> w = weights.as<double>().subspan(face * count, count);
  const std::span<const double> x = landmarks.as<double>().subspan(face * count * 2, count * 2);
  bool finite = true;
  for (std::size_t l = 0; l < count; ++l) {
    finite = finite && w[l] >= 0 && std::isfinite(w[l]);
    finite = finite && (w[l] == 0 || (std::isfinite(x[2 * l]) && std::isfinite(x[2 * l + 1])));
  }
  if (!finite) {
    slot.finish(FitStatus::not_finite);
    return false;
  }
  const Tensor shape = mean_.to(DType::f64);
  const std::optional<RigidPose> pose =
      rigid_pose(options_.camera, shape.as<double>(), x, w, options_.loss != LandmarkLoss::squares);
  if (!pose) {
    slot.finish(FitStatus::degenerate);
    return false;
  }
  slot.trial = {pose->rotation, pose->translation, std::vector<double>(modes, 0)};
  slot.best = slot.trial;
  slot.busy = true;
  return true;
}

/// Whether a parameter can follow its step from the best place: not beyond a bound at which it is.
bool LandmarkFitter::is_free(const Slot& s, std::size_t parameter) const {
  const std::size_t first = static_cast<std::size_t>(pose_size + identity_modes_);
  if (!options_.expression_in_unit_range || parameter < first) return true;
  const double c = s.best.coefficients[parameter - static_cast<std::size_t>(pose_size)];
  return s.step[parameter] < 0 ? c > 0 : c < 1;
}

/// Takes in what the device found at slot.trial, and chooses where to look next.
void LandmarkFitter::advance(Slot& s, double cost, bool solved, const float* right, const float* step,
                             const float* residuals) const {
  std::optional<FitStatus> end;
  if (s.control.accepts(cost)) {
    s.best = s.trial;
    for (std::size_t l = 0; l < s.result.errors.size(); ++l) {
      s.result.errors[l] = std::hypot(static_cast<double>(residuals[2 * l]), static_cast<double>(residuals[2 * l + 1]));
    }
    s.step.clear();
    double promise = 0;
    if (solved) {
      s.step.assign(step, step + pose_size + static_cast<std::int64_t>(sigma_.size()));
      for (std::size_t p = 0; p < s.step.size(); ++p) {
        if (is_free(s, p)) promise += static_cast<double>(right[p]) * s.step[p] / 2;
      }
    }
    end = s.control.accept(cost, solved, promise);
  } else {
    end = s.control.refuse(cost);
  }
  if (end) return s.finish(*end);

  s.trial = s.best;
  if (s.step.empty()) return;
  const double turn[3] = {s.control.share * s.step[0], s.control.share * s.step[1], s.control.share * s.step[2]};
  s.trial.rotation = product(turn_of(turn), s.best.rotation);
  for (std::size_t i = 0; i < 3; ++i) s.trial.translation[i] += s.control.share * s.step[3 + i];
  for (std::size_t k = 0; k < sigma_.size(); ++k) {
    double& c = s.trial.coefficients[k];
    c += s.control.share * s.step[static_cast<std::size_t>(pose_size) + k];
    if (options_.expression_in_unit_range && k >= static_cast<std::size_t>(identity_modes_))
      c = std::clamp(c, 0.0, 1.0);
  }
}

std::vector<FaceFit> LandmarkFitter::fit(const Tensor& landmarks, const Tensor& weights) {
  const Shape& shape = landmarks.shape();
  check<ShapeError>(is_float(landmarks.dtype()) && shape.rank() == 3 && shape[1] == points() && shape[2] == 2,
                    "fit: landmarks ", landmarks.type().str(), " must be [N,", points(), ",2] of a floating dtype");
  check<ShapeError>(!weights || (is_float(weights.dtype()) && weights.shape() == Shape{shape[0], points()}),
                    "fit: weights ", weights.type().str(), " must be [", shape[0], ",", points(), "]");
  const Tensor places = landmarks.to(DType::f64);
  const Tensor shares = weights ? weights.to(DType::f64) : Tensor::full({DType::f64, {shape[0], points()}}, 1);
  const auto faces = static_cast<std::size_t>(shape[0]), count = static_cast<std::size_t>(points());
  const std::size_t modes = sigma_.size(), size = static_cast<std::size_t>(pose_size) + modes;
  std::vector<FaceFit> results(faces);
  if (faces == 0) return results;

  Iteration& device = iteration(std::min(options_.batch, static_cast<std::int64_t>(std::bit_ceil(faces))));
  std::vector<Slot> slots(static_cast<std::size_t>(device.faces));
  const double precision = 1 / (options_.landmark_sigma * options_.landmark_sigma);
  std::size_t next = 0;
  // A face that is done makes room for the next one, so that batches are full until the last faces.
  const auto fill = [&](std::size_t i) {
    while (!slots[i].busy && next < faces) {
      const std::size_t face = next++;
      if (!start(places, shares, face, slots[i])) {
        results[face] = slots[i].result;
        continue;
      }
      for (std::size_t l = 0; l < count; ++l) {
        const double w = shares.as<double>()[face * count + l];
        device.weight_rows.mutable_as<float>()[i * count + l] = static_cast<float>(w * precision);
        for (std::size_t c = 0; c < 2; ++c) {
          const double x = places.as<double>()[(face * count + l) * 2 + c];
          device.landmark_rows.mutable_as<float>()[(i * count + l) * 2 + c] = static_cast<float>(w > 0 ? x : 0);
        }
      }
    }
  };
  const auto to_device = [](Tensor& rows, std::size_t i, const auto& values) {
    std::transform(values.begin(), values.end(),
                   rows.mutable_as<float>().begin() + static_cast<std::ptrdiff_t>(i * values.size()),
                   [](double v) { return static_cast<float>(v); });
  };
  for (;;) {
    bool busy = false;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      fill(i);
      if (!slots[i].busy) continue;
      busy = true;
      to_device(device.rotations, i, slots[i].trial.rotation);
      to_device(device.translations, i, slots[i].trial.translation);
      to_device(device.coefficient_rows, i, slots[i].trial.coefficients);
      device.dampings.mutable_as<float>()[i] = static_cast<float>(slots[i].control.damping);
    }
    if (!busy) return results;
    device.run();
    const auto get = [&](Value v) { return device.executor->get(v).to(DType::f32); };
    const Tensor cost = get(device.cost), residuals = get(device.residuals), right = get(device.right),
                 step = get(device.step), solved = get(device.solved);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      Slot& s = slots[i];
      if (!s.busy) continue;
      advance(s, static_cast<double>(cost.as<float>()[i]), solved.as<float>()[i] > 0, &right.as<float>()[i * size],
              &step.as<float>()[i * size], &residuals.as<float>()[i * count * 2]);
      if (s.busy) continue;
      s.result.rotation = s.best.rotation;
      s.result.translation = s.best.translation;
      const auto split = s.best.coefficients.begin() + identity_modes_;
      s.result.identity.assign(s.best.coefficients.begin(), split);
      s.result.expression.assign(split, s.best.coefficients.end());
      results[s.face] = s.result;
    }
  }
}

}  // namespace g2face
