#include "g2face/train/recon_trainer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "g2face/models/networks.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/models/renderer.hpp"
#include "g2face/ops.hpp"
#include "g2face/train/engine.hpp"

namespace g2face {
namespace {

constexpr auto network = std::to_array<std::string_view>({"recon"});
constexpr std::int64_t count = ModelConfig::coefficient_count;

struct Group {
  const char* name;
  std::int64_t begin, size;
  double ReconRecipe::Weights::*weight;
};
using Weights = ReconRecipe::Weights;
constexpr std::array<Group, 6> groups = {{{"identity", 0, 80, &Weights::identity},
                                          {"expression", 80, 64, &Weights::expression},
                                          {"texture", 144, 80, &Weights::texture},
                                          {"angles", 224, 3, &Weights::angles},
                                          {"light", 227, 27, &Weights::light},
                                          {"translation", 254, 3, &Weights::translation}}};

/// What a unit of each coefficient does, squared; only ratios within a group matter.
std::vector<double> effects(const Parameters& face_model) {
  std::vector<double> all(static_cast<std::size_t>(count), 1);
  std::size_t at = 0;
  for (const char* basis : {"face_model/identity", "face_model/expression", "face_model/texture"}) {
    const Tensor& t = face_model.at(basis);
    const auto modes = static_cast<std::size_t>(t.shape()[2]);
    std::fill_n(all.begin() + static_cast<std::ptrdiff_t>(at), modes, 0.);
    for (std::size_t i = 0; i < t.as<float>().size(); ++i)
      all[at + i % modes] += static_cast<double>(t.as<float>()[i]) * t.as<float>()[i];
    at += modes;
  }
  constexpr double first = std::numbers::pi / 3, second = std::numbers::pi / 8;  // mean squares over the sphere
  for (std::size_t k = 0; k < 27; ++k) all[227 + k] = k % 9 == 0 ? std::numbers::pi / 4 : k % 9 < 4 ? first : second;
  all[256] = 0.01;
  return all;
}

}  // namespace

void ReconRecipe::validate() const {
  check<Error>(batch >= 2, "recon training: batch is ", batch, ", expected 2 or more");
  check<Error>(epoch >= batch, "recon training: epoch is ", epoch, ", fewer faces than a batch");
  bool any = weights.landmarks > 0 || weights.photo > 0;
  for (const Group& g : groups) any = any || weights.*g.weight > 0;
  check<Error>(any, "recon training: all weights are 0, so there is nothing to learn");
}

Parameters new_recon(const ModelConfig& model, const RenderedFaces::Statistics& statistics, std::uint64_t seed) {
  Parameters fresh = new_parameters(network, model, Fill::random, seed);
  std::size_t at = 0;
  for (int layer = 0; layer < 7; ++layer)
    for (float& bias : fresh.at(str("recon/final_layers.", layer, ".bias")).mutable_as<float>())
      bias = static_cast<float>(statistics.mean[at++]);
  return fresh;
}

struct ReconTrainer::State {
  ModelConfig model;
  ReconRecipe recipe;
  RenderedFaces::Statistics statistics;
  TrainingOptions options;
  FaceModel mesh;
  Tensor error_weights;  // [1,257]: of squared errors
  Tensor shown;          // [1,V,1]: 1 where a face is that is only a face
  Share share;           // of a batch
  std::int64_t taken;
  std::unique_ptr<TrainingEngine> engine;

  State(const ModelConfig& m, const ReconRecipe& r, const RenderedFaces::Statistics& s, Parameters start,
        const TrainingOptions& o)
      : model(m), recipe(r), statistics(s), options(o), taken(o.first_step) {
    recipe.validate();
    share = share_of(recipe.batch, options.ranks);
    check<Error>(options.epoch_images > 0, "training: an epoch has ", options.epoch_images,
                 " images, expected a positive number");
    adopt_parameters(start, network, model);
    mesh = FaceModel::of(start);
    check<CheckpointError>(mesh.coefficient_count() == count && mesh.identity == 80 && mesh.expression == 64,
                           "face model: has not the reference's 80, 64 and 80 modes");
    weigh(effects(start));
    shown = Tensor::full({DType::f32, {1, mesh.vertices, 1}}, 1);
    if (start.contains("face_model/part")) {
      const auto parts = start.at("face_model/part").as<std::int32_t>();
      std::transform(parts.begin(), parts.end(), shown.mutable_as<float>().begin(),
                     [](std::int32_t part) { return part == 1 ? 0.f : 1.f; });
    }
    Parameters kept;
    for (const auto& [name, tensor] : start) {
      const std::string_view owner = std::string_view(name).substr(0, name.find('/'));
      if (owner == "recon" || owner == "face_model" || owner == "adam" || owner == "ema") kept.set(name, tensor);
    }
    const std::array<TrainedNetwork, 1> trained = {{{declare("recon", model), true}}};
    engine = std::make_unique<TrainingEngine>(std::move(kept), trained,
                                              EngineOptions{.run = options, .adam = recipe.adam, .ema = recipe.ema});
  }

