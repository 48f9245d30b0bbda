// g2face render: a picture of a mesh, by the renderer that can be differentiated.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <limits>
#include <memory>
#include <numbers>

#include "cli/common.hpp"
#include "g2face/image.hpp"
#include "g2face/mesh.hpp"
#include "g2face/models/renderer.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "io/json_text.hpp"

namespace g2face::cli {

namespace {

struct Options {
  CommonOptions common;
  std::string input, output, photo, mesh_output, show = "shaded";
  std::int64_t size = 256;
  std::vector<double> angles = {0, 0, 0}, light = {0.3, 0.4, 1};
  bool as_is = false, both_sides = false;
};

constexpr double camera_distance = 10;  // in front of the origin, looking along -z: Deep3DFaceRecon's

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
  require_new_file(o.output, {o.input, o.photo});
  if (!o.mesh_output.empty()) require_new_file(o.mesh_output, {o.input, o.photo});
  MeshData mesh = load_obj(o.input);
  if (!o.as_is) fit(mesh.positions);
  rotate(mesh.positions, o.angles);
  mesh.normals = mesh_normals(mesh.positions, mesh.triangles);
  if (!mesh.colours) mesh.colours = Tensor::full(mesh.positions.type(), 0.75);

  const std::int64_t vertices = mesh.positions.shape()[0];
  Tensor points = mesh.positions.clone().reshape({1, vertices, 3});
  for (std::size_t i = 2; i < static_cast<std::size_t>(3 * vertices); i += 3) {
    points.mutable_as<float>()[i] = static_cast<float>(camera_distance) - points.as<float>()[i];
  }
  Tensor attributes = mesh.colours.clone();
  if (o.show == "shaded") attributes = shade(mesh.colours, mesh.normals, o.light);
  if (o.show == "normals") {
    for (std::size_t i = 0; i < static_cast<std::size_t>(3 * vertices); ++i) {
      attributes.mutable_as<float>()[i] = 0.5f + 0.5f * mesh.normals.as<float>()[i];
    }
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
  Executor executor(
      plan(g, {shown, r.mask, r.raster.ids},
           {.device = run_options.device, .precision = run_options.precision, .threads = run_options.threads}));
  executor.set(where, points);
  executor.run();
  if (o.common.print_plan) std::cerr << executor.plan().print(executor.profile());
  Tensor image = executor.get(shown).to(DType::f32), mask = executor.get(r.mask).to(DType::f32);
  const Tensor ids = executor.get(r.raster.ids).to(DType::i32);
  if (is_depth) depth_to_grey(image);

  Tensor photo;
  if (!o.photo.empty()) {
    photo = decode_picture(read_picture(o.photo), o.photo);
    const std::int64_t height = photo.shape()[2], width = photo.shape()[3];
    check<UsageError>(height == width, o.photo, ": a picture of ", width, "x", height,
                      " is not square: cut it with 'g2face crop' first");
    if (height != o.size) photo = crop_resize(photo, {0, 0, width, height}, o.size, o.size);
  }
  write_picture(o.output, compose(image, mask, photo));
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
  CLI::App* command = app.add_subcommand("render", "Draw a mesh: a picture of it, its normals, depth or mask");
  const auto o = std::make_shared<Options>();
  command->add_option("input", o->input, "mesh (.obj), perhaps with colours of vertices")->required();
  command->add_option("-o,--output", o->output, "picture to write")->required();
  command->add_option("--show", o->show, "shaded, colour (without light), normals, depth or mask")
      ->check(CLI::IsMember({"shaded", "colour", "normals", "depth", "mask"}))
      ->capture_default_str();
  command->add_option("--over", o->photo, "square photo behind the mesh");
  command->add_option("--save-mesh", o->mesh_output, "also write the mesh as placed: .obj or .ply");
  command->add_option("--size", o->size, "height and width of the picture")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--rotate", o->angles, "degrees about x, y and z, in this order")->delimiter(',')->expected(3);
  command->add_option("--light", o->light, "where the light comes from: x to the right, y up, z to the viewer")
      ->delimiter(',')
      ->expected(3);
  command->add_flag("--as-is", o->as_is,
                    "coordinates are the camera's: decimetres around the origin, seen from z = 10 "
                    "(default: move and scale the mesh into the picture)");
  command->add_flag("--both-sides", o->both_sides, "draw triangles that face away too");
  add_common_options(*command, o->common);
  command->callback([o, &code] { code = run(*o); });
}

}  // namespace g2face::cli
