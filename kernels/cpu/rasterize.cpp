// Rasterisation in three passes: vertices onto the subpixel grid, boxes of triangles, then pixels. Threads share the
// pixels by bands of rows that they take in turns, so that each has a part of whatever is in the picture, and each
// looks at every box once. A pixel keeps the nearest triangle and of equals the first, in whatever order it sees them:
// results do not depend on the number of threads.

#include <algorithm>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/raster.hpp"

namespace g2face {
namespace {

using raster::Box;
using raster::Corner;
using raster::Faces;

constexpr std::int32_t band = 8;  // rows

struct Sample {
  const RasterizeAttrs* attrs;
  Faces faces;
  const float* vertices;
  std::int32_t* ids;
  Box* boxes;
  Corner* corners;  // scratch: as many as vertices
  double* nearest;  // scratch: 1 / depth of each pixel
  std::int32_t height() const { return static_cast<std::int32_t>(attrs->height); }
  std::int32_t width() const { return static_cast<std::int32_t>(attrs->width); }
};

void find_boxes(const Sample& s, std::int64_t begin, std::int64_t end) {
  for (std::int64_t f = begin; f < end; ++f) {
    std::int32_t v[3];
    s.boxes[f] = s.faces.corners(f, v) ? raster::box_of(s.corners[v[0]], s.corners[v[1]], s.corners[v[2]],
                                                        s.attrs->facing, s.height(), s.width())
                                       : Box{0, 0, 0, 0};
  }
}

/// The rows of a box that lie in one band.
void draw(const Sample& s, const raster::Triangle& triangle, std::int32_t f, const Box& box) {
  const std::int64_t inside[3] = {triangle.least_inside(0), triangle.least_inside(1), triangle.least_inside(2)};
  const std::int64_t step[3] = {triangle.step(0), triangle.step(1), triangle.step(2)};
  for (std::int32_t row = box.top; row < box.bottom; ++row) {
    std::int64_t e0 = triangle.edge(0, box.left, row), e1 = triangle.edge(1, box.left, row),
                 e2 = triangle.edge(2, box.left, row);
    const std::int64_t line = static_cast<std::int64_t>(row) * s.width();
    for (std::int32_t column = box.left; column < box.right; ++column) {
      if (e0 >= inside[0] && e1 >= inside[1] && e2 >= inside[2]) {
        const double inverse_depth = triangle.inverse_depth(e0, e1, e2);
        double& nearest = s.nearest[line + column];
        if (inverse_depth > nearest) {
          nearest = inverse_depth;
          s.ids[line + column] = f;
        }
      }
      e0 += step[0];
      e1 += step[1];
      e2 += step[2];
    }
  }
}

/// The bands of thread `part` of `parts`.
void draw_bands(const Sample& s, std::int32_t part, std::int32_t parts) {
  const std::int32_t height = s.height(), width = s.width();
  for (std::int32_t top = part * band; top < height; top += parts * band) {
    const std::int64_t first = static_cast<std::int64_t>(top) * width;
    const std::int64_t last = static_cast<std::int64_t>(std::min(top + band, height)) * width;
    std::fill(s.ids + first, s.ids + last, -1);
    std::fill(s.nearest + first, s.nearest + last, 0.0);
  }
  for (std::int64_t f = 0; f < s.faces.count; ++f) {
    const Box box = s.boxes[f];
    if (box.top >= box.bottom) continue;
    const std::int32_t first = box.top / band, last = (box.bottom - 1) / band;
    const std::int32_t own = first + (part - first % parts + parts) % parts;  // the first band from there that is ours
    if (own > last) continue;
    std::int32_t v[3];
    s.faces.corners(f, v);
    const raster::Triangle triangle = raster::Triangle::of(s.corners[v[0]], s.corners[v[1]], s.corners[v[2]]);
    for (std::int32_t b = own; b <= last; b += parts) {
      draw(s, triangle, static_cast<std::int32_t>(f),
           {box.left, std::max(box.top, b * band), box.right, std::min(box.bottom, (b + 1) * band)});
    }
  }
}

void rasterize(const Sample& s, int threads) {
  cpu::parallel_for(threads, s.faces.vertices, 4096, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t v = begin; v < end; ++v) s.corners[v] = raster::snap(s.vertices + 3 * v, s.attrs->near);
  });
  cpu::parallel_for(threads, s.faces.count, 4096,
                    [&](std::int64_t begin, std::int64_t end) { find_boxes(s, begin, end); });
  const auto parts = static_cast<std::int32_t>(threads);
  cpu::parallel_parts(threads, threads, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) draw_bands(s, static_cast<std::int32_t>(part), parts);
  });
}

struct Shapes {
  std::int64_t samples, vertices, faces, height, width;
  std::int64_t pixels() const { return height * width; }
};