  void weigh(const std::vector<double>& effect) {
    error_weights = Tensor::zeros({DType::f32, {1, count}});
    for (const Group& g : groups) {
      double total = 0;
      for (auto k = static_cast<std::size_t>(g.begin); k < static_cast<std::size_t>(g.begin + g.size); ++k)
        total += effect[k] * statistics.variance[k];
      check<Error>(total > 0, "recon training: the coefficients of ", g.name, " do nothing");
      for (auto k = static_cast<std::size_t>(g.begin); k < static_cast<std::size_t>(g.begin + g.size); ++k)
        error_weights.mutable_as<float>()[k] = static_cast<float>(effect[k] / total);
    }
  }

  // ---- pictures ----

  Type images_type(std::int64_t n) const { return {DType::f32, {n, 3, model.resolution, model.resolution}}; }

  /// Colours 0..1 times how much of a pixel they cover, and that.
  struct Layer {
    Value colours, cover;
  };
  /// `part` [N,V,1] or [1,V,1]: how much of each vertex is there.
  Layer draw(const PosedFace& face, Value part) const {
    Graph& g = *face.camera.graph;
    const std::int64_t n = face.camera.shape()[0];
    const Mesh triangles = mesh_constants(g, mesh_topology(mesh.triangles, mesh.vertices));
    const Value cover = broadcast_to(part, {n, mesh.vertices, 1});
    const Rendered r = render_mesh(triangles, face.camera, concat({face.colour * cover, cover}, 2),
                                   RenderOptions{}.scaled(static_cast<double>(model.resolution) / 224));
    return {slice_axis(r.image, 1, 0, 3), slice_axis(r.image, 1, 3, 1)};
  }
  /// A drawn face over a background, both as images -1..1.
  static Value over(const Layer& layer, Value background) {
    const Value behind = affine(background, 0.5, 0.5);
    return clamp(affine(layer.colours + affine(layer.cover, -1, 1) * behind, 2, -1), -1, 1);
  }
  Value face_part(Graph& g) const { return g.constant(shown); }

  PosedFace pose(Graph& g, Value coefficients) const {
    return posed_face(Scope(g, "face_model").frozen(), mesh, coefficients);
  }
  /// All of a head, or only the face of it.
  Layer draw_rendered(const PosedFace& face, Value whole) const {
    const Value part = face_part(*whole.graph);
    return draw(face, whole + affine(whole, -1, 1) * part);
  }

  Value landmarks_of(Graph& g, Value coefficients) const {
    const FaceCoefficients c = split_coefficients(mesh, coefficients);
    const Value at = face_shape_at(Scope(g, "face_model").frozen(), mesh, c.identity, c.expression, mesh.landmarks);
    return project(to_camera(rigid_transform(at, rotation_matrix(c.angles), c.translation)));
  }

  // ---- a step ----

  static RateInputs rates(std::string_view) { return {"step", "rate"}; }

  void build(TrainingJob& j) const {
    const std::int64_t n = share.count;
    Graph& g = j.graph;
    const Scope regressor = Scope(g, "recon").in_training();
    const auto say = [&](Value image) { return recon(regressor, affine(image, 0.5, 0.5), model); };
    const Value truth = j.input("coefficients", {DType::f32, {n, count}});
    const Layer drawn = draw_rendered(pose(g, truth), j.input("whole", {DType::f32, {n, 1, 1}}));
    const Value said = say(over(drawn, j.input("background", images_type(n))));
    Value total;
    const auto add = [&](const char* name, double weight, Value term) {
      j.report.emplace_back(name, weight * term);
      total = total ? total + j.report.back().second : j.report.back().second;
    };
    const Value errors = square(said - truth) * g.constant(error_weights);
    for (const Group& group : groups) {
      const double weight = recipe.weights.*group.weight;
      if (weight > 0) add(group.name, weight, mean(sum(slice_axis(errors, 1, group.begin, group.size), {.axes = {1}})));
    }
    if (recipe.weights.landmarks > 0) {
      const Value distance = landmarks_of(g, said) - landmarks_of(g, truth);
      add("landmarks", recipe.weights.landmarks, mean(sum(square(distance), {.axes = {2}})));
    }
    if (recipe.weights.photo > 0) {
      const Value photo = j.input("photo", images_type(n)), seen = say(photo);
      const Layer face = draw(pose(g, seen), face_part(g));
      const Value there = affine(photo, 0.5, 0.5) * face.cover;
      const Value difference = sum(abs(face.colours - there), {.axes = {1, 2, 3}});
      const Value pixels = maximum(sum(face.cover, {.axes = {1, 2, 3}}), g.constant(Tensor::scalar(1)));
      add("photo", recipe.weights.photo, mean(difference / affine(pixels, 3)));
      if (recipe.weights.photo_prior > 0)
        add("photo_prior", recipe.weights.photo_prior, mean(square(slice_axis(seen, 1, 0, 224))));
    }
    j.report.emplace_back("total", total);
    engine->minimize(j, total, {&regressor}, rates);
    engine->average(j, {&regressor});
    for (const Update& u : regressor.updates()) j.updates.push_back(u);
  }

