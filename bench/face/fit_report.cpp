// What docs/fitting.md quotes: which modes 68 landmarks determine, errors against noise, fits of recorded landmarks,
// and fits per second.
//   g2face_fit_report speed [THREADS]
//   g2face_fit_report report ICT_FACE.safetensors [LANDMARKS.safetensors ...]
//   g2face_fit_report exact ICT_FACE.safetensors
//   g2face_fit_report plot ICT_FACE.safetensors OUT.svg
//   g2face_fit_report photo FACE_MODEL.safetensors [FACES]      a file of g2face model import-face
// ICT_FACE holds neutral [V,3] (centimetres), identity [Ki,V,3], expression [Ke,V,3], landmarks68. A file of landmarks
// holds [5,2] or [1,5,2] tensors in pixels of a 256 px image, y down: eyes, nose, corners of the mouth.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <numbers>
#include <random>
#include <string>

#include "bench/line_plot.hpp"
#include "g2face/face/photometric.hpp"
#include "g2face/models/renderer.hpp"
#include "g2face/ops.hpp"
#include "g2face/parameters.hpp"

using namespace g2face;

namespace {

constexpr double degree = std::numbers::pi / 180, pixels = 256;
using Engine = std::mt19937_64;

/// Rows of a model for points that are means of its vertices.
LandmarkModel rows(const Parameters& file, const std::vector<std::vector<int>>& points) {
  const auto modes_of = [&](const Tensor& all, std::int64_t modes, std::int64_t vertices) {
    Tensor t = Tensor::zeros({DType::f64, {static_cast<std::int64_t>(points.size()), 3, modes}});
    const Tensor values = all.to(DType::f64);
    for (std::size_t p = 0; p < points.size(); ++p) {
      for (const int v : points[p]) {
        for (std::size_t axis = 0; axis < 3; ++axis) {
          for (std::int64_t k = 0; k < modes; ++k) {
            t.mutable_as<double>()[(p * 3 + axis) * static_cast<std::size_t>(modes) + static_cast<std::size_t>(k)] +=
                values.as<double>()[static_cast<std::size_t>(k * vertices + v) * 3 + axis] / 10 /
                static_cast<double>(points[p].size());
          }
        }
      }
    }
    return t;
  };
  const Shape neutral = file.at("neutral").shape();
  LandmarkModel m;
  m.mean = modes_of(file.at("neutral"), 1, neutral[0]).reshape({static_cast<std::int64_t>(points.size()), 3});
  m.identity = modes_of(file.at("identity"), file.at("identity").shape()[0], neutral[0]);
  m.expression = modes_of(file.at("expression"), file.at("expression").shape()[0], neutral[0]);
  return m;
}

void centre(LandmarkModel& m, const std::array<double, 3>& by) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(m.mean.numel()); ++i) {
    m.mean.mutable_as<double>()[i] -= by[i % 3];
  }
}

FitOptions options_of(double sigma, bool blendshapes, std::int64_t expressions) {
  FitOptions o;
  o.camera = FaceCamera::reference(pixels);
  o.landmark_sigma = sigma;
  o.expression_in_unit_range = blendshapes;
  o.expression_sigma.assign(static_cast<std::size_t>(expressions), blendshapes ? 0.25 : 1);
  return o;
}

/// A person with an expression before the camera: yaw even in +-60 degrees, pitch and roll normal.
FaceFit random_face(const LandmarkFitter& f, Engine& engine, bool blendshapes) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> even(0, 1);
  FaceFit face;
  for (std::int64_t k = 0; k < f.identity_modes(); ++k) face.identity.push_back(normal(engine));
  for (std::int64_t k = 0; k < f.expression_modes(); ++k) {
    const double on = even(engine), strength = even(engine);
    face.expression.push_back(blendshapes ? (on < 0.25 ? 0.8 * strength : 0) : normal(engine));
  }
  const double yaw = 60 * (2 * even(engine) - 1);
  face.rotation = rotation_of({8 * degree * normal(engine), yaw * degree, 8 * degree * normal(engine)});
  face.translation = {0.1 * normal(engine), 0.1 * normal(engine), 0.5 * normal(engine)};
  return face;
}

