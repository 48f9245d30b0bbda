#include "g2face/models/renderer.hpp"

#include <doctest/doctest.h>

#include "g2face/graph/gradients.hpp"
#include "render_scene.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

/// A square plate before the camera, turned a little, as a graph.
struct Plate {
  Graph graph;
  Value points, colours;
  Mesh mesh;
  RenderOptions options{.height = 20, .width = 24, .focal = 90, .centre_x = 12.3, .centre_y = 9.1};
  Tensor points_at = Tensor::from({1, 4, 3}, {-0.9f, -0.7f, 9.5f, 0.9f, -0.8f, 10, 0.8f, 0.7f, 10.5f, -0.7f, 0.6f, 10});
  Tensor colours_at = Tensor::from({1, 4, 2}, {1, 0.5f, 0.2f, 0.3f, 0.9f, 0.1f, 0.4f, 0.7f});

  explicit Plate(DType dtype = DType::f32) {
    points = graph.input({dtype, points_at.shape()}, "points");
    colours = graph.input({dtype, colours_at.shape()}, "colours");
    mesh = mesh_constants(graph, mesh_topology(triangle_list({0, 1, 2, 0, 2, 3}), 4));  // counter-clockwise, y up
  }
  std::vector<Tensor> run(const std::vector<Value>& outputs, const Device& device) const {
    Executor executor(plan(graph, outputs, {.device = device, .precision = Precision::strict}));
    executor.set(points, points_at.to(points.dtype()));
    executor.set(colours, colours_at.to(colours.dtype()));
    executor.run();
    std::vector<Tensor> results;
    for (const Value& v : outputs) results.push_back(executor.get(v).to(DType::f64));
    return results;
  }
};

}  // namespace

TEST_CASE("renderer: where points go, and the same view in another size") {
  // Of 224 pixels, the axis meets column 112 and row 223 - 112 = 111; one unit at depth 10 is 101.5 pixels.
  Graph g;
  const Value points = g.constant(Tensor::from({1, 3, 3}, {0, 0, 10, 1, 0.5f, 10, 1, 1, 0}));
  const Tensor at = evaluate(to_raster(points, {}), {});
  const double want[] = {112.5, 111.5, 10, 214, 60.75, 10};
  for (std::size_t i = 0; i < 6; ++i) CHECK(at.as<double>()[i] == doctest::Approx(want[i]));
  for (const double v : at.as<double>()) CHECK(std::isfinite(v));  // the third is in the camera's plane
  const RenderOptions large = RenderOptions{}.scaled(3);
  CHECK(large.height == 672);
  const Tensor three = evaluate(to_raster(points, large), {});
  for (std::size_t i = 0; i < 6; ++i) CHECK(three.as<double>()[i] == doctest::Approx(want[i] * (i % 3 == 2 ? 1 : 3)));
}

TEST_CASE("renderer: image, mask and depth agree, on every device") {
  Plate p;
  const Rendered r = render_mesh(p.mesh, p.points, p.colours, p.options);
  const Value ones = p.graph.constant(Tensor::full({DType::f32, {1, 4, 1}}, 1));
  const Rendered white = render_mesh(p.mesh, p.points, ones, p.options);
  const std::vector<Value> outputs{r.image, r.mask, r.depth, render_more(p.mesh, r, p.colours), white.image};
  const auto want = p.run(outputs, Device::reference());
  for (const Device& device : devices()) {
    CAPTURE(device.str());
    const auto got = p.run(outputs, device);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(relative_error(got[i], want[i]) < 1e-5);
    CHECK(relative_error(got[4], got[1]) < 1e-6);  // a white surface looks like the mask
  }
  double area = 0;
  std::size_t inside = 0;
  for (std::size_t i = 0; i < 480; ++i) {
    area += want[1].as<double>()[i];
    const double z = want[2].as<double>()[i];
    CHECK((z == 0 || (z > 9.4 && z < 10.6)));
    inside += z > 0 ? 1 : 0;
  }
  // The plate's area in pixels, by the shoelace formula.
  const Tensor at = p.run({to_raster(p.points, p.options)}, Device::reference())[0];
  double twice = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t a = 3 * i, b = 3 * ((i + 1) % 4);
    twice += at.as<double>()[a] * at.as<double>()[b + 1] - at.as<double>()[b] * at.as<double>()[a + 1];
  }
  CHECK(area == doctest::Approx(-twice / 2).epsilon(0.01));
  CHECK(std::fabs(static_cast<double>(inside) + twice / 2) > std::fabs(area + twice / 2));  // blended edges are nearer
  // Seen from behind it is not there.
  p.options.facing = Facing::clockwise;
  const Rendered behind = render_mesh(p.mesh, p.points, p.colours, p.options);
  CHECK(relative_error(p.run({behind.mask}, Device::cpu())[0], Tensor::zeros({DType::f64, {1, 1, 20, 24}})) == 0);
}

TEST_CASE("renderer: gradients reach points and colours") {
  Plate p(DType::f64);
  const Rendered r = render_mesh(p.mesh, p.points, p.colours, p.options);
  const Value value = mean(r.image * p.graph.constant(random_tensor({1, 2, 20, 24}, 4))) + mean(r.depth) * 0.1;
  const std::vector<Value> gradient = gradients(value, {p.points, p.colours});
  Executor run(plan(p.graph, {value}, {.device = Device::reference()}));
  const std::vector<Tensor> said = p.run(gradient, Device::reference());
  for (const bool of_points : {true, false}) {
    const Tensor at = (of_points ? p.points_at : p.colours_at).to(DType::f64);
    double wrong = 0, norm = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(at.numel()); ++i) {
      constexpr double step = 0x1p-20;
      double sides[2];
      for (const int side : {0, 1}) {
        Tensor moved = at.clone();
        moved.mutable_as<double>()[i] += side == 0 ? -step : step;
        run.set(p.points, of_points ? moved : p.points_at.to(DType::f64));
        run.set(p.colours, of_points ? p.colours_at.to(DType::f64) : moved);
        run.run();
        sides[side] = run.get(value).item();
      }
      const double difference = (sides[1] - sides[0]) / (2 * step), g = said[of_points ? 0 : 1].as<double>()[i];
      wrong += (difference - g) * (difference - g);
      norm += g * g;
    }
    CHECK(std::sqrt(wrong / norm) < 1e-5);
  }
}