Shapes shapes_of(const Signature& s) {
  const Shape &vertices = s.in[0].type.shape, &ids = s.in[3].type.shape;
  return {vertices[0], vertices[1], s.in[1].type.shape[0], ids[1], ids[2]};
}

/// Rows [begin, end) of all samples. Pixels that show a triangle: f(sample, pixel of the sample, triangle as seen, its
/// corners); others: none(sample, pixel).
template <class F, class None>
void for_each_shown(const Shapes& p, const Buffers& b, std::int64_t begin, std::int64_t end, const F& f,
                    const None& none) {
  const Faces faces{b.get<std::int32_t>(1), p.faces, p.vertices};
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t n = i / p.height, row = i % p.height;
    const float* const vertices = b.get<float>(0) + n * p.vertices * 3;
    const std::int32_t* const ids = b.get<std::int32_t>(3) + i * p.width;
    for (std::int64_t column = 0; column < p.width; ++column) {
      const std::int64_t at = row * p.width + column;
      std::int32_t v[3];
      if (faces.corners(ids[column], v)) {
        f(n, at, raster::Seen::of(vertices, v, column, row), v);
      } else {
        none(n, at);
      }
    }
  }
}

}  // namespace

MaybeStep rasterize_cpu(const RasterizeAttrs& a, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const std::int64_t samples = s.in[0].type.shape[0], vertices = s.in[0].type.shape[1], faces = s.in[1].type.shape[0];
  // Samples for all threads, or threads for each sample.
  const bool together = samples < s.threads;
  const std::int64_t copies = together ? 1 : s.threads;
  cpu::Workspace workspace;
  const std::size_t corners = workspace.add(static_cast<std::size_t>(copies * vertices) * sizeof(Corner));
  const std::size_t nearest = workspace.add(static_cast<std::size_t>(copies * a.height * a.width) * sizeof(double));
  Step step;
  step.kernel = "rasterize bands";
  step.workspace = workspace.total();
  step.run = [=, threads = s.threads](const Buffers& b, Stream&) {
    const auto run = [&](std::int64_t n, std::int64_t copy, int helpers) {
      rasterize({&a,
                 {b.get<std::int32_t>(1), faces, vertices},
                 b.get<float>(0) + n * vertices * 3,
                 b.out_as<std::int32_t>(0) + n * a.height * a.width,
                 b.out_as<Box>(1) + n * faces,
                 cpu::at<Corner>(b.workspace, corners) + copy * vertices,
                 cpu::at<double>(b.workspace, nearest) + copy * a.height * a.width},
                helpers);
    };
    cpu::parallel_parts(together ? 1 : threads, samples, [&](int part, std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) run(n, part, together ? threads : 1);
    });
  };
  return step;
}

MaybeStep barycentrics_cpu(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const Shapes p = shapes_of(s);
  Step step;
  step.kernel = "barycentrics loops";
  step.run = [p, threads = s.threads](const Buffers& b, Stream&) {
    float* const out = b.out_as<float>();
    cpu::parallel_for(threads, p.samples * p.height, 16, [&](std::int64_t begin, std::int64_t end) {
      for_each_shown(
          p, b, begin, end,
          [&](std::int64_t n, std::int64_t at, const raster::Seen& seen, const auto&) {
            double weight[3];
            seen.weights(weight);
            for (int k = 0; k < 3; ++k) out[(n * 3 + k) * p.pixels() + at] = static_cast<float>(weight[k]);
          },
          [&](std::int64_t n, std::int64_t at) {
            for (int k = 0; k < 3; ++k) out[(n * 3 + k) * p.pixels() + at] = 0;
          });
    });
  };
  return step;
}

// A thread has whole samples: the sums are those of the pixels in their order.
MaybeStep barycentrics_grad_cpu(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const Shapes p = shapes_of(s);
  Step step;
  step.kernel = "barycentrics_grad loops";
  step.run = [p, threads = s.threads](const Buffers& b, Stream&) {
    const float* const cotangent = b.get<float>(5);
    cpu::parallel_for(threads, p.samples, 1, [&](std::int64_t begin, std::int64_t end) {
      std::fill(b.out_as<float>() + begin * p.vertices * 3, b.out_as<float>() + end * p.vertices * 3, 0.f);
      for_each_shown(
          p, b, begin * p.height, end * p.height,
          [&](std::int64_t n, std::int64_t at, const raster::Seen& seen, const auto& v) {
            double g[3], of_corners[9] = {};
            for (int k = 0; k < 3; ++k) g[k] = cotangent[(n * 3 + k) * p.pixels() + at];
            seen.add_gradient(g, of_corners);
            float* const to = b.out_as<float>() + n * p.vertices * 3;
            for (int i = 0; i < 9; ++i) to[3 * v[i / 3] + i % 3] += static_cast<float>(of_corners[i]);
          },
          [](std::int64_t, std::int64_t) {});
    });
  };
  return step;
}

}  // namespace g2face