double angle_between(const FaceFit& a, const FaceFit& b) {
  double trace = 0;
  for (std::size_t i = 0; i < 9; ++i) trace += a.rotation[i] * b.rotation[i];
  return std::acos(std::clamp((trace - 1) / 2, -1.0, 1.0)) / degree;
}

double quantile(std::vector<double> v, double q) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  return v[static_cast<std::size_t>(q * static_cast<double>(v.size() - 1))];
}

struct Correlation {
  double ab = 0, aa = 0, bb = 0;
  void add(double a, double b) {
    ab += a * b;
    aa += a * a;
    bb += b * b;
  }
  double value() const { return ab / std::sqrt(aa * bb); }
};

/// What fits of random faces are like.
struct NoiseResult {
  double to_given, to_true, to_true_95, angle, angle_95;  // pixels and degrees, medians and 95 % quantiles
  double directions, along_determined, along_all, expression, iterations;
  int converged;
};

/// Analyses of faces, of which `analysed` are made, take a while.
NoiseResult with_noise(const LandmarkModel& model, double noise, double sigma, int count, std::size_t analysed = 40,
                       double tolerance = 1e-5) {
  FitOptions options = options_of(sigma, true, model.expression.shape()[2]);
  options.tolerance = tolerance;
  if (tolerance < 1e-5) options.max_iterations = 200;
  LandmarkFitter f(model, options);
  Engine engine(7);
  std::normal_distribution<double> normal;
  std::vector<FaceFit> truth;
  std::vector<Tensor> clean;
  Tensor landmarks({DType::f64, {count, f.points(), 2}});
  const auto x = landmarks.mutable_as<double>();
  for (int n = 0; n < count; ++n) {
    truth.push_back(random_face(f, engine, true));
    clean.push_back(f.project(truth.back()));
    for (std::size_t i = 0; i < 136; ++i) {
      x[static_cast<std::size_t>(n) * 136 + i] = clean.back().as<double>()[i] + noise * normal(engine);
    }
  }
  const std::vector<FaceFit> fits = f.fit(landmarks);
  std::vector<double> to_given, to_true, angle, iterations, determined;
  Correlation along_determined, along_all, expression;
  int converged = 0;
  for (std::size_t n = 0; n < fits.size(); ++n) {
    const FaceFit &got = fits[n], &want = truth[n];
    converged += got.status == FitStatus::converged ? 1 : 0;
    const Tensor seen = f.project(got);
    double given_sum = 0, true_sum = 0;
    for (std::size_t l = 0; l < 68; ++l) {
      given_sum += got.errors[l] / 68;
      true_sum += std::hypot(seen.as<double>()[2 * l] - clean[n].as<double>()[2 * l],
                             seen.as<double>()[2 * l + 1] - clean[n].as<double>()[2 * l + 1]) /
                  68;
    }
    to_given.push_back(given_sum);
    to_true.push_back(true_sum);
    angle.push_back(angle_between(got, want));
    iterations.push_back(got.iterations);
    for (std::size_t k = 0; k < want.identity.size(); ++k) along_all.add(got.identity[k], want.identity[k]);
    for (std::size_t k = 0; k < want.expression.size(); ++k) expression.add(got.expression[k], want.expression[k]);
    if (n >= analysed) continue;
    const FitAnalysis a = f.analyse(got);
    determined.push_back(static_cast<double>(a.determined()));
    for (std::size_t d = 0; d < static_cast<std::size_t>(a.determined()); ++d) {
      double u = 0, v = 0;
      for (std::size_t k = 0; k < want.identity.size(); ++k) {
        const double part = a.directions.as<double>()[d * want.identity.size() + k];
        u += part * got.identity[k];
        v += part * want.identity[k];
      }
      along_determined.add(u, v);
    }
  }
  return {quantile(to_given, 0.5),
          quantile(to_true, 0.5),
          quantile(to_true, 0.95),
          quantile(angle, 0.5),
          quantile(angle, 0.95),
          quantile(determined, 0.5),
          along_determined.value(),
          along_all.value(),
          expression.value(),
          quantile(iterations, 0.5),
          converged};
}

