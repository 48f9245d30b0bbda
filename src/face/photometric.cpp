#include "g2face/face/photometric.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "face/photometric_equations.hpp"
#include "face/prior_sigma.hpp"
#include "face/step_control.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face {
namespace {

constexpr double least_pixels = 64;
constexpr double least_contrast = 1e-6;  // a quarter of a step of 8 bits, squared
constexpr double least_share = 0.5;      // of the pixels at first that have to stay in view

void check_options(const PhotometricOptions& o, std::int64_t height, std::int64_t width) {
  check<ShapeError>(std::min(height, width) >= 16 && std::max(height, width) <= 4096, "photometric: photos of ", width,
                    "x", height, " pixels must have 16 to 4096 in each direction");
  const auto positive = [](const char* name, double v) {
    check(v > 0 && std::isfinite(v), "photometric: ", name, " ", v, " must be positive");
  };
  positive("focal", o.camera.focal);
  positive("distance", o.camera.distance);
  positive("colour_sigma", o.colour_sigma);
  positive("loss_scale", o.loss_scale);
  positive("independent_pixels", o.independent_pixels);
  positive("light_sigma", o.light_sigma);
  positive("tint_sigma", o.tint_sigma);
  positive("landmark_sigma", o.landmark_sigma);
  check(o.damping >= 0 && o.tolerance >= 0, "photometric: damping ", o.damping, " and tolerance ", o.tolerance,
        " must not be negative");
  check(o.max_iterations > 0 && o.batch >= 0, "photometric: max_iterations ", o.max_iterations,
        " must be positive and batch ", o.batch, " not negative");
}

/// Row `i` of a tensor of rows.
std::span<const float> row(const Tensor& rows, std::size_t i) {
  const auto size = static_cast<std::size_t>(rows.numel() / rows.shape()[0]);
  return rows.as<float>().subspan(i * size, size);
}
void copy_row(const Tensor& from, std::size_t i, Tensor& to, std::size_t j) {
  const std::span<const float> values = row(from, i);
  std::copy(values.begin(), values.end(),
            to.mutable_as<float>().begin() + static_cast<std::ptrdiff_t>(j * values.size()));
}
bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}
bool all_weights(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return v >= 0 && std::isfinite(v); });
}

}  // namespace

struct PhotometricFitter::Iteration {
  Graph graph;
  PhotometricInputs in;
  PhotometricEquations out;
  std::unique_ptr<Executor> executor;
  // On the host, as the executor takes them.
  Tensor coefficients, photos, masks, landmarks, landmark_weights, damping, hold;

  Iteration(const PhotometricFitter& f, std::int64_t n, std::int64_t points) {
    const auto input = [this](Tensor& t, const Shape& shape, const char* name) {
      t = Tensor::zeros({DType::f32, shape});
      return graph.input(t.type(), name);
    };
    in.coefficients = input(coefficients, {n, f.model_.coefficient_count()}, "coefficients");
    in.photos = input(photos, {n, 3, f.height_, f.width_}, "photos");
    in.masks = input(masks, {n, 1, f.height_, f.width_}, "masks");
    in.damping = input(damping, {n, 1, 1}, "damping");
    if (f.options_.geometry) in.hold = input(hold, {n, 1}, "hold");
    PhotometricProblem problem{f.model_, *f.parameters_, f.options_, f.sigma_};
    if (points > 0) {
      in.landmarks = input(landmarks, {n, points, 2}, "landmarks");
      in.landmark_weights = input(landmark_weights, {n, points}, "landmark weights");
      problem.landmarks = landmark_model(f.model_, *f.parameters_, points);
    }
    out = photometric_equations(graph, in, problem);
    executor = std::make_unique<Executor>(
        plan(graph,
             {out.cost, out.pixels, out.contrast, out.squared_error, out.albedo, out.step, out.promise, out.solved},
             f.options_.plan),
        f.parameters_);
  }

  void run() const {
    executor->set(in.coefficients, coefficients);
    executor->set(in.photos, photos);
    executor->set(in.masks, masks);
    executor->set(in.damping, damping);
    if (in.hold) executor->set(in.hold, hold);
    if (in.landmarks) {
      executor->set(in.landmarks, landmarks);
      executor->set(in.landmark_weights, landmark_weights);
    }
    executor->run();
  }
  Tensor get(Value v) const { return executor->get(v).to(DType::f32); }
};

/// A face in a place of the batch.
struct PhotometricFitter::Slot {
  bool busy = false, hold = false;
  std::size_t face = 0;
  std::vector<double> best, trial, step;  // coefficients, and the step from the best ones
  StepControl control;
  double first_pixels = 0;
  PhotometricFit result;

