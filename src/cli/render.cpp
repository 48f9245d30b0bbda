// g2face render: a picture of a mesh or of a face model's face, by the renderer that can be differentiated.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>
#include <numbers>

#include "cli/common.hpp"
#include "g2face/image.hpp"
#include "g2face/mesh.hpp"
#include "g2face/models/face_model.hpp"
#include "g2face/models/networks.hpp"
#include "g2face/models/recon.hpp"
#include "g2face/models/renderer.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "io/json_text.hpp"
#include "io/landmarks.hpp"

namespace g2face::cli {

namespace {

struct Options {
  CommonOptions common;
  std::string input, coefficients, image, model, output, photo, mesh_output, show = "shaded";
  std::int64_t size = 256;
  std::vector<double> angles = {0, 0, 0}, light = {0.3, 0.4, 1};
  bool as_is = false, both_sides = false;
};

constexpr double camera_distance = 10;  // in front of the origin, looking along -z: Deep3DFaceRecon's

/// From z to the viewer to depth, and back.
void flip_depth(Tensor& points) {
  const auto p = points.mutable_as<float>();
  for (std::size_t i = 2; i < p.size(); i += 3) p[i] = static_cast<float>(camera_distance) - p[i];
}

/// The largest of width and height becomes two units, a face's in the camera's picture, with its middle in the origin.
void fit(Tensor& positions) {
  const auto p = positions.mutable_as<float>();
  std::array<double, 3> low{}, high{};
  low.fill(std::numeric_limits<double>::max());
  high.fill(std::numeric_limits<double>::lowest());
  for (std::size_t i = 0; i < p.size(); ++i) {
    low[i % 3] = std::min<double>(low[i % 3], p[i]);
    high[i % 3] = std::max<double>(high[i % 3], p[i]);
  }
  const double size = std::max(high[0] - low[0], high[1] - low[1]);
  const double scale = size > 0 ? 2 / size : 1;
  for (std::size_t i = 0; i < p.size(); ++i) {
    p[i] = static_cast<float>((p[i] - (low[i % 3] + high[i % 3]) / 2) * scale);
  }
}

/// Turns about x, then y, then z; degrees.
void rotate(Tensor& positions, const std::vector<double>& angles) {
  const auto p = positions.mutable_as<float>();
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double angle = angles[axis] * std::numbers::pi / 180, c = std::cos(angle), s = std::sin(angle);
    const std::size_t u = (axis + 1) % 3, v = (axis + 2) % 3;
    for (std::size_t i = 0; i < p.size(); i += 3) {
      const double a = p[i + u], b = p[i + v];
      p[i + u] = static_cast<float>(c * a - s * b);
      p[i + v] = static_cast<float>(s * a + c * b);
    }
  }
}

/// Colours under one lamp and an even light from everywhere.
Tensor shade(const Tensor& albedo, const Tensor& normals, const std::vector<double>& light) {
  const double length = std::hypot(light[0], light[1], light[2]);
  check<UsageError>(length > 0, "--light must have a direction");
  Tensor colours = albedo.clone();
  const auto c = colours.mutable_as<float>();
  const auto n = normals.as<float>();
  for (std::size_t i = 0; i < c.size(); i += 3) {
    const double cosine = (n[i] * light[0] + n[i + 1] * light[1] + n[i + 2] * light[2]) / length;
    for (std::size_t k = 0; k < 3; ++k) c[i + k] *= static_cast<float>(0.25 + 0.75 * std::max(cosine, 0.0));
  }
  return colours;
}

/// What is drawn: a mesh with normals and colours, seen from z = 10, and its colours under light.
struct Subject {
  MeshData mesh;
  Tensor lit;
};

Subject from_obj(const Options& o) {
  Subject s{load_obj(o.input), {}};
  if (!o.as_is) fit(s.mesh.positions);
  rotate(s.mesh.positions, o.angles);
  s.mesh.normals = mesh_normals(s.mesh.positions, s.mesh.triangles);
  if (!s.mesh.colours) s.mesh.colours = Tensor::full(s.mesh.positions.type(), 0.75);
  s.lit = shade(s.mesh.colours, s.mesh.normals, o.light);
  return s;
}

Tensor resized(const Tensor& photo, std::int64_t size) {
  const std::int64_t old = photo.shape()[2];
  return old == size ? photo : crop_resize(photo, {0, 0, old, old}, size, size);
}

/// As a .safetensors file has them in its tensor `coefficients`, or one of JSON.
Tensor coefficients_in(const std::string& file) {
  if (std::filesystem::path(file).extension() != ".json") return Parameters::load(file).at("coefficients");
  const std::vector<double> numbers = io::read_coefficients(file);
  Tensor c({DType::f32, {static_cast<std::int64_t>(numbers.size())}});
  std::transform(numbers.begin(), numbers.end(), c.mutable_as<float>().begin(),
                 [](double v) { return static_cast<float>(v); });
  return c;
}

/// What the network `recon` of a model file sees in an aligned face crop.
Tensor coefficients_seen(const Options& o, const Tensor& photo, const FaceModel& face, const PlanOptions& options) {
  constexpr std::int64_t identity = 80, expression = 64, texture = 80;
  check<CheckpointError>(face.identity == identity && face.expression == expression && face.texture == texture, o.input,
                         ": this face model has ", face.identity, " + ", face.expression, " + ", face.texture,
                         " modes, and the network gives coefficients for ", identity, " + ", expression, " + ", texture,
                         ": give the face model that it was trained with, or --coefficients");
  const std::string file = model_path(o.model).string();
  Parameters parameters = Parameters::load(file);
  const ModelConfig config = ModelConfig::of(parameters);
  try {
    adopt_parameters(parameters, std::array<std::string_view, 1>{"recon"}, config);
  } catch (const CheckpointError& e) {
    throw CheckpointError(str(file, ": ", e.what()));
  }
  const std::int64_t size = RenderOptions{}.height;  // the network was made for the pictures of this camera
  Graph g;
  const Value image = g.input({DType::f32, {1, 3, size, size}}, "image");
  const Value seen = recon(Scope(g, "recon"), affine(image, 0.5, 0.5), config);
  Executor executor(plan(g, {seen}, options), &parameters);
  executor.set(image, resized(photo, size));
  executor.run();
  return executor.get(seen).to(DType::f32);
}

/// The coefficients to draw: given, seen, or those of the mean face.
Tensor coefficients_of(const Options& o, const Tensor& photo, const FaceModel& face, const PlanOptions& options) {
  const std::int64_t count = face.coefficient_count();
  if (o.coefficients.empty() && o.image.empty()) return Tensor::zeros({DType::f32, {1, count}});
  const bool given = o.image.empty();
  const std::string& file = given ? o.coefficients : o.image;
  const Tensor c = given ? coefficients_in(file) : coefficients_seen(o, photo, face, options);
  check<CheckpointError>(c.dtype() == DType::f32 && c.numel() == count, file, ": coefficients ", c.type().str(),
                         " are not those of one face of this model: they must be f32[", count, "]");
  for (const float v : c.as<float>()) {
    check<CheckpointError>(std::isfinite(v), file, ": coefficients hold a number that is not finite");
  }
  return c.clone().reshape({1, count});
}

/// The face of these coefficients: its pose is theirs, and its light, unless they have none.
Subject from_face_model(const Options& o, const Tensor& photo, const PlanOptions& options) {
  const Parameters parameters = Parameters::load(o.input);
  const FaceModel model = FaceModel::of(parameters);
  Graph g;
  const Value coefficients = g.input({DType::f32, {1, model.coefficient_count()}}, "coefficients");
  const PosedFace face = posed_face(Scope(g, "face_model"), model, coefficients);
  const Value normals = rigid_transform(face_normals(model, face.shape), rotation_matrix(face.coefficients.angles));
  Executor executor(plan(g, {face.camera, face.texture, face.colour, normals}, options), &parameters);
  const Tensor given = coefficients_of(o, photo, model, options);
  executor.set(coefficients, given);
  executor.run();
  const auto result = [&](Value v) { return executor.get(v).to(DType::f32).reshape({model.vertices, 3}).clone(); };
  Subject s{{result(face.camera), model.triangles, result(face.texture), result(normals)}, result(face.colour)};
  flip_depth(s.mesh.positions);
  const auto light = given.as<float>().last(30).first(27);
  if (std::all_of(light.begin(), light.end(), [](float v) { return v == 0; })) {
    s.lit = shade(s.mesh.colours, s.mesh.normals, o.light);
  }
  return s;
}

/// 0..1 from what is shown: nearest white, background black.
void depth_to_grey(Tensor& depth) {
  const auto z = depth.mutable_as<float>();
  float low = std::numeric_limits<float>::max(), high = 0;
  for (const float v : z) {
    if (v > 0) low = std::min(low, v);
    high = std::max(high, v);
  }
  for (float& v : z) v = v > 0 ? (high > low ? 0.1f + 0.9f * (high - v) / (high - low) : 1.f) : 0.f;
}

/// Planes 0..1, of which one may stand for three, over a photo -1..1 if there is one: a picture -1..1.
Tensor compose(const Tensor& image, const Tensor& mask, const Tensor& photo) {
  const std::int64_t pixels = mask.numel();
  Tensor result({DType::f32, {1, 3, mask.shape()[2], mask.shape()[3]}});
  const auto to = result.mutable_as<float>();
  for (std::size_t c = 0; c < 3; ++c) {
    const std::size_t from = image.shape()[1] == 3 ? c * static_cast<std::size_t>(pixels) : 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(pixels); ++i) {
      const std::size_t at = c * static_cast<std::size_t>(pixels) + i;
      const float behind = photo ? (photo.as<float>()[at] + 1) / 2 : 0.f;
      to[at] = 2 * (image.as<float>()[from + i] + (1 - mask.as<float>()[i]) * behind) - 1;
    }
  }
  return result;
}