void print_row(double noise, double sigma, const NoiseResult& r, int count) {
  std::printf("| %.2f | %.2f | %.3f | %.3f | %.3f | %.2f | %.2f | %.0f | %.3f | %.3f | %.3f | %.0f | %d/%d |\n", noise,
              sigma, r.to_given, r.to_true, r.to_true_95, r.angle, r.angle_95, r.directions, r.along_determined,
              r.along_all, r.expression, r.iterations, r.converged, count);
}

int plot(const LandmarkModel& model, const char* path) {
  const std::vector<double> noise = {0, 0.5, 1, 1.5, 2, 2.5, 3};
  std::vector<double> error, error_95, angle, angle_95, determined, all, expression;
  for (const double n : noise) {
    const NoiseResult r = with_noise(model, n, std::max(n, 0.05), 200);
    error.push_back(r.to_true);
    error_95.push_back(r.to_true_95);
    angle.push_back(r.angle);
    angle_95.push_back(r.angle_95);
    determined.push_back(r.along_determined);
    all.push_back(r.along_all);
    expression.push_back(r.expression);
  }
  const std::string x = "noise of landmarks, px";
  bench::write_svg(path, {{"error of landmarks, px", x, noise, {{"median", error}, {"95 %", error_95, true}}, 2.5, 0.5},
                          {"error of pose, degrees", x, noise, {{"median", angle}, {"95 %", angle_95, true}}, 4, 1},
                          {"correlation with the truth",
                           x,
                           noise,
                           {{"identity, determined", determined}, {"identity, all", all}, {"expression", expression}},
                           1,
                           0.2}});
  return 0;
}

void modes(const LandmarkModel& model) {
  std::printf(
      "\n| landmark sigma px | yaw | determined (e >= 8) | sum e/(1+e) | largest e | e of direction 10, 20, 40 |\n"
      "|---|---|---|---|---|---|\n");
  for (const double sigma : {0.05, 1.0, 2.0, 3.0}) {
    for (const double yaw : {0.0, 45.0, 90.0}) {
      LandmarkFitter f(model, options_of(sigma, true, model.expression.shape()[2]));
      FaceFit face;
      face.identity.assign(static_cast<std::size_t>(f.identity_modes()), 0);
      face.expression.assign(static_cast<std::size_t>(f.expression_modes()), 0);
      face.rotation = rotation_of({0, yaw * degree, 0});
      const FitAnalysis a = f.analyse(face);
      double freedom = 0;
      for (const double e : a.information) freedom += e / (1 + e);
      std::printf("| %.2f | %.0f | %d | %.1f | %.3g | %.3g, %.3g, %.3g |\n", sigma, yaw,
                  static_cast<int>(a.determined()), freedom, a.information[0], a.information[9], a.information[19],
                  a.information[39]);
      if (sigma != 1 || yaw != 0) continue;
      std::string shares;
      for (std::size_t k = 0; k < a.information.size(); ++k) {
        double share = 0;  // of mode k that lies in determined directions
        for (std::size_t d = 0; d < static_cast<std::size_t>(a.determined()); ++d) {
          const double part = a.directions.as<double>()[d * a.information.size() + k];
          share += part * part;
        }
        if (k < 30) shares += str(k > 0 ? " " : "", std::round(100 * share) / 100);
      }
      std::fprintf(stderr, "share of modes 0..29 in determined directions (1 px, frontal): %s\n", shares.c_str());
    }
  }
}

void portraits(LandmarkModel model, const char* path) {
  const Parameters file = Parameters::load(path);
  for (const auto& [name, tensor] : file) {
    const bool five = tensor.shape() == Shape{5, 2} || tensor.shape() == Shape{1, 5, 2};
    if (!five || name.find("landmarks") == std::string::npos || name.find("rect") != std::string::npos) continue;
    Tensor landmarks = tensor.to(DType::f64).reshape({1, 5, 2}).clone();
    for (std::size_t l = 0; l < 5; ++l) {
      double& y = landmarks.mutable_as<double>()[2 * l + 1];
      y = pixels - 1 - y;
    }
    LandmarkFitter f(model, options_of(1.5, true, model.expression.shape()[2]));
    const FaceFit fit = f.fit(landmarks)[0];
    const auto a = fit.angles();
    double norm = 0;
    for (const double c : fit.identity) norm += c * c;
    std::printf("| %s | %.2f %.2f %.2f %.2f %.2f | %.0f %.0f %.0f | %.2f | %s |\n", name.c_str(), fit.errors[0],
                fit.errors[1], fit.errors[2], fit.errors[3], fit.errors[4], a[0] / degree, a[1] / degree, a[2] / degree,
                std::sqrt(norm), std::string(name_of(fit.status)).c_str());
  }
}

