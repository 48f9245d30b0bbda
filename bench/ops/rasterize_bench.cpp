// Heads of 36,000 and 14,000 vertices in a picture of 256 pixels. `render`: everything from points to picture and mask.
// Items are pictures.

#include "head.hpp"
#include "plan_bench.hpp"

namespace g2face::bench {
namespace {

enum class Part : std::uint8_t { ids, image, render, gradients };

std::vector<Value> draw(Trial& t, const HeadSize& size, Part part, std::int64_t samples) {
  const Head h = head(samples, size);
  const Value points = t.given(h.points), colours = t.given(h.colours);
  RenderOptions options = camera_of_256();
  options.antialias = part != Part::image;
  const Rendered r = render_mesh(mesh_constants(t.graph, h.mesh), points, colours, options);
  if (part == Part::ids) return {r.raster.ids};
  if (part == Part::image) return {r.image};
  if (part == Part::render) return {r.image, r.mask};
  return gradients(mean(square(r.image)) + mean(r.mask), {points, colours});
}

const bool registered = [] {
  constexpr std::pair<Part, const char*> parts[] = {
      {Part::ids, "ids"}, {Part::image, "image"}, {Part::render, "render"}, {Part::gradients, "gradients"}};
  for (const HeadSize& size : {bfm_sized, ict_sized}) {
    for (const auto& part : parts) {
      for (const std::int64_t n : {1, 8}) {
        const Part what = part.first;
        add_plan(
            str("rasterize/", size.name, "/", part.second, "/n", n),
            [size, what, n](Trial& t) { return draw(t, size, what, n); }, n);
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
