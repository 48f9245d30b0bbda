#include "g2face/ops/rasterize.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <map>

#include "op_check.hpp"
#include "render_scene.hpp"

using namespace g2face;
using namespace g2face::testing;

namespace {

Scene one_triangle(std::vector<float> points, RasterizeAttrs attrs = {.height = 4, .width = 4}) {
  return {Tensor::from({1, 3, 3}, points), triangle_list({0, 1, 2}), attrs};
}

std::vector<std::int32_t> list(const Tensor& t) { return {t.as<std::int32_t>().begin(), t.as<std::int32_t>().end()}; }

}  // namespace

TEST_CASE("rasterize: the pixels of a triangle, by hand") {
  // Centres on the left leg x = 0.5 and on the top leg y = 0.5 belong to it, those on the slanted edge x + y = 4 do
  // not.
  const Scene s = one_triangle({0.5f, 0.5f, 1, 3.5f, 0.5f, 1, 0.5f, 3.5f, 1});
  for (const Device& device : devices()) {
    CAPTURE(device.str());
    CHECK(ids_of(s, device) == std::vector{0, 0, 0, -1, 0, 0, -1, -1, 0, -1, -1, -1, -1, -1, -1, -1});
    const Drawn drawn(s);
    CHECK(list(drawn.run(s.vertices, {drawn.raster.boxes}, device)[0].to(DType::i32)) == std::vector{0, 0, 4, 4});
  }
}

TEST_CASE("rasterize: triangles that share edges draw each pixel once") {
  // Corners on a grid of half pixels, so that many centres lie on edges and in corners.
  for (const double grid : {2.0, 1.0, 65536.0}) {
    CAPTURE(grid);
    const Scene whole = sheet(4, 0.2, 21, 19, [&](double u, double v) {
      return std::array{std::round((1.5 + 16 * u) * grid) / grid, std::round((2.5 + 16 * v) * grid) / grid, 1.0};
    });
    std::vector<int> times(19 * 21);
    const auto index = whole.triangles.as<std::int32_t>();
    for (std::size_t f = 0; f < index.size(); f += 3) {
      Scene alone = whole;
      // Both ways around: the rule must not depend on it.
      alone.triangles = f % 2 == 0 ? triangle_list({index[f], index[f + 1], index[f + 2]})
                                   : triangle_list({index[f + 1], index[f], index[f + 2]});
      const std::vector<std::int32_t> ids = ids_of(alone);
      for (std::size_t i = 0; i < ids.size(); ++i) times[i] += ids[i] == 0 ? 1 : 0;
    }
    for (int y = 0; y < 21; ++y) {
      for (int x = 0; x < 19; ++x) {
        CAPTURE(x);
        CAPTURE(y);
        const int shift = grid == 1 ? 1 : 0;  // corners are rounded up
        const bool inside = x >= 1 + shift && x < 17 + shift && y >= 2 + shift && y < 18 + shift;
        CHECK(times[static_cast<std::size_t>(y * 19 + x)] == (inside ? 1 : 0));
      }
    }
    for (const Device& device : devices()) {
      const std::vector<std::int32_t> ids = ids_of(whole, device);
      CHECK(std::count_if(ids.begin(), ids.end(), [](int id) { return id >= 0; }) == 256);
    }
  }
}

TEST_CASE("rasterize: a triangle with one corner nearer than `near` is not drawn at all; at `near` it is") {
  Scene s = sheet(1, 0, 6, 6, [](double u, double v) { return std::array{6 * u, 6 * v, 2.0}; });
  const auto drawn = [&](const Device& device) {
    const std::vector<std::int32_t> ids = ids_of(s, device);
    return std::pair{std::count(ids.begin(), ids.end(), 0), std::count(ids.begin(), ids.end(), 1)};
  };
  for (const Device& device : devices()) {
    s.attrs.near = 2;
    const auto all = drawn(device);
    CHECK(all.first + all.second == 36);
    s.attrs.near = 1;
    const auto vertices = s.vertices.mutable_as<float>();
    vertices[3 * 1 + 2] = 1;  // of the first triangle alone
    CHECK(drawn(device) == all);
    vertices[3 * 1 + 2] = std::nextafter(1.f, 0.f);
    CHECK(drawn(device) == std::pair{std::ptrdiff_t{0}, all.second});
    vertices[3 * 1 + 2] = -1;  // behind the camera
    CHECK(drawn(device) == std::pair{std::ptrdiff_t{0}, all.second});
    vertices[3 * 1 + 2] = 2;
  }
}