/// The model at its 68 landmarks about their middle, and the vertices of these.
struct FaceRows {
  LandmarkModel model;
  std::vector<std::vector<int>> vertices;
  std::array<double, 3> middle{};

  explicit FaceRows(const Parameters& file) {
    const Tensor index = file.at("landmarks68");
    for (const std::int32_t v : index.as<std::int32_t>()) vertices.push_back({v});
    model = rows(file, vertices);
    for (std::size_t i = 0; i < 204; ++i) middle[i % 3] += model.mean.as<double>()[i] / 68;
    centre(model, middle);
  }
};

/// How near fits come to the truth without noise.
int exact(const char* path) {
  const FaceRows face(Parameters::load(path));
  for (const double tolerance : {1e-5, 1e-8}) {
    for (const double sigma : {0.05, 0.02, 0.01}) {
      print_row(0, sigma, with_noise(face.model, 0, sigma, 200, 0, tolerance), 200);
    }
  }
  return 0;
}

int report(int argc, char** argv) {
  const Parameters file = Parameters::load(argv[2]);
  const FaceRows face(file);
  const LandmarkModel& model = face.model;
  modes(model);
  std::printf(
      "\n| noise px | sigma px | to given | to true, median | 95 %% | angle median | 95 %% | determined | "
      "identity, determined | all | expression | iterations | converged |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const auto& [noise, sigma] :
       {std::pair{0.0, 0.02}, {0.0, 0.05}, {0.0, 1.0}, {1.0, 1.0}, {2.0, 2.0}, {3.0, 3.0}}) {
    print_row(noise, sigma, with_noise(model, noise, sigma, 200), 200);
  }
  std::vector<std::vector<int>> five(5);
  const auto add = [&](std::size_t to, int first, int last) {
    for (int l = first; l <= last; ++l) five[to].push_back(face.vertices[static_cast<std::size_t>(l)][0]);
  };
  add(0, 36, 41);
  add(1, 42, 47);
  add(2, 30, 30);
  add(3, 48, 48);
  add(4, 54, 54);
  LandmarkModel small = rows(file, five);
  centre(small, face.middle);
  std::printf("\n| landmarks | errors px | pitch yaw roll | identity norm | status |\n|---|---|---|---|---|\n");
  for (int i = 3; i < argc; ++i) portraits(small, argv[i]);
  return 0;
}

/// A picture of a face, 256 px, before grey, with noise of 0.02 (colours 0..1).
Tensor photo_of(const FaceModel& model, const Parameters& parameters, const Tensor& coefficients, Engine& engine) {
  Graph g;
  const FaceCamera camera = FaceCamera::reference(pixels);
  const Value c = g.input(coefficients.type(), "coefficients");
  const PosedFace face = posed_face(Scope(g, "face_model"), model, c, camera);
  const RenderOptions view{
      .height = 256, .width = 256, .focal = camera.focal, .centre_x = camera.centre_x, .centre_y = camera.centre_y};
  const Rendered r =
      render_mesh(mesh_constants(g, mesh_topology(model.triangles, model.vertices)), face.camera, face.colour, view);
  const Value picture = affine(r.image + affine(r.mask, -0.5, 0.5), 2, -1);
  Executor executor(plan(g, {picture}), &parameters);
  executor.set(c, coefficients);
  executor.run();
  Tensor photo = executor.get(picture);
  std::normal_distribution<double> normal;
  for (float& v : photo.mutable_as<float>()) v += static_cast<float>(0.04 * normal(engine));
  return photo;
}

