// Few pixels have a silhouette beside them. Those that may are marked first: the pixels beside each edge that is a
// border or has a triangle of the other facing behind it. Only there surfaces are followed.

#include <algorithm>
#include <atomic>
#include <cmath>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/silhouette_walk.hpp"

namespace g2face {
namespace {

using Surface = raster::Surface<float>;

struct Problem {
  std::int64_t samples, vertices, faces, height, width;
  std::int64_t pixels() const { return height * width; }
};

Problem problem(const Signature& s, const Shape& distances) {
  const Shape& vertices = s.in[0].type.shape;
  return {vertices[0], vertices[1], s.in[1].type.shape[0], distances[2], distances[3]};
}

/// The facing of each triangle: 1, -1, or 0 without area or where there is no such triangle.
void find_facings(const Surface& surface, std::int8_t* facing, std::int64_t begin, std::int64_t end) {
  for (std::int64_t f = begin; f < end; ++f) {
    std::int32_t v[3];
    const double area = surface.faces.corners(f, v) ? surface.area(v) : 0;
    facing[f] = static_cast<std::int8_t>(area > 0 ? 1 : area < 0 ? -1 : 0);
  }
}

/// The whole numbers from `low` to `high` that are at least 0 and below `size`.
struct Numbers {
  std::int64_t first, last;  // the last lies outside
  Numbers(double low, double high, std::int64_t size)
      : first(static_cast<std::int64_t>(std::ceil(std::clamp(low, 0.0, static_cast<double>(size))))),
        last(static_cast<std::int64_t>(std::floor(std::clamp(high, -1.0, static_cast<double>(size - 1)))) + 1) {}
};

/// Marks the pixels in whose row an edge crosses the row's centres not more than a pixel away (1), and likewise in
/// columns (2).
void mark(const Surface& surface, const Problem& p, std::int32_t a, std::int32_t b, std::uint8_t* marks) {
  for (int along = 0; along < 2; ++along) {
    const int across = 1 - along;
    const double from = surface.at(a, along), to = surface.at(b, along);
    const double low = surface.at(a, across) - 0.5, high = surface.at(b, across) - 0.5;  // as numbers of pixels
    if (!(std::isfinite(from) && std::isfinite(to) && std::isfinite(low) && std::isfinite(high))) return;
    const std::int64_t length = along == 0 ? p.width : p.height, lines = along == 0 ? p.height : p.width;
    const Numbers line(std::min(low, high), std::max(low, high), lines);
    if (line.first >= line.last) continue;
    const Numbers place(std::min(from, to) - 1.51, std::max(from, to) + 0.51, length);
    const std::int64_t step = along == 0 ? 1 : p.width, line_step = along == 0 ? p.width : 1;
    for (std::int64_t l = line.first; l < line.last; ++l) {
      for (std::int64_t i = place.first; i < place.last; ++i) {
        const std::atomic_ref pixel(marks[l * line_step + i * step]);
        pixel.fetch_or(static_cast<std::uint8_t>(1 << along), std::memory_order_relaxed);
      }
    }
  }
}

void mark_silhouettes(const Surface& surface, const Problem& p, const std::int8_t* facing, std::uint8_t* marks,
                      std::int64_t begin, std::int64_t end) {
  for (std::int64_t f = begin; f < end; ++f) {
    for (int k = 0; k < 3; ++k) {
      const std::int64_t other = surface.neighbours[3 * f + k];
      const bool goes_on = other >= 0 && other < p.faces && facing[other] == facing[f];
      std::int32_t v[3];
      if (!goes_on && surface.faces.corners(f, v)) mark(surface, p, v[(k + 1) % 3], v[(k + 2) % 3], marks);
    }
  }
}

void find_silhouettes(const Problem& p, const Surface& surface, const std::int32_t* ids, std::int8_t* facing,
                      std::uint8_t* marks, float* distances, std::int32_t* edges, int threads) {
  std::fill_n(marks, p.pixels(), std::uint8_t{0});
  cpu::parallel_for(threads, p.faces, 4096,
                    [&](std::int64_t begin, std::int64_t end) { find_facings(surface, facing, begin, end); });
  cpu::parallel_for(threads, p.faces, 4096, [&](std::int64_t begin, std::int64_t end) {
    mark_silhouettes(surface, p, facing, marks, begin, end);
  });
  const auto id = [&](std::int64_t x, std::int64_t y) { return static_cast<std::int64_t>(ids[y * p.width + x]); };
  cpu::parallel_for(threads, p.height, 16, [&](std::int64_t begin, std::int64_t end) {
    for (int d = 0; d < raster::directions; ++d) {
      const std::int64_t first = d * p.pixels() + begin * p.width, count = (end - begin) * p.width;
      std::fill_n(distances + first, count, static_cast<float>(raster::no_silhouette));
      std::fill_n(edges + first, count, -1);
    }
    for (std::int64_t y = begin; y < end; ++y) {
      for (std::int64_t x = 0; x < p.width; ++x) {
        const std::int64_t at = y * p.width + x;
        if (marks[at] == 0 || ids[at] < 0) continue;
        raster::End found[raster::directions];
        surface.ends(id, p.height, p.width, x, y, found, marks[at]);
        for (int d = 0; d < raster::directions; ++d) {
          distances[d * p.pixels() + at] = static_cast<float>(found[d].distance);
          edges[d * p.pixels() + at] = found[d].edge;
        }
      }
    }
  });
}

}  // namespace

MaybeStep silhouettes_cpu(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const Problem p = problem(s, s.out[0].type.shape);
  const bool together = p.samples < s.threads;
  const std::int64_t copies = together ? 1 : s.threads;
  cpu::Workspace workspace;
  const std::size_t facing = workspace.add(static_cast<std::size_t>(copies * p.faces));
  const std::size_t marks = workspace.add(static_cast<std::size_t>(copies * p.pixels()));
  Step step;
  step.kernel = "silhouettes marked";
  step.workspace = workspace.total();
  step.run = [=, threads = s.threads](const Buffers& b, Stream&) {
    cpu::parallel_parts(together ? 1 : threads, p.samples, [&](int part, std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const Surface surface{{b.get<std::int32_t>(1), p.faces, p.vertices},
                              b.get<std::int32_t>(2),
                              b.get<float>(0) + n * p.vertices * 3};
        const std::int64_t first = n * raster::directions * p.pixels();
        find_silhouettes(p, surface, b.get<std::int32_t>(4) + n * p.pixels(),
                         cpu::at<std::int8_t>(b.workspace, facing) + part * p.faces,
                         cpu::at<std::uint8_t>(b.workspace, marks) + part * p.pixels(), b.out_as<float>(0) + first,
                         b.out_as<std::int32_t>(1) + first, together ? threads : 1);
      }
    });
  };
  return step;
}