int run(const Options& o) {
  const AnonymizerOptions run_options = resolve(o.common);
  const std::vector<std::string> inputs = {o.input, o.photo, o.image, o.model, o.coefficients};
  require_new_file(o.output, inputs);
  if (!o.mesh_output.empty()) require_new_file(o.mesh_output, inputs);
  const PlanOptions plan_options{
      .device = run_options.device, .precision = run_options.precision, .threads = run_options.threads};
  const bool is_face = std::filesystem::path(o.input).extension() == ".safetensors";
  check<UsageError>(is_face || (o.coefficients.empty() && o.image.empty()),
                    "--coefficients and --image are for face models, not for ", o.input);
  const std::string& behind = o.image.empty() ? o.photo : o.image;
  const Tensor photo = behind.empty() ? Tensor() : load_square(behind, 0);
  Subject subject = is_face ? from_face_model(o, photo, plan_options) : from_obj(o);
  const MeshData& mesh = subject.mesh;

  const std::int64_t vertices = mesh.positions.shape()[0];
  Tensor points = mesh.positions.clone().reshape({1, vertices, 3});
  flip_depth(points);
  Tensor attributes = o.show == "shaded" ? subject.lit : mesh.colours.clone();
  if (o.show == "normals") {
    const auto to = attributes.mutable_as<float>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = 0.5f + 0.5f * mesh.normals.as<float>()[i];
  }

  RenderOptions options;
  options = options.scaled(static_cast<double>(o.size) / static_cast<double>(options.height));
  if (o.both_sides) options.facing = Facing::both;
  Graph g;
  const Value where = g.input(points.type(), "points");
  const Value what = g.constant(attributes.reshape({1, vertices, 3}));
  const Rendered r = render_mesh(mesh_constants(g, mesh_topology(mesh.triangles, vertices)), where, what, options);
  const bool is_depth = o.show == "depth", is_mask = o.show == "mask";
  const Value shown = is_depth ? r.depth : is_mask ? r.mask : r.image;
  Executor executor(plan(g, {shown, r.mask, r.raster.ids}, plan_options));
  executor.set(where, points);
  executor.run();
  if (o.common.print_plan) std::cerr << executor.plan().print(executor.profile());
  Tensor image = executor.get(shown).to(DType::f32), mask = executor.get(r.mask).to(DType::f32);
  const Tensor ids = executor.get(r.raster.ids).to(DType::i32);
  if (is_depth) depth_to_grey(image);

  write_picture(o.output, compose(image, mask, photo ? resized(photo, o.size) : photo));
  if (!o.mesh_output.empty()) save_mesh(o.mesh_output, mesh);

  const auto id = ids.as<std::int32_t>();
  const auto covered = std::count_if(id.begin(), id.end(), [](std::int32_t v) { return v >= 0; });
  if (covered == 0) say(LogLevel::info, str(o.output, ": nothing of the mesh is in the picture"));
  if (o.common.json) {
    std::cout << io::JsonObject()
                     .set("input", o.input)
                     .set("output", o.output)
                     .set("vertices", vertices)
                     .set("triangles", mesh.triangles.shape()[0])
                     .set("pixels", static_cast<std::int64_t>(covered))
                     .str()
              << "\n";
  }
  return exit_code::ok;
}

}  // namespace

