#include "g2face/ops/silhouettes.hpp"

#include <doctest/doctest.h>

#include "op_check.hpp"
#include "render_scene.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

constexpr int left = 0, right = 1, top = 2, bottom = 3;

/// A graph with distances; at(d, x, y) reads a result.
struct Distances {
  Drawn drawn;
  std::int64_t height, width;
  Value value;

  explicit Distances(const Scene& s, DType dtype = DType::f32)
      : drawn(s, dtype),
        height(s.attrs.height),
        width(s.attrs.width),
        value(silhouettes(drawn.vertices, drawn.mesh, drawn.raster)) {}
  std::vector<double> run(const Scene& s, const Device& device = Device::reference(), int threads = 0) const {
    const Tensor t = drawn.run(s.vertices, {value}, device, threads)[0].to(DType::f64);
    return {t.as<double>().begin(), t.as<double>().end()};
  }
  double at(const std::vector<double>& all, int d, int x, int y) const {
    return all[static_cast<std::size_t>((d * height + y) * width + x)];
  }
};

/// A sheet that fills x0..x1, y0..y1 with that many cells.
Scene rectangle(double x0, double x1, double y0, double y1, int cells) {
  return sheet(cells, 0.3, 12, 14, [=](double u, double v) {
    return std::array{x0 + (x1 - x0) * u, y0 + (y1 - y0) * v, 2.0};
  });
}

}  // namespace

TEST_CASE("silhouettes: how far it is to the borders of a rectangle, whatever the size of its triangles") {
  for (const int cells : {1, 3, 16, 60}) {
    CAPTURE(cells);
    const Scene s = rectangle(2.75, 9.125, 3.375, 8.75, cells);
    const Distances distances(s);
    for (const Device& device : devices()) {
      CAPTURE(device.str());
      const std::vector<double> d = distances.run(s, device);
      for (int y = 0; y < 12; ++y) {
        for (int x = 0; x < 14; ++x) {
          CAPTURE(x);
          CAPTURE(y);
          // Centres 3.5 .. 8.5 and 3.5 .. 8.5 are inside. In corners the nearer of the two borders stays.
          const bool in_x = x >= 3 && x <= 8, in_y = y >= 3 && y <= 8;
          double want[4] = {0.5, 0.5, 0.5, 0.5};
          if (x == 3 && in_y) want[left] = 0.75;
          if (x == 8 && in_y) want[right] = 0.625;
          if (y == 3 && in_x) want[top] = 0.125;
          if (y == 8 && in_x) want[bottom] = 0.25;
          if ((x == 3 || x == 8) && (y == 3 || y == 8)) want[left] = want[right] = 0.5;
          for (int k = 0; k < 4; ++k) CHECK(distances.at(d, k, x, y) == doctest::Approx(want[k]).epsilon(1e-6));
        }
      }
    }
  }
}

TEST_CASE("silhouettes: folds and what lies in front") {
  // A tube seen from the side: its triangles face away behind the fold, which is where it ends.
  const auto tube = [](double u, double v) {
    const double angle = 2 * 3.14159265358979 * u;
    return std::array{7 - 3.3 * std::cos(angle), 1 + 10 * v, 5 - 3.3 * std::sin(angle)};
  };
  for (const Facing facing : {Facing::both, Facing::clockwise}) {
    Scene s = sheet(40, 0, 12, 14, tube);
    s.attrs.facing = facing;
    const Distances distances(s);
    const std::vector<double> d = distances.run(s);
    for (int y = 2; y < 10; ++y) {
      CHECK(distances.at(d, left, 4, y) == doctest::Approx(4.5 - 3.7).epsilon(1e-6));
      CHECK(distances.at(d, right, 9, y) == doctest::Approx(10.3 - 9.5).epsilon(1e-6));
      for (int x = 5; x < 9; ++x) CHECK(distances.at(d, right, x, y) == 0.5);
    }
  }
  // A small square before a large one: only the small one has an edge there.
  Scene s = rectangle(1, 13, 1, 11, 1);
  const Scene front = rectangle(4.25, 9.75, 4.25, 7.75, 1);
  Scene both{Tensor({DType::f32, {1, 8, 3}}), triangle_list({0, 1, 3, 0, 3, 2, 4, 5, 7, 4, 7, 6}), s.attrs};
  for (std::size_t i = 0; i < 12; ++i) {
    both.vertices.mutable_as<float>()[i] = s.vertices.as<float>()[i];
    both.vertices.mutable_as<float>()[12 + i] = front.vertices.as<float>()[i] - (i % 3 == 2 ? 1.f : 0.f);
  }
  const Distances distances(both);
  for (const Device& device : devices()) {
    const std::vector<double> d = distances.run(both, device);
    CHECK(distances.at(d, left, 4, 5) == doctest::Approx(0.25));
    CHECK(distances.at(d, right, 3, 5) == 0.5);
    CHECK(distances.at(d, right, 9, 5) == doctest::Approx(0.25));
    CHECK(distances.at(d, left, 10, 5) == 0.5);
  }
}

