#pragma once
// The geometry of rasterize, barycentrics and silhouettes: what the CPU and CUDA kernels compute, in one place because
// they have to agree to the last bit. Everything is exact in integers or done in double.

#include <cstdint>

#include "g2face/graph/op.hpp"
#include "g2face/ops/rasterize.hpp"
#include "kernels/both.hpp"

namespace g2face::raster {

constexpr int subpixel_bits = 16;
constexpr std::int32_t pixel = 1 << subpixel_bits, half_pixel = pixel / 2;
constexpr double guard = 8192;  // pixels: edge functions fit into 62 bits

/// Whether the operands are plain, and f32 or i32.
inline bool is_plain(const Signature& s) {
  for (const auto& list : {s.in, s.out}) {
    for (const TensorDesc& d : list) {
      if (d.layout != Layout::nchw || (d.type.dtype != DType::f32 && d.type.dtype != DType::i32)) return false;
    }
  }
  return true;
}

// Products and sums that no compiler may join to fused multiply-adds: the nearer of two triangles is the same one on
// every device (on hosts that have fused multiply-adds by default, CMakeLists.txt turns contraction off).
G2FACE_BOTH inline double product(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}
G2FACE_BOTH inline double sum(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dadd_rn(a, b);
#else
  return a + b;
#endif
}

/// The indices of a mesh, which may be wrong.
struct Faces {
  const std::int32_t* triangles;
  std::int64_t count, vertices;

  /// The corners of triangle t; false if there is no such triangle or a corner is no vertex.
  G2FACE_BOTH bool corners(std::int64_t t, std::int32_t (&v)[3]) const {
    if (t < 0 || t >= count) return false;
    bool good = true;
    for (int k = 0; k < 3; ++k) {
      v[k] = triangles[3 * t + k];
      good = good && v[k] >= 0 && v[k] < vertices;
    }
    return good;
  }
};

/// A vertex on the subpixel grid. 1 / depth is 0 if it cannot be drawn.
struct Corner {
  std::int32_t x, y;
  double inverse_z;
};

template <class T>
G2FACE_BOTH Corner snap(const T* vertex, double near) {
  const double x = vertex[0], y = vertex[1], z = vertex[2];
  constexpr double largest = 3.4028234663852886e38;
  // Comparisons with NaN are false.
  const bool good = x >= -guard && x <= guard && y >= -guard && y <= guard && z >= near && z <= largest;
  if (!good) return {0, 0, 0};
#ifdef __CUDA_ARCH__
  return {__double2int_rn(x * pixel), __double2int_rn(y * pixel), 1 / z};
#else
  return {static_cast<std::int32_t>(__builtin_lrint(x * pixel)), static_cast<std::int32_t>(__builtin_lrint(y * pixel)),
          1 / z};
#endif
}

/// Pixels by their centres; right and bottom lie outside.
struct Box {
  std::int32_t left, top, right, bottom;
  G2FACE_BOTH bool empty() const { return left >= right || top >= bottom; }
};

G2FACE_BOTH inline std::int32_t least(std::int32_t a, std::int32_t b) { return a < b ? a : b; }
G2FACE_BOTH inline std::int32_t most(std::int32_t a, std::int32_t b) { return a > b ? a : b; }

/// Twice the area, positive if the corners run clockwise in the image.
G2FACE_BOTH inline std::int64_t doubled_area(const Corner& a, const Corner& b, const Corner& c) {
  return static_cast<std::int64_t>(b.x - a.x) * (c.y - a.y) - static_cast<std::int64_t>(b.y - a.y) * (c.x - a.x);
}

/// The pixels whose centres the triangle may cover; empty if it is not drawn.
G2FACE_BOTH inline Box box_of(const Corner& a, const Corner& b, const Corner& c, Facing facing, std::int32_t height,
                              std::int32_t width) {
  if (a.inverse_z == 0 || b.inverse_z == 0 || c.inverse_z == 0) return {0, 0, 0, 0};
  const Box box{most(0, (least(least(a.x, b.x), c.x) + half_pixel - 1) >> subpixel_bits),
                most(0, (least(least(a.y, b.y), c.y) + half_pixel - 1) >> subpixel_bits),
                least(width, (most(most(a.x, b.x), c.x) + half_pixel) >> subpixel_bits),
                least(height, (most(most(a.y, b.y), c.y) + half_pixel) >> subpixel_bits)};
  if (box.empty()) return {0, 0, 0, 0};
  const std::int64_t area = doubled_area(a, b, c);
  const bool drawn = facing == Facing::both ? area != 0 : facing == Facing::clockwise ? area > 0 : area < 0;
  return drawn ? box : Box{0, 0, 0, 0};
}

/// A triangle that is drawn, its corners clockwise.
struct Triangle {
  std::int32_t x[3], y[3];
  double weight[3];  // 1 / depth / area of the corners

