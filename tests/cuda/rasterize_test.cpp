// The ops of the renderer together, in three orders of threads: ids as the reference has them, everything else the same
// bits.

#include "g2face/ops/rasterize.hpp"

#include "cuda/kernel_check.hpp"
#include "render_scene.hpp"

namespace g2face::test {
namespace {

using namespace g2face::testing;

void check_scene(const Scene& s, bool with_gradients) {
  Drawn drawn(s);
  Graph& g = drawn.graph;
  const std::int64_t n = s.vertices.shape()[0], vertices = s.vertices.shape()[1];
  const Value attributes = g.constant(varied({1, vertices, 2}, 3));
  const Value image = interpolate(attributes, drawn.weights, drawn.mesh, drawn.raster);
  const Value distances = silhouettes(drawn.vertices, drawn.mesh, drawn.raster);
  const Value y = antialias(image, distances);
  std::vector<Value> outputs{drawn.raster.ids, drawn.raster.boxes, drawn.weights, image, distances, y};
  if (with_gradients) {
    const Value dy = g.constant(varied({n, 2, s.attrs.height, s.attrs.width}, 4));
    for (const Value& dx : gradients(std::array{y}, std::array{dy}, std::array{drawn.vertices, attributes})) {
      outputs.push_back(dx);
    }
  }
  const std::vector<Tensor> want = drawn.run(s.vertices, outputs, Device::reference());
  std::vector<Tensor> first;
  for_each_schedule([&] {
    const std::vector<Tensor> got = drawn.run(s.vertices, outputs, Device::cuda());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i);
      CHECK(relative_error(got[i].to(DType::f64), want[i].to(DType::f64)) <= (i < 2 ? 0 : 2e-5));
      if (!first.empty()) CHECK(std::memcmp(got[i].data(), first[i].data(), got[i].bytes()) == 0);
    }
    if (first.empty()) first = got;
  });
}

TEST_CASE("the renderer on CUDA: separate triangles, several samples") {
  check_scene(triangle_soup(2, 30, 13, 19), true);
}

TEST_CASE("the renderer on CUDA: a sheet of triangles smaller than pixels, more than a block takes at once") {
  check_scene(sheet(12, 0.2, 11, 12,
                    [](double u, double v) {
                      return std::array{1.3 + 7 * u + v, 2.9 + 7 * v - 2 * u, 3 + u * v};
                    }),
              false);
}

}  // namespace
}  // namespace g2face::test