TEST_CASE("rasterize: the nearer triangle is seen, and of equals the first") {
  // Two large triangles that cross in the middle: 1 / depth is linear in the image, so the first is nearer on the left.
  Scene s{Tensor::from({1, 6, 3}, {-9, -9, 1, 30, -9, 4, -9, 30, 1, -9, -9, 4, 30, -9, 1, -9, 30, 4}),
          triangle_list({0, 1, 2, 3, 4, 5}),
          {.height = 3, .width = 18}};
  for (const Device& device : devices()) {
    CAPTURE(device.str());
    const std::vector<std::int32_t> ids = ids_of(s, device);
    // Equal at x = -9 + 39 / 2 = 10.5, the centre of pixel 10: the first triangle has it.
    for (std::size_t i = 0; i < ids.size(); ++i) CHECK(ids[i] == (i % 18 <= 10 ? 0 : 1));
    Scene same = s;
    same.triangles = triangle_list({3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2});
    const std::vector<std::int32_t> firsts = ids_of(same, device);
    CHECK(*std::max_element(firsts.begin(), firsts.end()) == 1);
  }
}

TEST_CASE("rasterize: facing") {
  const std::vector<float> clockwise = {0, 0, 1, 4, 0, 1, 0, 4, 1}, other = {0, 0, 1, 0, 4, 1, 4, 0, 1};
  for (const Device& device : devices()) {
    const auto drawn = [&](const std::vector<float>& points, Facing facing) {
      return ids_of(one_triangle(points, {.height = 4, .width = 4, .facing = facing}), device)[0] == 0;
    };
    CHECK(drawn(clockwise, Facing::both));
    CHECK(drawn(clockwise, Facing::clockwise));
    CHECK_FALSE(drawn(clockwise, Facing::counter_clockwise));
    CHECK(drawn(other, Facing::both));
    CHECK_FALSE(drawn(other, Facing::clockwise));
    CHECK(drawn(other, Facing::counter_clockwise));
  }
}

