// g2face fit: the coefficients of a face model whose landmarks lie where a picture has them, and which looks like it.

#include "g2face/face/fit.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <numbers>
#include <numeric>

#include "cli/common.hpp"
#include "g2face/face/photometric.hpp"
#include "g2face/image.hpp"
#include "g2face/models/face_model.hpp"
#include "g2face/models/renderer.hpp"
#include "io/json_text.hpp"
#include "io/landmarks.hpp"

namespace g2face::cli {

namespace {

struct Options {
  CommonOptions common;
  std::string landmarks, face_model, output, photo;
  std::int64_t size = 0;  // 0: the photo's, or 256
  double sigma = 1;
  bool robust = false, refine_shape = false;
};

/// The camera of `g2face render` for pictures of that size.
FaceCamera camera_of(std::int64_t size) {
  RenderOptions view;
  view = view.scaled(static_cast<double>(size) / static_cast<double>(view.height));
  return {view.focal, view.centre_x, view.centre_y};
}

/// [1,L,2] with y up, in a picture of `to` pixels, from pixels of one of `from`.
Tensor turned_up(std::span<const std::array<double, 2>> points, std::int64_t from, std::int64_t to) {
  Tensor result({DType::f64, {1, static_cast<std::int64_t>(points.size()), 2}});
  double* place = result.mutable_as<double>().data();
  const double scale = static_cast<double>(to) / static_cast<double>(from);
  for (const auto& [x, y] : points) {
    *place++ = (x + 0.5) * scale - 0.5;
    *place++ = static_cast<double>(to) - 0.5 - (y + 0.5) * scale;
  }
  return result;
}

/// What was found out: for people, and for programs.
struct Report {
  std::string text;
  io::JsonObject json;
};

/// A face by its landmarks.
FaceFit fit_landmarks(const Options& o, const FaceModel& model, const Parameters& parameters,
                      const std::vector<std::array<double, 2>>& points, const PlanOptions& plan, Report& report) {
  LandmarkModel rows;
  try {
    rows = landmark_model(model, parameters, static_cast<std::int64_t>(points.size()));
  } catch (const ShapeError& error) {
    throw UsageError(str(o.landmarks, ": ", error.what()));
  }
  LandmarkFitter fitter(rows, {.camera = camera_of(o.size),
                               .landmark_sigma = o.sigma,
                               .expression_in_unit_range = !model.facts.expression_names.empty(),
                               .loss = o.robust ? LandmarkLoss::huber : LandmarkLoss::squares,
                               .plan = plan});
  FaceFit face = fitter.fit(turned_up(points, o.size, o.size)).at(0);
  check<UsageError>(face.status != FitStatus::degenerate && face.status != FitStatus::not_finite, o.landmarks,
                    ": no pose follows from these points (", name_of(face.status),
                    "): give landmarks that do not lie in one point or line");
  const double mean = std::accumulate(face.errors.begin(), face.errors.end(), 0.) / static_cast<double>(points.size());
  const double worst = *std::max_element(face.errors.begin(), face.errors.end());
  report.text = str(name_of(face.status), " after ", face.iterations, " steps; landmarks are off by ", mean,
                    " pixels, ", worst, " at most");
  report.json.set("status", std::string(name_of(face.status)))
      .set("iterations", static_cast<std::int64_t>(face.iterations))
      .set("mean_error", mean)
      .set("largest_error", worst);
  return face;
}

/// Its colours, and more, by the photo.
Tensor refine(const Options& o, const FaceModel& model, const Parameters& parameters, const Tensor& photo,
              const Tensor& start, const std::vector<std::array<double, 2>>& points, const PlanOptions& plan,
              Report& report) {
  const std::int64_t size = photo.shape()[2];
  PhotometricFitter fitter(model, parameters, size, size,
                           {.camera = camera_of(size),
                            .geometry = o.refine_shape,
                            .expression_in_unit_range = !model.facts.expression_names.empty(),
                            .landmark_sigma = o.sigma * static_cast<double>(size) / static_cast<double>(o.size),
                            .plan = plan});
  const Tensor landmarks = o.refine_shape ? turned_up(points, o.size, size) : Tensor();
  PhotometricFit fit = fitter.refine(start.reshape({1, start.numel()}), {.photos = photo, .landmarks = landmarks})[0];
  check<UsageError>(fit.status != FitStatus::degenerate && fit.status != FitStatus::not_finite, o.photo,
                    ": no colours follow from this photo (", name_of(fit.status),
                    "): give the photo that the landmarks were found in, with the face in view");
  report.text += str("; the photo: ", name_of(fit.status), " after ", fit.iterations, " steps, colours are off by ",
                     fit.colour_error, " instead of ", fit.first_colour_error);
  report.json.set("photo", o.photo)
      .set("photo_status", std::string(name_of(fit.status)))
      .set("photo_iterations", static_cast<std::int64_t>(fit.iterations))
      .set("colour_error_before", fit.first_colour_error)
      .set("colour_error", fit.colour_error)
      .set("pixels", fit.pixels)
      .set("albedo_red", fit.albedo[0])
      .set("albedo_green", fit.albedo[1])
      .set("albedo_blue", fit.albedo[2]);
  return fit.coefficients;
}

int run(Options o) {
  constexpr std::int64_t most_pixels = 512;  // of a photo's side that are looked at
  const AnonymizerOptions run_options = resolve(o.common);
  const PlanOptions plan{
      .device = run_options.device, .precision = run_options.precision, .threads = run_options.threads};
  check<UsageError>(!o.refine_shape || !o.photo.empty(), "--refine-shape needs a photo: give --photo");
  require_new_file(o.output, std::vector<std::string>{o.landmarks, o.face_model, o.photo});
  const std::vector<std::array<double, 2>> points = io::read_landmarks(o.landmarks);
  Tensor photo;
  if (!o.photo.empty()) {
    photo = load_square(o.photo, o.size);
    o.size = photo.shape()[2];
    check<UsageError>(o.size >= 16, o.photo, ": a photo of ", o.size, "x", o.size,
                      " is too small for a face: 16x16 is the least");
    if (o.size > most_pixels) photo = crop_resize(photo, {0, 0, o.size, o.size}, most_pixels, most_pixels);
  }
  if (o.size == 0) o.size = 256;
  const Parameters parameters = Parameters::load(o.face_model);
  const FaceModel model = FaceModel::of(parameters);

  Report report;
  report.json.set("landmarks", o.landmarks).set("output", o.output);
  Tensor coefficients = coefficients_of(model, fit_landmarks(o, model, parameters, points, plan, report));
  if (photo) coefficients = refine(o, model, parameters, photo, coefficients, points, plan, report);
  Parameters result;
  result.set("coefficients", coefficients);
  result.save(o.output);
  const auto degrees = [&](std::size_t axis) {
    const auto at = static_cast<std::size_t>(model.identity + model.expression + model.texture) + axis;
    return static_cast<double>(coefficients.as<float>()[at]) * 180 / std::numbers::pi;
  };
  if (o.common.json) {
    report.json.set("pitch", degrees(0)).set("yaw", degrees(1)).set("roll", degrees(2));
    std::cout << report.json.str() << "\n";
  } else {
    std::cout << report.text << "; turned by " << degrees(0) << ", " << degrees(1) << ", " << degrees(2)
              << " degrees about x, y and z\n";
  }
  return exit_code::ok;
}

}  // namespace

void add_fit(CLI::App& app, int& code) {
  CLI::App* command =
      app.add_subcommand("fit", "Fit a face model to landmarks and a photo: coefficients that 'render' draws");
  const auto o = std::make_shared<Options>();
  command
      ->add_option("landmarks", o->landmarks,
                   "JSON file [[x, y], ...] in pixels, y down: all landmarks of the model, "
                   "or 5 (eyes, nose, corners of the mouth)")
      ->required();
  command->add_option("--face-model", o->face_model, "face model (.safetensors, see 'g2face model import-face')")
      ->required();
  command->add_option("-o,--output", o->output, ".safetensors file to write, with f32 `coefficients`")->required();
  command->add_option("--photo", o->photo, "square photo that the landmarks are in: texture and light are fitted too");
  command->add_flag("--refine-shape", o->refine_shape, "let the photo refine pose, identity and expression too");
  command
      ->add_option("--size", o->size,
                   "height and width of the picture that the landmarks are in (default: the photo's, or 256)")
      ->check(CLI::Range(16, 16384));
  command->add_option("--sigma", o->sigma, "pixels by which landmarks are off, usually")
      ->check(CLI::Range(1e-3, 1e3))
      ->capture_default_str();
  command->add_flag("--robust", o->robust, "landmarks far from where the face has them count less");
  add_common_options(*command, o->common);
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
