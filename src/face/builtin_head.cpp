#include "g2face/face/builtin_head.hpp"

#include <algorithm>
#include <vector>

#include "face/head_surface.hpp"
#include "face/resting.hpp"
#include "g2face/models/face_model.hpp"

namespace g2face {

namespace {

using namespace face;

/// Sides of the front half's columns from the middle to the ear; some lie on the corners of eyes and mouth.
constexpr std::array<double, 32> front_sides = {0,
                                                0.034,
                                                0.068,
                                                0.1,
                                                0.133,
                                                0.165,
                                                0.19,
                                                eye_inner / 73.5,
                                                0.245,
                                                0.275,
                                                0.305,
                                                0.335,
                                                0.3645,
                                                mouth_corner / 65.0,
                                                31.5 / 73.5,
                                                0.465,
                                                0.5,
                                                0.535,
                                                0.57,
                                                0.605,
                                                eye_outer / 73.5,
                                                0.675,
                                                0.715,
                                                0.755,
                                                0.8,
                                                0.845,
                                                0.885,
                                                0.92,
                                                0.95,
                                                0.972,
                                                0.988,
                                                0.997};
constexpr std::array<double, 8> back_sides = {1, 0.985, 0.94, 0.86, 0.74, 0.58, 0.4, 0.2};
constexpr std::array<double, 69> face_rows = {
    -114,  -111,      -107.5, -104,    -100,  -96, -92,   -89,   -86,   -83,   -80.5, -78,  -75.5, -73,
    -71.5, mouth_row, -68.5,  -67,     -65,   -63, -61,   -58.5, -56,   -53.5, -51,   -49,  -47.3, -45.6,
    -43.8, -42,       -40,    -37.5,   -34.5, -31, -27.5, -24,   -20.5, -17,   -14,   -11,  -8.5,  -6.2,
    -4.2,  -2.4,      -1,     eye_row, 1,     2.4, 4.2,   6.2,   8.5,   11,    13.8,  16.8, 20,    23.5,
    28,    34,        42,     51,      61,    71,  80,    88,    95,    101.5, 107,   111,  113.8};
constexpr std::array<double, 9> neck_rows = {2, 1.75, 1.5, 1.25, 1, 0.72, 0.48, 0.28, 0.12};

struct Column {
  double side;
  bool back;
};
/// Around the head: from the middle of the back over the viewer's left, the front and the right.
std::vector<Column> columns() {
  std::vector<Column> half;  // from the front's middle to the back's
  half.reserve(front_sides.size() + back_sides.size());
  for (const double s : front_sides) half.push_back({s, false});
  for (const double s : back_sides) half.push_back({s, s < 1});
  std::vector<Column> all = {{0, true}};
  std::for_each(half.rbegin(), half.rend(), [&](const Column& c) { all.push_back({-c.side, c.back}); });
  all.insert(all.end(), half.begin() + 1, half.end());
  return all;
}

class Builder {
 public:
  Builder() {
    grid();
    ears();
    eyes();
    teeth();
  }

  struct Vertex {
    Site site;
    std::int32_t part;
    double u, v;
  };
  std::vector<Vertex> vertices;
  std::vector<std::array<std::int32_t, 3>> triangles;
  std::vector<std::int32_t> landmarks() const;
  /// The triangles and what follows from them, by set(field, shape, values).
  template <class Set>
  void store_tables(const Set& set) const;

 private:
  std::int32_t add(const Site& site, std::int32_t part, double u, double v) {
    vertices.push_back({site, part, u, v});
    return static_cast<std::int32_t>(vertices.size()) - 1;
  }
  void triangle(std::int32_t a, std::int32_t b, std::int32_t c) {
    if (a != b && b != c && c != a) triangles.push_back({a, b, c});
  }
  void quad(std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d) {
    triangle(a, b, c);
    triangle(a, c, d);
  }
  void grid();
  void inside(std::size_t row, std::size_t first, std::size_t last, int steps);
  void ears();
  void eyes();
  void teeth();