/// What photos add to landmarks that are 1 px off.
int photo_report(const char* path, int count) {
  const Parameters parameters = Parameters::load(path);
  const FaceModel model = FaceModel::of(parameters);
  const bool blendshapes = !model.facts.expression_names.empty();
  const LandmarkModel rows = landmark_model(model, parameters, static_cast<std::int64_t>(model.landmarks.size()));
  LandmarkFitter f(rows, options_of(1, blendshapes, model.expression));
  Engine engine(11);
  std::normal_distribution<double> normal;
  struct Row {
    std::vector<double> angle, error, colour_error, seconds;
    Correlation identity, expression, texture, light;
    int converged = 0;
  };
  Row result[3];  // by landmarks; and by the photo, colours alone and all
  PhotometricOptions o;
  o.camera = FaceCamera::reference(pixels);
  o.expression_sigma.assign(static_cast<std::size_t>(model.expression), blendshapes ? 0.25 : 1);
  o.expression_in_unit_range = blendshapes;
  PhotometricFitter colours(model, parameters, 256, 256, o);
  o.geometry = true;
  PhotometricFitter everything(model, parameters, 256, 256, o);
  const std::int64_t texture = model.identity + model.expression, light = texture + model.texture + 3;
  for (int n = 0; n < count; ++n) {
    const FaceFit truth = random_face(f, engine, blendshapes);
    Tensor want = coefficients_of(model, truth);
    const auto w = want.mutable_as<float>();
    for (std::int64_t k = 0; k < model.texture; ++k)
      w[static_cast<std::size_t>(texture + k)] = static_cast<float>(normal(engine));
    for (std::size_t k = 0; k < 27; ++k) {
      const double own = 0.05 * normal(engine);
      w[static_cast<std::size_t>(light) + k] =
          static_cast<float>(k < 9 ? 0.3 * normal(engine) : w[static_cast<std::size_t>(light) + k % 9] + own);
    }
    const Tensor photo = photo_of(model, parameters, want.reshape({1, want.numel()}), engine), clean = f.project(truth);
    Tensor marks = clean.clone().reshape({1, f.points(), 2});
    for (double& v : marks.mutable_as<double>()) v += normal(engine);
    const Tensor start = coefficients_of(model, f.fit(marks)[0]);
    for (std::size_t way = 0; way < 3; ++way) {
      Row& r = result[way];
      PhotometricFit fit;
      fit.coefficients = start;
      const std::clock_t before = std::clock();
      if (way == 1) fit = colours.refine(start.reshape({1, start.numel()}), {.photos = photo})[0];
      if (way == 2)
        fit = everything.refine(start.reshape({1, start.numel()}), {.photos = photo, .landmarks = marks})[0];
      if (n > 0)
        r.seconds.push_back(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC);  // the first one plans
      r.converged += fit.status == FitStatus::converged ? 1 : 0;
      r.colour_error.push_back(way == 0 ? 0 : fit.colour_error);
      if (way == 1) result[0].colour_error.back() = fit.first_colour_error;
      const std::span<const float> c = fit.coefficients.as<float>();
      FaceFit got = truth;
      const auto take = [&](std::vector<double>& to, std::int64_t begin) {
        std::copy_n(c.begin() + begin, to.size(), to.begin());
      };
      take(got.identity, 0);
      take(got.expression, model.identity);
      const auto pose = c.begin() + texture + model.texture;
      got.rotation = rotation_of({pose[0], pose[1], pose[2]});
      for (std::size_t i = 0; i < 3; ++i) got.translation[i] = pose[30 + static_cast<std::ptrdiff_t>(i)];
      r.angle.push_back(angle_between(got, truth));
      const Tensor seen = f.project(got);
      double sum = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(seen.numel()); i += 2)
        sum += std::hypot(seen.as<double>()[i] - clean.as<double>()[i],
                          seen.as<double>()[i + 1] - clean.as<double>()[i + 1]);
      r.error.push_back(sum / static_cast<double>(f.points()));
      for (std::size_t k = 0; k < got.identity.size(); ++k) r.identity.add(got.identity[k], truth.identity[k]);
      for (std::size_t k = 0; k < got.expression.size(); ++k) r.expression.add(got.expression[k], truth.expression[k]);
      for (std::size_t k = static_cast<std::size_t>(texture); k < static_cast<std::size_t>(texture + model.texture);
           ++k)
        r.texture.add(c[k], w[k]);
      for (std::size_t k = static_cast<std::size_t>(light); k < static_cast<std::size_t>(light) + 27; ++k)
        r.light.add(c[k], w[k]);
    }
  }
  std::printf(
      "| | error of colours | angle median | 95 %% | landmarks px | identity | expression | texture | light | CPU s | "
      "converged |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|\n");
  const char* const names[] = {"landmarks", "and colours", "and shape"};
  for (std::size_t way = 0; way < 3; ++way) {
    const Row& r = result[way];
    std::printf("| %s | %.3f | %.2f | %.2f | %.2f | %.3f | %.3f | %.3f | %.3f | %.2f | %d/%d |\n", names[way],
                quantile(r.colour_error, 0.5), quantile(r.angle, 0.5), quantile(r.angle, 0.95), quantile(r.error, 0.5),
                r.identity.value(), r.expression.value(), r.texture.value(), r.light.value(), quantile(r.seconds, 0.5),
                r.converged, count);
  }
  return 0;
}