  StepReport step(const Batch& batch) {
    const std::int64_t first = taken * recipe.batch;
    const double rate = recipe.rate * recipe.schedule.factor(static_cast<int>(first / options.epoch_images) + 1);
    StepReport report = engine->only_step([&](TrainingJob& j) { build(j); }, batch, taken + 1, rate);
    ++taken;
    return report;
  }

  Preview preview(const Batch& batch) const;

  /// Mean over faces of the angle between the rotations, in degrees.
  static double pose_error(const Tensor& a, const Tensor& b) {
    const std::int64_t n = a.shape()[0];
    double total = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto rotation = [&](const Tensor& t) {
        const float* angles = t.as<float>().data() + i * count + 224;
        return rotation_of({angles[0], angles[1], angles[2]});
      };
      const std::array<double, 9> p = rotation(a), q = rotation(b);
      double trace = 0;
      for (std::size_t k = 0; k < 9; ++k) trace += p[k] * q[k];
      total += std::acos(std::clamp((trace - 1) / 2, -1., 1.)) * 180 / std::numbers::pi;
    }
    return total / static_cast<double>(n);
  }
};

Preview ReconTrainer::State::preview(const Batch& batch) const {
  const auto found = batch.find("coefficients");
  check<ShapeError>(found != batch.end() && found->second.shape().rank() == 2 && batch.contains("background") &&
                        batch.contains("whole"),
                    "training preview: the batch has no 'coefficients', 'background' or 'whole'");
  const std::int64_t n = found->second.shape()[0];
  const Parameters used = engine->averaged();
  TrainingJob j;
  Graph& g = j.graph;
  const Value truth = j.input("coefficients", {DType::f32, {n, count}}),
              whole = j.input("whole", {DType::f32, {n, 1, 1}});
  const PosedFace face = pose(g, truth);
  const Value picture = over(draw_rendered(face, whole), j.input("background", images_type(n)));
  const Value said = recon(Scope(g, "recon"), affine(picture, 0.5, 0.5), model);
  const Value grey = g.constant(Tensor::zeros(images_type(n))), all = affine(whole, 0, 1);
  const Value truth_drawn = over(draw_rendered(face, all), grey);
  const Value said_drawn = over(draw_rendered(pose(g, said), all), grey);
  Tensor typical({DType::f32, {n, count}});
  for (std::size_t i = 0; i < typical.as<float>().size(); ++i)
    typical.mutable_as<float>()[i] = static_cast<float>(statistics.mean[i % static_cast<std::size_t>(count)]);
  const auto distance = [&](Value coefficients) {
    return mean(sqrt(sum(square(landmarks_of(g, coefficients) - landmarks_of(g, truth)), {.axes = {2}})));
  };
  const Value wrong = distance(said), wrong_mean = distance(g.constant(typical));
  const std::vector<Value> outputs = {picture, truth_drawn, said_drawn, said, wrong, wrong_mean};
  Executor executor(
      plan(g, outputs, {.device = options.device, .precision = options.precision, .threads = options.threads}), &used);
  for (const auto& [name, v] : j.inputs) executor.set(v, batch.at(name));
  executor.run();
  const auto get = [&](Value v) { return executor.get(v).to(DType::f32); };
  Preview result;
  result.pictures = {{"picture", get(picture)}, {"truth", get(truth_drawn)}, {"said", get(said_drawn)}};
  result.numbers = {{"landmarks", executor.get(wrong).item()},
                    {"landmarks of the mean", executor.get(wrong_mean).item()},
                    {"pose", pose_error(get(said), found->second)},
                    {"pose of the mean", pose_error(typical, found->second)}};
  result.score = result.numbers[0].second + result.numbers[2].second;
  return result;
}

ReconTrainer::ReconTrainer(const ModelConfig& model, const ReconRecipe& recipe,
                           const RenderedFaces::Statistics& statistics, Parameters start,
                           const TrainingOptions& options)
    : state_(std::make_unique<State>(model, recipe, statistics, std::move(start), options)) {}
ReconTrainer::~ReconTrainer() = default;

StepReport ReconTrainer::step(const Batch& batch) { return state_->step(batch); }
std::int64_t ReconTrainer::steps() const { return state_->taken; }
Preview ReconTrainer::preview(const Batch& batch) { return state_->preview(batch); }
Parameters ReconTrainer::model() const {
  Parameters used = state_->engine->averaged();
  state_->model.store(used);
  state_->mesh.facts.store(used);
  return used;
}
Parameters ReconTrainer::state() const {
  Parameters all = state_->engine->state();
  state_->model.store(all);
  state_->mesh.facts.store(all);
  return all;
}

}  // namespace g2face