  G2FACE_BOTH static Triangle of(const Corner& a, const Corner& b, const Corner& c) {
    const std::int64_t area = doubled_area(a, b, c);
    const Corner &second = area > 0 ? b : c, &third = area > 0 ? c : b;
    const double inverse = 1 / static_cast<double>(area > 0 ? area : -area);
    return {{a.x, second.x, third.x},
            {a.y, second.y, third.y},
            {product(a.inverse_z, inverse), product(second.inverse_z, inverse), product(third.inverse_z, inverse)}};
  }

  /// Twice the area that the centre of the pixel spans with the edge opposite to corner k.
  G2FACE_BOTH std::int64_t edge(int k, std::int32_t column, std::int32_t row) const {
    const int i = k == 2 ? 0 : k + 1, j = k == 0 ? 2 : k - 1;
    const std::int32_t px = column * pixel + half_pixel, py = row * pixel + half_pixel;
    return static_cast<std::int64_t>(x[j] - x[i]) * (py - y[i]) - static_cast<std::int64_t>(y[j] - y[i]) * (px - x[i]);
  }
  /// The least value of edge k that counts as inside: 0 for a left edge and for a horizontal one at the top.
  G2FACE_BOTH std::int64_t least_inside(int k) const {
    const int i = k == 2 ? 0 : k + 1, j = k == 0 ? 2 : k - 1;
    return y[j] < y[i] || (y[j] == y[i] && x[j] > x[i]) ? 0 : 1;
  }
  /// How much e0 changes from one pixel to the next in its row.
  G2FACE_BOTH std::int64_t step(int k) const {
    const int i = k == 2 ? 0 : k + 1, j = k == 0 ? 2 : k - 1;
    return -static_cast<std::int64_t>(y[j] - y[i]) * pixel;
  }
  /// 1 / depth where the edge functions are these.
  G2FACE_BOTH double inverse_depth(std::int64_t e0, std::int64_t e1, std::int64_t e2) const {
    return sum(sum(product(static_cast<double>(e0), weight[0]), product(static_cast<double>(e1), weight[1])),
               product(static_cast<double>(e2), weight[2]));
  }
};

/// A triangle seen from a pixel's centre.
struct Seen {
  double x[3], y[3], z[3];  // x, y relative to the centre
  double edge[3];           // twice the areas that the centre spans with the edges
  double area;

  template <class T>
  G2FACE_BOTH static Seen of(const T* vertices, const std::int32_t (&v)[3], std::int64_t column, std::int64_t row) {
    Seen s{};
    for (int k = 0; k < 3; ++k) {
      const T* vertex = vertices + 3 * static_cast<std::int64_t>(v[k]);
      s.x[k] = vertex[0] - (static_cast<double>(column) + 0.5);
      s.y[k] = vertex[1] - (static_cast<double>(row) + 0.5);
      s.z[k] = vertex[2];
    }
    for (int k = 0; k < 3; ++k) {
      const int i = (k + 1) % 3, j = (k + 2) % 3;
      s.edge[k] = s.x[i] * s.y[j] - s.x[j] * s.y[i];
    }
    s.area = s.edge[0] + s.edge[1] + s.edge[2];
    return s;
  }

  /// Weights of the corners; returns their sum before division, 0 where they are 1/3 each.
  G2FACE_BOTH double weights(double (&b)[3]) const {
    double total = 0;
    for (int k = 0; k < 3; ++k) {
      const double e = area < 0 ? -edge[k] : edge[k];
      b[k] = e > 0 ? e / z[k] : 0;
      total += b[k];
    }
    const bool usable = total > 0;
    const double scale = 1 / total;
    for (double& weight : b) weight = usable ? weight * scale : 1.0 / 3;
    return usable ? total : 0;
  }

  /// The gradient of <weights, g> with respect to x, y and z of the corners, added to `to`.
  G2FACE_BOTH void add_gradient(const double (&g)[3], double (&to)[9]) const {
    double b[3];
    const double total = weights(b);
    if (total == 0) return;
    const double mean = g[0] * b[0] + g[1] * b[1] + g[2] * b[2], sign = area < 0 ? -1 : 1;
    for (int k = 0; k < 3; ++k) {
      if (b[k] == 0) continue;
      const double share = (g[k] - mean) / total;  // with respect to edge / z
      const double of_edge = sign * share / z[k];
      const int i = (k + 1) % 3, j = (k + 2) % 3;
      to[3 * i] += of_edge * y[j];
      to[3 * j + 1] += of_edge * x[i];
      to[3 * j] -= of_edge * y[i];
      to[3 * i + 1] -= of_edge * x[j];
      to[3 * k + 2] -= (g[k] - mean) * b[k] / z[k];
    }
  }

  /// 1 / depth at the centre; NaN without area.
  G2FACE_BOTH double inverse_depth() const { return (edge[0] / z[0] + edge[1] / z[1] + edge[2] / z[2]) / area; }
};

}  // namespace g2face::raster