TEST_CASE("rasterize: what cannot be drawn is left out, and nothing else suffers") {
  const std::vector<float> good = {0, 0, 1, 4, 0, 1, 0, 4, 1};
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (const Device& device : devices()) {
    CAPTURE(device.str());
    CHECK(ids_of(one_triangle(good), device)[0] == 0);
    for (std::size_t i = 0; i < 9; ++i) {
      CAPTURE(i);
      for (const float bad : {nan, inf, -inf, 1e30f, -1e30f, 8193.f}) {
        if (i % 3 == 2 && bad > 1000 && bad < inf) continue;  // far away, but there
        CAPTURE(bad);
        std::vector<float> points = good;
        points[i] = bad;
        CHECK(ids_of(one_triangle(points), device) == std::vector<std::int32_t>(16, -1));
      }
    }
    for (const float z : {0.f, -1.f, 0.0009f}) {
      std::vector<float> points = good;
      points[5] = z;
      CHECK(ids_of(one_triangle(points), device) == std::vector<std::int32_t>(16, -1));
    }
    CHECK(ids_of(one_triangle({0, 0, 1, 4, 4, 1, 2, 2, 1}), device) == std::vector<std::int32_t>(16, -1));  // no area
    CHECK(ids_of(one_triangle({-8192, -8192, 1, 8192, -8192, 1, 0, 8192, 1}), device) ==
          std::vector<std::int32_t>(16, 0));
    Scene wrong = one_triangle(good);
    wrong.triangles = triangle_list({0, 1, 3, 0, -1, 2, 2'000'000'000, 1, 2, 0, 1, 2});
    const std::vector<std::int32_t> ids = ids_of(wrong, device);
    CHECK(ids[0] == 3);
    CHECK(ids[15] == -1);
  }
}

TEST_CASE("rasterize: the same ids and boxes on every device and with any number of threads") {
  for (const auto& [samples, height, width] : {std::tuple{1, 45, 70}, std::tuple{5, 17, 33}}) {
    for (const Facing facing : {Facing::both, Facing::clockwise}) {
      Scene s = triangle_soup(samples, 300, height, width);
      s.attrs.facing = facing;
      const Drawn drawn(s);
      const auto both = [&](const Device& device, int threads) {
        const auto results = drawn.run(s.vertices, {drawn.raster.ids, drawn.raster.boxes}, device, threads);
        return std::pair{list(results[0].to(DType::i32)), list(results[1].to(DType::i32))};
      };
      const auto want = both(Device::reference(), 1);
      CHECK(std::count(want.first.begin(), want.first.end(), -1) > 20);
      for (const int threads : {1, 2, 3, 7}) {
        CAPTURE(threads);
        CHECK(both(Device::cpu(), threads) == want);
      }
      if (Device::cuda_count() > 0) CHECK(both(Device::cuda(), 1) == want);
    }
  }
}

TEST_CASE("rasterize: no pixels, no triangles, no samples") {
  for (const Device& device : devices()) {
    Scene s = triangle_soup(1, 3, 5, 6);
    s.triangles = Tensor({DType::i32, {0, 3}});
    CHECK(ids_of(s, device) == std::vector<std::int32_t>(30, -1));
  }
}

TEST_CASE("barycentrics: interpolation is correct in perspective") {
  // A plane z = 4 + 0.3 X - 0.2 Y seen with focal length 20 and centre (8, 8): the ray of a pixel meets it where
  // z (1 - 0.3 x / 20 + 0.2 y / 20) = 4, and X = x z / 20.
  const auto pixel_of = [](double x, double y) {
    const double z = 4 + 0.3 * x - 0.2 * y;
    return std::array{20 * x / z + 8, 20 * y / z + 8, z};
  };
  Scene s{Tensor({DType::f32, {1, 3, 3}}), triangle_list({0, 1, 2}), {.height = 16, .width = 16}};
  const double corners[3][2] = {{-2.5, -2.5}, {6, -2.5}, {-2.5, 6}};
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t i = 0; i < 3; ++i)
      s.vertices.mutable_as<float>()[3 * k + i] = static_cast<float>(pixel_of(corners[k][0], corners[k][1])[i]);
  Drawn drawn(s);
  Tensor attributes({DType::f32, {1, 3, 2}});  // X and depth
  for (std::size_t k = 0; k < 3; ++k) {
    attributes.mutable_as<float>()[2 * k] = static_cast<float>(corners[k][0]);
    attributes.mutable_as<float>()[2 * k + 1] = s.vertices.as<float>()[3 * k + 2];
  }
  const Value y = interpolate(drawn.graph.constant(attributes), drawn.weights, drawn.mesh, drawn.raster);
  for (const Device& device : devices()) {
    CAPTURE(device.str());
    const auto results = drawn.run(s.vertices, {y, drawn.raster.ids}, device);
    const Tensor got = results[0].to(DType::f64), ids = results[1].to(DType::i32);
    int seen = 0;
    for (std::size_t i = 0; i < 256; ++i) {
      if (ids.as<std::int32_t>()[i] < 0) continue;
      ++seen;
      const double x = static_cast<double>(i % 16) + 0.5 - 8, row = static_cast<double>(i / 16) + 0.5 - 8;
      const double z = 4 / (1 - 0.3 * x / 20 + 0.2 * row / 20);
      CHECK(got.as<double>()[i] == doctest::Approx(x * z / 20).epsilon(1e-5));  // vertices are rounded to f32
      CHECK(got.as<double>()[256 + i] == doctest::Approx(z).epsilon(1e-5));
    }
    CHECK(seen > 100);
  }
}

TEST_CASE("barycentrics: every device, forward and gradient; not negative, of sum 1") {
  const auto build = [](const std::vector<Value>& in) {
    Graph& g = *in[0].graph;
    const Mesh mesh = mesh_constants(g, mesh_topology(triangle_list({0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 4, 7, 8, 3, 0}), 9));
    return barycentrics(in[0], mesh, rasterize(in[0], mesh.triangles, {.height = 9, .width = 12}));
  };
  OpCheck c(barycentrics_op, build, {.differences = 0});  // not differentiable twice; differences are below
  c.ok({{{1, 9, 3}, {1, 11}}});
  c.ok({{{3, 9, 3}, {1, 11}}});
  c.ok({{{2, 9, 3}, {3, 4}}});  // small triangles

  const Scene s = triangle_soup(2, 60, 20, 20);
  const Drawn drawn(s);
  const auto results = drawn.run(s.vertices, {drawn.weights, drawn.raster.ids}, Device::cpu());
  const auto w = results[0].as<float>();
  for (std::size_t i = 0; i < 800; ++i) {
    const std::size_t at = i / 400 * 1200 + i % 400;
    CHECK(std::min({w[at], w[at + 400], w[at + 800]}) >= 0);
    const float sum = w[at] + w[at + 400] + w[at + 800];
    CHECK(sum == doctest::Approx(results[1].as<std::int32_t>()[i] < 0 ? 0 : 1).epsilon(1e-6));
  }
}

TEST_CASE("barycentrics: the gradient agrees with central differences") {
  const Scene s = triangle_soup(1, 25, 16, 16);
  Drawn drawn(s, DType::f64);
  const Value weights = drawn.graph.constant(random_tensor({1, 3, 16, 16}, 3));
  const Value value = sum(drawn.weights * weights);
  const Value gradient = gradients(value, {drawn.vertices})[0];
  CHECK(gradient_error(drawn, s.vertices.to(DType::f64), value, gradient) < 1e-6);
  // And it says so where it cannot go on.
  CHECK_THROWS_WITH_AS(gradients(sum(gradient), {drawn.vertices}), doctest::Contains("barycentrics_grad"), GraphError);
}

TEST_CASE("barycentrics: ids that are not those of the vertices do no harm") {
  for (const Device& device : devices()) {
    Graph g;
    const Mesh mesh = mesh_constants(g, mesh_topology(triangle_list({0, 1, 2, 0, 0, 0}), 3));
    const Value vertices = g.constant(Tensor::from({1, 3, 3}, {0, 0, 1, 4, 0, 1, 0, 4, 1}));
    Tensor ids({DType::i32, {1, 1, 5}});
    const std::int32_t all[] = {0, 1, 2, -7, std::numeric_limits<std::int32_t>::max()};
    std::copy(std::begin(all), std::end(all), ids.mutable_as<std::int32_t>().begin());
    const Raster raster{g.constant(ids), g.constant(Tensor::zeros({DType::i32, {1, 2, 4}}))};
    const Value weights = barycentrics(vertices, mesh, raster);
    Executor run(plan(g, {weights}, {.device = device}));
    run.run();
    const Tensor w = run.get(weights).to(DType::f32);
    CHECK(w.as<float>()[0] == 0.75f);
    CHECK(w.as<float>()[1] == doctest::Approx(1.0 / 3));  // a triangle without area
    for (std::size_t i = 2; i < 5; ++i) CHECK(w.as<float>()[i] == 0);
  }
}

TEST_CASE("mesh_topology: neighbours and corners") {
  // Two triangles with an edge, and three more around one edge: an edge of three has no neighbours.
  const MeshTopology two = mesh_topology(triangle_list({0, 1, 2, 2, 1, 3}), 4);
  CHECK(list(two.neighbours) == std::vector{1, -1, -1, -1, -1, 0});
  CHECK(list(two.corners) == std::vector{0, 1, 3, 5, 6, 0, 1, 4, 2, 3, 5});
  const MeshTopology fan = mesh_topology(triangle_list({0, 1, 2, 0, 1, 3, 0, 1, 4}), 5);
  CHECK(list(fan.neighbours) == std::vector<std::int32_t>(9, -1));
  CHECK_THROWS_WITH_AS(mesh_topology(triangle_list({0, 1, 4}), 4),
                       "triangle 0 of a mesh has the corner 4, but there are 4 vertices", ShapeError);
  CHECK_THROWS_AS(mesh_topology(Tensor::zeros({DType::f32, {1, 3}}), 4), ShapeError);
}

TEST_CASE("rasterize: rules") {
  const OpCheck c(rasterize_op, RasterizeAttrs{.height = 4, .width = 4});
  const CheckInput faces{{2, 3}, {}, DType::i32};
  c.fails("R1", {{5, 3}, faces}, "vertices f32[5,3] must be [N,V,3]");
  c.fails("R1", {{1, 5, 4}, faces}, "vertices f32[1,5,4]");
  c.fails("R2", {{1, 5, 3}, {2, 3}}, "triangles f32[2,3] must be i32 [F,3]");
  c.fails("R3", {{1, 5, 3}, faces}, RasterizeAttrs{.height = 0}, "they are 0x256");
  c.fails("R3", {{1, 5, 3}, faces}, RasterizeAttrs{.width = 4097}, "256x4097");
  c.fails("R3", {{1, 5, 3}, faces}, RasterizeAttrs{.near = 0}, "near 0");
  const OpCheck b(barycentrics_op);
  const CheckInput corners{{12}, {}, DType::i32}, ids{{1, 4, 4}, {}, DType::i32}, boxes{{1, 2, 4}, {}, DType::i32};
  b.fails("R4", {{1, 5, 3}, faces, {{11}, {}, DType::i32}, ids, boxes}, "corners i32[11] must be i32[12]");
  b.fails("R5", {{2, 5, 3}, faces, corners, ids, boxes}, "ids i32[1,4,4] must be i32 [2,H,W]");
  b.fails("R5", {{1, 5, 3}, faces, corners, ids, {{1, 3, 4}, {}, DType::i32}}, "boxes i32[1,3,4] must be i32[1,2,4]");
}