// A thread has whole samples: the sums are those of the pixels in their order.
MaybeStep silhouettes_grad_cpu(const NoAttrs&, const Signature& s) {
  if (!raster::is_plain(s)) return std::nullopt;
  const Problem p = problem(s, s.in[4].type.shape);
  Step step;
  step.kernel = "silhouettes_grad loops";
  step.run = [p, threads = s.threads](const Buffers& b, Stream&) {
    const std::int64_t size = p.vertices * 3, planes = raster::directions * p.pixels();
    const std::int32_t* const edges = b.get<std::int32_t>(3);
    cpu::parallel_for(threads, p.samples, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const Surface surface{{b.get<std::int32_t>(1), p.faces, p.vertices}, nullptr, b.get<float>(0) + n * size};
        float* const gradient = b.out_as<float>() + n * size;
        std::fill_n(gradient, size, 0.f);
        for (std::int64_t i = 0; i < planes; ++i) {
          const std::int32_t edge = edges[n * planes + i];
          if (edge < 0) continue;
          std::int32_t v[3];
          if (!surface.faces.corners(edge / 3, v)) continue;
          const std::int64_t at = i % p.pixels();
          double of_corners[9] = {};
          surface.add_gradient(edge, at % p.width, at / p.width, static_cast<int>(i / p.pixels()),
                               b.get<float>(4)[n * planes + i], of_corners);
          for (int k = 0; k < 9; ++k) gradient[3 * v[k / 3] + k % 3] += static_cast<float>(of_corners[k]);
        }
      }
    });
  };
  return step;
}

}  // namespace g2face