TEST_CASE("silhouettes: the same on every device and with any number of threads") {
  for (const std::int64_t samples : {1, 4}) {
    const Scene s = triangle_soup(samples, 150, 31, 40);
    const Distances distances(s);
    const std::vector<double> want = distances.run(s, Device::cpu(), 1);
    CHECK(distances.run(s, Device::cpu(), 3) == want);
    const std::vector<double> reference = distances.run(s);
    for (std::size_t i = 0; i < want.size(); ++i)
      CHECK(want[i] == static_cast<double>(static_cast<float>(reference[i])));
    if (Device::cuda_count() > 0) CHECK(distances.run(s, Device::cuda()) == want);
  }
}

TEST_CASE("silhouettes: every device, forward and gradient") {
  const auto build = [](const std::vector<Value>& in) {
    Graph& g = *in[0].graph;
    const Mesh mesh = mesh_constants(g, mesh_topology(triangle_list({0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 4, 7}), 9));
    return silhouettes(in[0], mesh, rasterize(in[0], mesh.triangles, {.height = 9, .width = 12}));
  };
  OpCheck c(silhouettes_op, build, {.differences = 0});
  c.ok({{{1, 9, 3}, {1, 11}}});
  c.ok({{{3, 9, 3}, {1, 11}}});
}

TEST_CASE("silhouettes: the gradient agrees with central differences") {
  const Scene s = triangle_soup(1, 25, 16, 16);
  Distances d(s, DType::f64);
  const Value value = sum(d.value * d.drawn.graph.constant(random_tensor({1, 4, 16, 16}, 3)));
  const Value gradient = gradients(value, {d.drawn.vertices})[0];
  CHECK(gradient_error(d.drawn, s.vertices.to(DType::f64), value, gradient) < 1e-6);
  CHECK_THROWS_WITH_AS(gradients(sum(gradient), {d.drawn.vertices}), doctest::Contains("silhouettes_grad"), GraphError);
}

TEST_CASE("silhouettes: wrong neighbours and bad vertices end the walk") {
  Scene s = rectangle(2.75, 9.125, 3.375, 8.75, 3);
  for (const Device& device : devices()) {
    Drawn drawn(s);
    for (const std::int32_t wrong : {-5, 0, 17, 1'000'000}) {
      Tensor neighbours({DType::i32, s.triangles.shape()});
      for (std::int32_t& n : neighbours.mutable_as<std::int32_t>()) n = wrong;
      Mesh mesh = drawn.mesh;
      mesh.neighbours = drawn.graph.constant(neighbours);
      const Value d = silhouettes(drawn.vertices, mesh, drawn.raster);
      const Tensor got = drawn.run(s.vertices, {d}, device)[0].to(DType::f64);
      for (const double v : got.as<double>()) CHECK((v > -1 && v <= 1));
    }
    Scene bad = s;
    bad.vertices = s.vertices.clone();
    bad.vertices.mutable_as<float>()[15] = std::nanf("");
    const Value d = silhouettes(drawn.vertices, drawn.mesh, drawn.raster);
    const Tensor got = drawn.run(bad.vertices, {d}, device)[0].to(DType::f64);
    for (const double v : got.as<double>()) CHECK((v > -1 && v <= 1));
  }
}

TEST_CASE("silhouettes: rules") {
  const CheckInput faces{{2, 3}, {}, DType::i32}, corners{{12}, {}, DType::i32}, ids{{1, 4, 4}, {}, DType::i32};
  const OpCheck c(silhouettes_op);
  c.fails("R1", {{5, 3}, faces, faces, corners, ids}, "vertices f32[5,3]");
  c.fails("R2", {{1, 5, 3}, faces, {{3, 3}, {}, DType::i32}, corners, ids}, "neighbours i32[3,3] must be i32[2,3]");
  c.fails("R2", {{1, 5, 3}, faces, faces, {{9}, {}, DType::i32}, ids}, "corners i32[9]");
  c.fails("R3", {{2, 5, 3}, faces, faces, corners, ids}, "ids i32[1,4,4]");
}