  std::vector<Column> columns_ = columns();
  std::vector<std::vector<std::int32_t>> upper_, lower_;  // vertices of rows, as the quads above and below see them
};

/// Whether a column lies on a slit of the row, corners included; `corner` says whether it is one.
bool slit(const Site& s, bool& corner) {
  const double ax = half_width(s.row) * std::abs(s.side);
  const double from = s.row == eye_row ? eye_inner : 0, to = s.row == eye_row ? eye_outer : mouth_corner;
  constexpr double near = 1e-6;
  if (s.back || (s.row != eye_row && s.row != mouth_row) || ax < from - near || ax > to + near) return false;
  corner = std::abs(ax - to) < near || (from > 0 && std::abs(ax - from) < near);
  return true;
}

void Builder::grid() {
  const std::size_t rows = neck_rows.size() + face_rows.size(), across = columns_.size();
  for (std::size_t i = 0; i < rows; ++i) {
    const bool neck = i < neck_rows.size();
    std::vector<std::int32_t> up, down;
    for (std::size_t j = 0; j < across; ++j) {
      Site s;
      s.kind = neck ? SiteKind::neck : SiteKind::face;
      s.side = columns_[j].side;
      s.back = columns_[j].back;
      s.row = neck ? neck_rows[i] : face_rows[i - neck_rows.size()];
      const double u = static_cast<double>(j) / static_cast<double>(across);
      const double v = 0.8 * static_cast<double>(i) / static_cast<double>(rows);
      const bool is_face = !neck && !s.back && std::abs(s.side) < 0.9 && s.row < 80;
      bool corner = false;
      if (!neck && slit(s, corner) && !corner) {
        s.rim = 1;
        up.push_back(add(s, 0, u, v + 0.001));
        s.rim = -1;
        down.push_back(add(s, 0, u, v - 0.001));
      } else {
        up.push_back(add(s, is_face ? 0 : 1, u, v));
        down.push_back(up.back());
      }
    }
    upper_.push_back(up);
    lower_.push_back(down);
  }
  Site pole;
  pole.row = crown_row;
  const std::int32_t top = add(pole, 1, 0.5, 0.8);
  for (std::size_t j = 0; j < across; ++j) {
    const std::size_t k = (j + 1) % across;
    for (std::size_t i = 0; i + 1 < rows; ++i) quad(upper_[i][j], upper_[i][k], lower_[i + 1][k], lower_[i + 1][j]);
    triangle(upper_.back()[j], upper_.back()[k], top);
  }
  // The edges of slits go on inwards.
  for (std::size_t i = neck_rows.size(); i < rows; ++i) {
    std::size_t first = 0;
    bool open = false;
    for (std::size_t j = 0; j < across; ++j) {
      bool corner = false;
      if (!slit(vertices[static_cast<std::size_t>(upper_[i][j])].site, corner) || !corner) continue;
      if (open) inside(i, first, j, face_rows[i - neck_rows.size()] == mouth_row ? 3 : 1);
      first = j;
      open = !open;
    }
  }
}

void Builder::inside(std::size_t row, std::size_t first, std::size_t last, int steps) {
  std::vector<std::int32_t> above, below;
  for (std::size_t j = first; j <= last; ++j) {
    above.push_back(upper_[row][j]);
    below.push_back(lower_[row][j]);
  }
  for (int depth = 1; depth <= steps; ++depth) {
    std::vector<std::int32_t> next_above, next_below;
    const std::int32_t part = steps > 1 && depth > 1 ? 4 : 0;
    for (const std::int32_t vertex : above) {
      const Vertex from = vertices[static_cast<std::size_t>(vertex)];
      Site s = from.site;
      s.depth = depth;
      const double v = 0.002 * depth;
      next_above.push_back(add(s, part, from.u, from.v + v));
      if (s.rim == 0) {
        next_below.push_back(next_above.back());
      } else {
        s.rim = -1;
        next_below.push_back(add(s, part, from.u, from.v - v));
      }
    }
    for (std::size_t k = 0; k + 1 < above.size(); ++k) {
      quad(above[k + 1], above[k], next_above[k], next_above[k + 1]);
      quad(below[k], below[k + 1], next_below[k + 1], next_below[k]);
    }
    above = next_above;
    below = next_below;
  }
  if (steps == 1) return;  // an eyeball closes it
  for (std::size_t k = 0; k + 1 < above.size(); ++k) quad(below[k], below[k + 1], above[k + 1], above[k]);
}

/// Points of a disc or a sphere: rings around a first vertex.
constexpr int around = 20;

void Builder::ears() {
  for (const int side : {-1, 1}) {
    const auto site = [&](double rho, double angle) {
      Site s;
      s.kind = SiteKind::ear;
      s.side = side;
      s.unit = {rho * exact_cos(angle), rho * exact_sin(angle), 0};
      return s;
    };
    const auto put = [&](double rho, double angle) {
      const Site s = site(rho, angle);
      return add(s, 1, (side < 0 ? 0.1 : 0.3) + 0.08 * s.unit.x, 0.9 + 0.08 * s.unit.y);
    };
    std::vector<std::int32_t> ring(around, put(0, 0));
    for (const double rho : {0.3, 0.52, 0.68, 0.78, 0.87, 0.95, 1.0}) {
      std::vector<std::int32_t> next;
      next.reserve(around);
      for (int k = 0; k < around; ++k) next.push_back(put(rho, 2 * pi * k / around));
      for (std::size_t k = 0; k < around; ++k) {
        const std::size_t l = (k + 1) % around;
        if (side > 0) {
          quad(ring[k], next[k], next[l], ring[l]);
        } else {
          quad(ring[k], ring[l], next[l], next[k]);
        }
      }
      ring = next;
    }
  }
}

void Builder::eyes() {
  for (const int side : {-1, 1}) {
    const std::int32_t part = side < 0 ? 2 : 3;
    const auto put = [&](double polar, double angle) {
      Site s;
      s.kind = SiteKind::eye;
      s.side = side;
      const double r = exact_sin(polar);
      s.unit = {r * exact_cos(angle), r * exact_sin(angle), exact_cos(polar)};
      const double rho = polar / pi;
      return add(s, part, (side < 0 ? 0.5 : 0.7) + 0.08 * rho * exact_cos(angle), 0.9 + 0.08 * rho * exact_sin(angle));
    };
    constexpr int rings = 12;
    std::vector<std::int32_t> ring(around, put(0, 0));
    for (int i = 1; i <= rings; ++i) {
      std::vector<std::int32_t> next;
      if (i == rings) {
        next.assign(around, put(pi, 0));
      } else {
        for (int k = 0; k < around; ++k) next.push_back(put(pi * i / rings, 2 * pi * k / around));
      }
      for (std::size_t k = 0; k < around; ++k) quad(ring[k], next[k], next[(k + 1) % around], ring[(k + 1) % around]);
      ring = next;
    }
  }
}

void Builder::teeth() {
  for (const int side : {1, -1}) {
    std::vector<std::int32_t> below;
    for (int i = 0; i < 3; ++i) {
      std::vector<std::int32_t> row;
      for (int j = -8; j <= 8; ++j) {
        Site s;
        s.kind = SiteKind::tooth;
        s.side = side;
        s.unit = {j / 8.0, i / 2.0, 0};
        row.push_back(add(s, 5, 0.9 + 0.01 * j, (side > 0 ? 0.95 : 0.85) + 0.02 * i));
      }
      for (std::size_t k = 0; i > 0 && k + 1 < row.size(); ++k) quad(below[k], below[k + 1], row[k + 1], row[k]);
      below = row;
    }
  }
}

/// Where the 68 points of Multi-PIE lie: x as seen by the viewer at the height of `row`, and on which edge of a slit.
struct Point {
  double x, row;
  int rim = 0;
};
std::vector<Point> points() {
  std::vector<Point> list;
  // The contour, by sides and rows.
  constexpr std::array<std::array<double, 2>, 9> contour = {{{0.997, -4.2},
                                                             {0.988, -27.5},
                                                             {0.988, -51},
                                                             {0.972, -71.5},
                                                             {0.92, -96},
                                                             {0.8, -111},
                                                             {0.605, -114},
                                                             {0.335, -114},
                                                             {0, -114}}};
  for (std::size_t i = 0; i < 17; ++i) {
    const auto& [side, row] = contour[i < 9 ? i : 16 - i];
    list.push_back({(i < 9 ? -side : side) * half_width(row), row});
  }
  constexpr std::array<Point, 5> brow = {{{-51, 14}, {-44, 20}, {-35, 22}, {-25, 20.5}, {-14, 16.8}}};
  for (std::size_t i = 0; i < 10; ++i)
    list.push_back({i < 5 ? brow[i].x : -brow[9 - i].x, brow[i < 5 ? i : 9 - i].row});
  for (const double row : {1.0, -14.0, -27.5, -37.5}) list.push_back({0, row});
  for (const double x : {-11.0, -5.5, 0.0, 5.5, 11.0}) list.push_back({x, x == 0 ? -51.0 : -47.3});
  for (const double s : {-1.0, 1.0}) {  // eyes, from the viewer's left corner over the upper lid
    const double a = s < 0 ? eye_outer : eye_inner, b = s < 0 ? eye_inner : eye_outer, c = (2 * a + b) / 3,
                 d = (a + 2 * b) / 3;
    for (const Point& p :
         {Point{a, eye_row}, {c, eye_row, 1}, {d, eye_row, 1}, {b, eye_row}, {d, eye_row, -1}, {c, eye_row, -1}}) {
      list.push_back({s * p.x, p.row, p.rim});
    }
  }
  for (const Point& p : {Point{-mouth_corner, mouth_row},
                         {-15, -65},
                         {-5.5, -61.8},
                         {0, -63},
                         {5.5, -61.8},
                         {15, -65},
                         {mouth_corner, mouth_row},
                         {13, -77.5},
                         {6, -80.5},
                         {0, -80.5},
                         {-6, -80.5},
                         {-13, -77.5},
                         {-22, mouth_row, 1},
                         {-8, mouth_row, 1},
                         {0, mouth_row, 1},
                         {8, mouth_row, 1},
                         {22, mouth_row, 1},
                         {8, mouth_row, -1},
                         {0, mouth_row, -1},
                         {-8, mouth_row, -1}}) {
    list.push_back(p);
  }
  return list;
}

std::vector<std::int32_t> Builder::landmarks() const {
  std::vector<std::int32_t> found;
  for (const Point& p : points()) {
    double best = 1e9;
    std::int32_t nearest = 0;
    for (std::size_t i = 0; i < vertices.size(); ++i) {
      const Site& s = vertices[i].site;
      if (s.kind != SiteKind::face || s.back || s.depth != 0 || s.rim * p.rim < 0 || (p.rim != 0) != (s.rim != 0))
        continue;
      const double dx = half_width(s.row) * s.side - p.x, dy = s.row - p.row, d = dx * dx + dy * dy;
      if (d < best) {
        best = d;
        nearest = static_cast<std::int32_t>(i);
      }
    }
    found.push_back(nearest);
  }
  return found;
}

constexpr double decimetre = 100;  // in mm

}  // namespace

namespace {

template <class Set>
void Builder::store_tables(const Set& set) const {
  const auto faces = static_cast<std::int64_t>(triangles.size()), count = static_cast<std::int64_t>(vertices.size());
  std::vector<std::vector<std::int32_t>> around_vertex(vertices.size());
  std::vector<std::int32_t> corners, uv_corners;
  std::vector<float> uv;
  for (const Vertex& v : vertices) uv.insert(uv.end(), {static_cast<float>(v.u), static_cast<float>(v.v)});
  std::vector<std::int32_t> beyond_seam(vertices.size(), -1);  // the row of uv with u + 1
  for (std::size_t f = 0; f < triangles.size(); ++f) {
    double first = 1, last = 0;
    for (const std::int32_t v : triangles[f]) {
      corners.push_back(v);
      around_vertex[static_cast<std::size_t>(v)].push_back(static_cast<std::int32_t>(f));
      first = std::min(first, vertices[static_cast<std::size_t>(v)].u);
      last = std::max(last, vertices[static_cast<std::size_t>(v)].u);
    }
    for (const std::int32_t v : triangles[f]) {
      const auto i = static_cast<std::size_t>(v);
      const bool beyond = last - first > 0.75 && vertices[i].u == 0;
      if (beyond && beyond_seam[i] < 0) {
        beyond_seam[i] = static_cast<std::int32_t>(uv.size() / 2);
        uv.insert(uv.end(), {1.0F, static_cast<float>(vertices[i].v)});
      }
      uv_corners.push_back(beyond ? beyond_seam[i] : v);
    }
  }
  std::size_t most = 0;
  for (auto& list : around_vertex) {
    if (list.size() > 16)
      list = {list[0], list[list.size() / 4], list[list.size() / 2], list[3 * list.size() / 4]};  // the poles
    most = std::max(most, list.size());
  }
  std::vector<std::int32_t> table;
  for (const auto& list : around_vertex) {
    table.insert(table.end(), list.begin(), list.end());
    table.insert(table.end(), most - list.size(), static_cast<std::int32_t>(faces));
  }
  set("triangles", Shape{faces, 3}, corners);
  set("vertex_triangles", Shape{count, static_cast<std::int64_t>(most)}, table);
  set("uv", Shape{static_cast<std::int64_t>(uv.size() / 2), 2}, uv);
  set("uv_triangles", Shape{faces, 3}, uv_corners);
}

}  // namespace

std::array<Vec3, 68> face::resting_landmarks() {
  const Builder mesh;
  std::array<Vec3, 68> points;
  std::size_t i = 0;
  for (const std::int32_t v : mesh.landmarks())
    points[i++] = place(mesh.vertices[static_cast<std::size_t>(v)].site, {}, {});
  return points;
}

Parameters builtin_head() {
  const Builder mesh;
  const std::size_t count = mesh.vertices.size();
  std::vector<Vec3> at_rest;
  Vec3 centre;
  for (const Builder::Vertex& v : mesh.vertices) {
    at_rest.push_back(place(v.site, {}, {}));
    centre = centre + at_rest.back() * (1 / static_cast<double>(count));
  }
  std::vector<float> mean(3 * count), texture(3 * count), skin(count);
  std::vector<float> identity(mean.size() * measure_names.size()), expression(mean.size() * expression_names.size());
  std::vector<std::int32_t> part(count);
  const auto write = [](std::vector<float>& out, std::size_t vertex, std::size_t modes, std::size_t mode,
                        const Vec3& mm) {
    out[(vertex * 3 + 0) * modes + mode] = static_cast<float>(mm.x / decimetre);
    out[(vertex * 3 + 1) * modes + mode] = static_cast<float>(mm.y / decimetre);
    out[(vertex * 3 + 2) * modes + mode] = static_cast<float>(mm.z / decimetre);
  };
  for (std::size_t i = 0; i < count; ++i) {
    const Site& site = mesh.vertices[i].site;
    write(mean, i, 1, 0, at_rest[i] - centre);
    for (std::size_t k = 0; k < measure_names.size(); ++k) {
      Measures more{}, less{};
      more[k] = 1;
      less[k] = -1;
      write(identity, i, measure_names.size(), k, (place(site, more, {}) - place(site, less, {})) * 0.5);
    }
    for (std::size_t k = 0; k < expression_names.size(); ++k) {
      Expression full{};
      full[k] = 1;
      write(expression, i, expression_names.size(), k, place(site, {}, full) - at_rest[i]);
    }
    part[i] = mesh.vertices[i].part;
    skin[i] = part[i] <= 1 ? 1 : 0;
    static constexpr std::array<Vec3, 6> colours = {{{0.8, 0.63, 0.54},
                                                     {0.8, 0.63, 0.54},
                                                     {0.85, 0.84, 0.82},
                                                     {0.85, 0.84, 0.82},
                                                     {0.35, 0.15, 0.14},
                                                     {0.85, 0.82, 0.74}}};
    const Vec3& colour = colours[static_cast<std::size_t>(part[i])];
    write(texture, i, 1, 0, colour * decimetre);
  }

  Parameters out;
  const auto n = static_cast<std::int64_t>(count);
  const auto set = [&out]<class T>(const char* field, const Shape& shape, const std::vector<T>& values) {
    Tensor t({dtype_of<T>::value, shape});
    std::copy(values.begin(), values.end(), t.mutable_as<T>().begin());
    out.set(str("face_model/", field), t);
  };
  set("mean_shape", {n, 3}, mean);
  set("identity", {n, 3, static_cast<std::int64_t>(measure_names.size())}, identity);
  set("expression", {n, 3, static_cast<std::int64_t>(expression_names.size())}, expression);
  set("mean_texture", {n, 3}, texture);
  set("part", {n}, part);
  set("skin", {n}, skin);
  set("landmarks", {68}, mesh.landmarks());
  mesh.store_tables(set);

  FaceModelFacts facts;
  facts.name = "g2face-head";
  facts.source = "g2face::builtin_head()";
  facts.licence = "MIT";
  facts.normals = NormalWeight::area;
  facts.scale = 1 / decimetre;
  facts.origin = {centre.x, centre.y, centre.z};
  facts.expression_names.assign(expression_names.begin(), expression_names.end());
  facts.store(out);
  std::string names;
  for (const std::string_view name : measure_names) names += str(names.empty() ? "" : ",", name);
  out.metadata()["identity_names"] = names;
  return out;
}

}  // namespace g2face