/// Seconds per fit, the least of several runs over the same faces.
void speed_row(const char* name, std::int64_t identity, std::int64_t expression, int count, std::int64_t batch,
               int threads) {
  Engine engine(3);
  std::normal_distribution<double> normal;
  LandmarkModel m{Tensor({DType::f64, {68, 3}}), Tensor({DType::f64, {68, 3, identity}}),
                  Tensor({DType::f64, {68, 3, expression}})};
  for (double& v : m.mean.mutable_as<double>()) v = 0.5 * normal(engine);
  for (Tensor* t : {&m.identity, &m.expression}) {
    for (double& v : t->mutable_as<double>()) v = 0.02 * normal(engine);
  }
  FitOptions o = options_of(1, false, expression);
  o.batch = batch;
  o.plan.threads = threads;
  LandmarkFitter f(m, o);
  Tensor landmarks({DType::f64, {count, 68, 2}});
  for (int n = 0; n < count; ++n) {
    const Tensor seen = f.project(random_face(f, engine, false));
    for (std::size_t i = 0; i < 136; ++i) {
      landmarks.mutable_as<double>()[static_cast<std::size_t>(n) * 136 + i] = seen.as<double>()[i] + normal(engine);
    }
  }
  double best = 1e9, least_cpu = 1e9, iterations = 0;
  for (int repeat = 0; repeat < 12; ++repeat) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t cpu = std::clock();
    const std::vector<FaceFit> fits = f.fit(landmarks);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    least_cpu = std::min(least_cpu, static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC);
    iterations = 0;
    for (const FaceFit& fit : fits) iterations += static_cast<double>(fit.iterations) / count;
  }
  std::printf("| %s | %d | %d | %.1f | %.3f | %.0f | %.3f |\n", name, count, static_cast<int>(batch), iterations,
              1e3 * best / count, count / best, 1e3 * least_cpu / count);
}

int speed(int threads) {
  std::string load;
  std::getline(std::ifstream("/proc/loadavg"), load);
  std::printf(
      "%d threads, load %s\n\n| model | faces | batch | iterations | ms per fit | fits/s | CPU ms "
      "per fit |\n|---|---|---|---|---|---|---|\n",
      threads, load.substr(0, load.find(' ')).c_str());
  for (const auto& [faces, batch] : {std::pair{1, 1}, {64, 8}, {64, 16}, {64, 32}, {64, 64}}) {
    speed_row("80 + 64", 80, 64, faces, batch, threads);
    speed_row("100 + 53", 100, 53, faces, batch, threads);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string job = argc > 1 ? argv[1] : "";
  if (job == "speed") return speed(argc > 2 ? std::atoi(argv[2]) : 2);
  if (job == "report" && argc > 2) return report(argc, argv);
  if (job == "photo" && argc > 2) return photo_report(argv[2], argc > 3 ? std::atoi(argv[3]) : 20);
  if (job == "exact" && argc > 2) return exact(argv[2]);
  if (job == "plot" && argc > 3) return plot(FaceRows(Parameters::load(argv[2])).model, argv[3]);
  std::fprintf(
      stderr,
      "usage: g2face_fit_report speed [THREADS] | report ICT_FACE.safetensors [LANDMARKS.safetensors ...] | exact "
      "ICT_FACE.safetensors | plot "
      "ICT_FACE.safetensors OUT.svg | photo FACE_MODEL.safetensors [FACES]\n");
  return 2;
} catch (const std::exception& e) {
  std::fprintf(stderr, "g2face_fit_report: %s\n", e.what());
  return 1;
}