  void finish(FitStatus status) {
    busy = false;
    result.status = status;
    if (status == FitStatus::degenerate || status == FitStatus::not_finite) {
      result = {.status = status, .coefficients = result.coefficients};
    } else {
      result.iterations = control.iterations;
      result.cost = control.cost;
    }
    std::transform(best.begin(), best.end(), result.coefficients.mutable_as<float>().begin(),
                   [](double v) { return static_cast<float>(v); });
  }
};

PhotometricFitter::PhotometricFitter(const FaceModel& model, const Parameters& parameters, std::int64_t height,
                                     std::int64_t width, PhotometricOptions options)
    : model_(model), parameters_(&parameters), height_(height), width_(width), options_(std::move(options)) {
  check_options(options_, height, width);
  if (options_.batch == 0) options_.batch = options_.plan.device.kind == Device::Kind::cuda ? 8 : 1;
  append_sigma(sigma_, options_.identity_sigma, model.identity, "identity_sigma");
  append_sigma(sigma_, options_.expression_sigma, model.expression, "expression_sigma");
  append_sigma(sigma_, options_.texture_sigma, model.texture, "texture_sigma");
}

PhotometricFitter::Iteration& PhotometricFitter::iteration(std::int64_t faces, std::int64_t landmarks) {
  std::shared_ptr<Iteration>& held = iterations_[{faces, landmarks}];
  if (!held) held = std::make_shared<Iteration>(*this, faces, landmarks);
  return *held;
}

std::vector<PhotometricFit> PhotometricFitter::refine(const Tensor& coefficients, const Evidence& evidence) {
  const std::int64_t count = model_.coefficient_count(), faces = coefficients.shape()[0];
  // As f32 of a shape; where there is none, ones.
  const auto checked = [&](const Tensor& t, const Shape& shape, const char* what) {
    if (!t) return Tensor::full({DType::f32, shape}, 1);
    check<ShapeError>(is_float(t.dtype()) && t.shape() == shape, "photometric: ", what, " ", t.type().str(),
                      " must be ", shape, " of a floating dtype");
    return t.to(DType::f32);
  };
  check<ShapeError>(coefficients.shape().rank() == 2, "photometric: coefficients ", coefficients.type().str(),
                    " must be [N,", count, "]");
  const Tensor rows = checked(coefficients, {faces, count}, "coefficients");
  check<ShapeError>(static_cast<bool>(evidence.photos), "photometric: there must be photos");
  const Tensor photos = checked(evidence.photos, {faces, 3, height_, width_}, "photos");
  const Tensor masks = checked(evidence.masks, {faces, 1, height_, width_}, "masks");
  check<ShapeError>(!evidence.landmarks || (options_.geometry && evidence.landmarks.shape().rank() == 3),
                    "photometric: landmarks ", evidence.landmarks ? evidence.landmarks.type().str() : "",
                    " must be [N,L,2], and need option geometry");
  const std::int64_t points = evidence.landmarks ? evidence.landmarks.shape()[1] : 0;
  const Tensor landmarks = checked(evidence.landmarks, {faces, points, 2}, "landmarks");
  const Tensor weights = checked(evidence.weights, {faces, points}, "weights");
  std::vector<PhotometricFit> results(static_cast<std::size_t>(faces));
  if (faces == 0) return results;

  const auto batch =
      std::min(options_.batch, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::size_t>(faces))));
  Iteration& device = iteration(batch, points);
  std::vector<Slot> slots(static_cast<std::size_t>(batch));
  std::size_t next = 0;
  const auto start = [&](std::size_t face, std::size_t i) {
    Slot& s = slots[i];
    s = {};
    s.face = face;
    s.hold = options_.geometry;
    s.control = new_control();
    s.result.coefficients = Tensor({DType::f32, {count}});
    for (const float c : row(rows, face)) s.best.push_back(std::isfinite(c) ? static_cast<double>(c) : 0);
    bool good = all_finite(row(rows, face)) && all_finite(row(photos, face)) && all_weights(row(masks, face));
    if (points > 0) {
      copy_row(weights, face, device.landmark_weights, i);
      const std::span<const float> x = row(landmarks, face), w = row(weights, face);
      good = good && all_weights(w);
      for (std::size_t k = 0; good && k < x.size(); ++k) {
        good = w[k / 2] == 0 || std::isfinite(x[k]);
        device.landmarks.mutable_as<float>()[i * x.size() + k] = w[k / 2] > 0 ? x[k] : 0;
      }
    }
    if (!good) return s.finish(FitStatus::not_finite);
    s.trial = s.best;
    s.busy = true;
    copy_row(photos, face, device.photos, i);
    copy_row(masks, face, device.masks, i);
  };

  for (;;) {
    bool busy = false;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      Slot& s = slots[i];
      while (!s.busy && next < results.size()) {
        start(next++, i);
        if (!s.busy) results[s.face] = s.result;
      }
      if (!s.busy) continue;
      busy = true;
      std::transform(s.trial.begin(), s.trial.end(),
                     device.coefficients.mutable_as<float>().begin() + static_cast<std::ptrdiff_t>(i * s.trial.size()),
                     [](double v) { return static_cast<float>(v); });
      device.damping.mutable_as<float>()[i] = static_cast<float>(s.control.damping);
      if (device.hold) device.hold.mutable_as<float>()[i] = s.hold ? 1 : 0;
    }
    if (!busy) return results;
    device.run();
    const Tensor cost = device.get(device.out.cost), pixels = device.get(device.out.pixels),
                 contrast = device.get(device.out.contrast), squared_error = device.get(device.out.squared_error),
                 albedo = device.get(device.out.albedo), step = device.get(device.out.step),
                 promise = device.get(device.out.promise), solved = device.get(device.out.solved);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (!slots[i].busy) continue;
      const auto of = [i](const Tensor& t) { return static_cast<double>(t.as<float>()[i]); };
      advance(slots[i], {.cost = of(cost),
                         .pixels = of(pixels),
                         .contrast = of(contrast),
                         .colour_error = std::sqrt(of(squared_error)),
                         .promise = of(promise),
                         .solved = of(solved) > 0,
                         .albedo = row(albedo, i),
                         .step = row(step, i)});
      if (!slots[i].busy) results[slots[i].face] = slots[i].result;
    }
  }
}