void add_render(CLI::App& app, int& code) {
  CLI::App* command =
      app.add_subcommand("render", "Draw a mesh or a face: a picture of it, its normals, depth or mask");
  const auto o = std::make_shared<Options>();
  command->add_option("input", o->input, "mesh (.obj), perhaps with colours of vertices, or face model (.safetensors)")
      ->required();
  CLI::Option* coefficients = command->add_option("--coefficients", o->coefficients,
                                                  "of a face model's face: a .safetensors file with f32 "
                                                  "`coefficients`, or .json [c, ...] (default: the mean face)");
  command->add_option("-o,--output", o->output, "picture to write")->required();
  command->add_option("--show", o->show, "shaded, colour (without light), normals, depth or mask")
      ->check(CLI::IsMember({"shaded", "colour", "normals", "depth", "mask"}))
      ->capture_default_str();
  CLI::Option* over = command->add_option("--over", o->photo, "square photo behind the mesh");
  command
      ->add_option("--image", o->image,
                   "aligned face crop (see 'g2face crop --align reference'): a face model's face is drawn over it with "
                   "the coefficients that the network `recon` of --model sees in it")
      ->excludes(coefficients)
      ->excludes(over);
  command->add_option("--model", o->model, "model file for --image (or environment G2FACE_MODEL)");
  command->add_option("--save-mesh", o->mesh_output, "also write the mesh as placed: .obj or .ply");
  command->add_option("--size", o->size, "height and width of the picture")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--rotate", o->angles, "of an .obj: degrees about x, y and z, in this order")
      ->delimiter(',')
      ->expected(3);
  command
      ->add_option("--light", o->light,
                   "where the light comes from (x to the right, y up, z to the viewer), "
                   "unless coefficients have light of their own")
      ->delimiter(',')
      ->expected(3);
  command->add_flag("--as-is", o->as_is,
                    "coordinates of an .obj are the camera's: decimetres around the origin, seen from z = 10 "
                    "(default: move and scale the mesh into the picture)");
  command->add_flag("--both-sides", o->both_sides, "draw triangles that face away too");
  add_common_options(*command, o->common);
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
