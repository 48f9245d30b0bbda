// g2face fit: the coefficients of a face model whose landmarks lie where a picture has them.

#include "g2face/face/fit.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <numbers>
#include <numeric>

#include "cli/common.hpp"
#include "g2face/models/face_model.hpp"
#include "io/json_text.hpp"
#include "io/landmarks.hpp"

namespace g2face::cli {

namespace {

struct Options {
  CommonOptions common;
  std::string landmarks, face_model, output;
  std::int64_t size = 256;
  double sigma = 1;
  bool robust = false;
};

/// [1,L,2] with y up, from pixels of a picture of that height.
Tensor turned_up(std::span<const std::array<double, 2>> points, std::int64_t height) {
  Tensor result({DType::f64, {1, static_cast<std::int64_t>(points.size()), 2}});
  double* to = result.mutable_as<double>().data();
  for (const auto& [x, y] : points) {
    *to++ = x;
    *to++ = static_cast<double>(height - 1) - y;
  }
  return result;
}

int run(const Options& o) {
  const AnonymizerOptions run_options = resolve(o.common);
  require_new_file(o.output, std::vector<std::string>{o.landmarks, o.face_model});
  const std::vector<std::array<double, 2>> points = io::read_landmarks(o.landmarks);
  const Parameters parameters = Parameters::load(o.face_model);
  const FaceModel model = FaceModel::of(parameters);
  const bool blendshapes = !model.facts.expression_names.empty();
  LandmarkModel rows;
  try {
    rows = landmark_model(model, parameters, static_cast<std::int64_t>(points.size()));
  } catch (const ShapeError& error) {
    throw UsageError(str(o.landmarks, ": ", error.what()));
  }
  LandmarkFitter fitter(
      rows,
      {.camera = FaceCamera::reference(static_cast<double>(o.size)),
       .landmark_sigma = o.sigma,
       .expression_in_unit_range = blendshapes,
       .loss = o.robust ? LandmarkLoss::huber : LandmarkLoss::squares,
       .plan = {.device = run_options.device, .precision = run_options.precision, .threads = run_options.threads}});
  const FaceFit face = fitter.fit(turned_up(points, o.size)).at(0);
  check<UsageError>(face.status != FitStatus::degenerate && face.status != FitStatus::not_finite, o.landmarks,
                    ": no pose follows from these points (", name_of(face.status),
                    "): give landmarks that do not lie in one point or line");

  Parameters result;
  result.set("coefficients", coefficients_of(model, face));
  result.save(o.output);
  const double mean = std::accumulate(face.errors.begin(), face.errors.end(), 0.) / static_cast<double>(points.size());
  const double worst = *std::max_element(face.errors.begin(), face.errors.end());
  const std::array<double, 3> angles = face.angles();
  const auto degrees = [&](std::size_t axis) { return angles[axis] * 180 / std::numbers::pi; };
  if (o.common.json) {
    std::cout << io::JsonObject()
                     .set("landmarks", o.landmarks)
                     .set("output", o.output)
                     .set("status", std::string(name_of(face.status)))
                     .set("iterations", static_cast<std::int64_t>(face.iterations))
                     .set("mean_error", mean)
                     .set("largest_error", worst)
                     .set("pitch", degrees(0))
                     .set("yaw", degrees(1))
                     .set("roll", degrees(2))
                     .str()
              << "\n";
  } else {
    std::cout << name_of(face.status) << " after " << face.iterations << " steps; landmarks are off by " << mean
              << " pixels, " << worst << " at most; turned by " << degrees(0) << ", " << degrees(1) << ", "
              << degrees(2) << " degrees about x, y and z\n";
  }
  return exit_code::ok;
}

}  // namespace

void add_fit(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("fit", "Fit a face model to landmarks: coefficients that 'render' draws");
  const auto o = std::make_shared<Options>();
  command
      ->add_option("landmarks", o->landmarks,
                   "JSON file [[x, y], ...] in pixels, y down: all landmarks of the model, "
                   "or 5 (eyes, nose, corners of the mouth)")
      ->required();
  command->add_option("--face-model", o->face_model, "face model (.safetensors, see 'g2face model import-face')")
      ->required();
  command->add_option("-o,--output", o->output, ".safetensors file to write, with f32 `coefficients`")->required();
  command->add_option("--size", o->size, "height and width of the picture that the landmarks are in")
      ->check(CLI::Range(16, 16384))
      ->capture_default_str();
  command->add_option("--sigma", o->sigma, "pixels by which landmarks are off, usually")
      ->check(CLI::Range(1e-3, 1e3))
      ->capture_default_str();
  command->add_flag("--robust", o->robust, "landmarks far from where the face has them count less");
  add_common_options(*command, o->common);
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