StepControl PhotometricFitter::new_control() const {
  return {.tolerance = options_.tolerance, .damping = options_.damping, .max_iterations = options_.max_iterations};
}

/// Takes in what the device found at slot.trial, and chooses where to look next.
void PhotometricFitter::advance(Slot& s, const Found& found) const {
  double cost = found.cost;
  if (s.first_pixels == 0) {
    if (!std::isfinite(cost)) return s.finish(FitStatus::not_finite);
    if (!(found.pixels >= least_pixels && found.contrast >= least_contrast)) return s.finish(FitStatus::degenerate);
    s.first_pixels = found.pixels;
    s.result.first_cost = cost;
    s.result.first_colour_error = found.colour_error;
  } else if (found.pixels < least_share * s.first_pixels) {
    cost = std::numeric_limits<double>::infinity();  // the cost is a mean over pixels, and no reason to leave the photo
  }
  std::optional<FitStatus> end;
  if (s.control.accepts(cost)) {
    s.best = s.trial;
    s.result.colour_error = found.colour_error;
    s.result.pixels = found.pixels;
    s.result.albedo = albedo_of(s.best, found.albedo);
    s.step.clear();
    if (found.solved) s.step.assign(found.step.begin(), found.step.end());
    end = s.control.accept(cost, found.solved, found.promise);
  } else {
    end = s.control.refuse(cost);
  }
  if (end && s.hold && end != FitStatus::not_finite) {  // colours are right for this geometry: now all together
    const int iterations = s.control.iterations;
    s.hold = false;
    s.step.clear();
    s.control = new_control();
    s.control.iterations = iterations;
    s.control.max_iterations += iterations;
    end.reset();
  }
  if (end) return s.finish(*end);

  s.trial = s.best;
  for (std::size_t k = 0; k < s.step.size(); ++k) s.trial[k] += s.control.share * s.step[k];
  if (options_.geometry && options_.expression_in_unit_range) {
    const auto first = static_cast<std::size_t>(model_.identity);
    for (std::size_t k = first; k < first + static_cast<std::size_t>(model_.expression); ++k)
      s.trial[k] = std::clamp(s.trial[k], 0.0, 1.0);
  }
}

/// The mean colour of the texture, with the tint of light that a model without texture modes has instead of its own.
std::array<double, 3> PhotometricFitter::albedo_of(std::span<const double> coefficients,
                                                   std::span<const float> texture) const {
  std::array<double, 3> colour{}, tint = {1, 1, 1};
  if (model_.texture == 0) {
    constexpr double ambient = 0.8;  // sh_shading() adds it
    const std::span<const double> light = coefficients.last(30);
    const double mean = ambient + (light[0] + light[9] + light[18]) / 3;
    for (std::size_t c = 0; c < 3; ++c) tint[c] = mean > 0 ? (ambient + light[9 * c]) / mean : 1;
  }
  for (std::size_t c = 0; c < 3; ++c) colour[c] = static_cast<double>(texture[c]) * tint[c];
  return colour;
}

}  // namespace g2face
