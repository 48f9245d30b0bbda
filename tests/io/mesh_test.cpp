#include "g2face/mesh.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>

#include "io/temporary_folder.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

MeshData parse(const std::string& text) {
  return parse_obj({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, "m.obj");
}

std::vector<std::int32_t> triangles(const std::string& text) {
  const MeshData m = parse(text);
  const auto t = m.triangles.as<std::int32_t>();
  return {t.begin(), t.end()};
}

/// The message that reading this ends in.
std::string refusal(const std::string& text) {
  try {
    parse(text);
  } catch (const MeshError& e) {
    return e.what();
  }
  return "accepted";
}

const std::string points = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0.5\n";

MeshData small_mesh() {
  MeshData m = parse("v 0.1 -2 3e-8 1 0.5 0\nv 1 0 0 0 0 1\nv 0 1 0 .2 .4 .6\nf 1 2 3\n");
  m.normals = mesh_normals(m.positions, m.triangles);
  return m;
}

}  // namespace

TEST_CASE("OBJ: faces of every kind") {
  CHECK(triangles(points + "f 1 2 3\n") == std::vector{0, 1, 2});
  CHECK(triangles(points + "f -4 -3 -2") == std::vector{0, 1, 2});  // no newline at the end
  CHECK(triangles(points + "f 1 2 4 3 # a square\r\n") == std::vector{0, 1, 3, 0, 3, 2});
  CHECK(triangles(points + "vt 0 1\nvn 0 0 1\nf 1/1 2/1 3/1\nf 2//1 4//1 3//-1\nf 1/1/1 2/-1/1 4/1/1\n") ==
        std::vector{0, 1, 2, 1, 3, 2, 0, 1, 3});
  CHECK(triangles("# x\no a\ng b\ns 1\nusemtl c\nmtllib d\n\n" + points + "l 1 2\nf 3 2 1\n") == std::vector{2, 1, 0});
  const MeshData m = parse("v 1 2 3 1\nv\t+4 -5e-1  6\nv 7 8 9\nf 1 2 3\n");
  CHECK(relative_error(m.positions, Tensor::from({3, 3}, {1, 2, 3, 4, -0.5f, 6, 7, 8, 9})) == 0);
  CHECK_FALSE(m.colours);
  CHECK(relative_error(parse("v 0 0 0 1 2 0\nv 1 0 0 0 0 -1\nv 0 1 0 0 0 1\nf 1 2 3").colours,
                       Tensor::from({3, 3}, {1, 1, 0, 0, 0, 0, 0, 0, 1})) == 0);
}

TEST_CASE("OBJ: what is wrong is refused by its line") {
  CHECK(refusal(points + "f 1 2\n") == "m.obj:5: a face of 2 corners");
  CHECK(refusal(points + "f 1 2 5\n") == "m.obj:5: vertex 5 does not exist: there are 4 so far");
  CHECK(refusal("f 1 2 3\n" + points) == "m.obj:1: vertex 1 does not exist: there are 0 so far");
  CHECK(refusal(points + "f 1 2 -5\n") == "m.obj:5: vertex -5 does not exist: there are 4 so far");
  CHECK(refusal(points + "f 1 2 0\n") == "m.obj:5: '0' is no index of a vertex");
  CHECK(refusal(points + "f 1 2 99999999999999999999\n").find("is no index") != std::string::npos);
  CHECK(refusal(points + "f 1/1 2 3\n") == "m.obj:5: texture point 1 does not exist: there are 0 so far");
  CHECK(refusal(points + "f 1/ 2 3\n") == "m.obj:5: '' is no index of a texture point");
  CHECK(refusal(points + "f 1//2 2 3\n") == "m.obj:5: normal 2 does not exist: there are 0 so far");
  CHECK(refusal(points + "f a 2 3\n") == "m.obj:5: 'a' is no index of a vertex");
  CHECK(refusal("v 1 2\n") == "m.obj:1: a vertex of 2 numbers: it must have 3, 4, or 6 with a colour");
  CHECK(refusal("v 1 2 3 4 5 6 7\n") == "m.obj:1: more than 6 numbers");
  CHECK(refusal("v 1 2 x\n") == "m.obj:1: 'x' is no finite number");
  CHECK(refusal("v 1 2 nan\n") == "m.obj:1: 'nan' is no finite number");
  CHECK(refusal("v 1 2 1e99\n") == "m.obj:1: '1e99' is no finite number");
  CHECK(refusal("v 1 2 3 1 1 1\nv 1 2 3\n") == "m.obj:2: some vertices have colours and others do not");
  CHECK(refusal("vn 1 2\n") == "m.obj:1: only 2 numbers, at least 3 are needed");
  CHECK(refusal("curv 1 2 3\n") == "m.obj:1: 'curv' is no statement of an OBJ mesh that can be read");
  CHECK(refusal(points) == "m.obj: holds no triangle: give a mesh with faces");
  CHECK(refusal("") == "m.obj: holds no triangle: give a mesh with faces");
  CHECK(refusal(std::string(5000, 'q')).size() < 150);
}

TEST_CASE("OBJ: whatever the bytes are, there is a mesh or an error of one line") {
  const std::string good = "v 0 0 0\nv 1 0 0\nvt 0 1\nvn 0 0 1\nv 0 1 -0.5e1\nf 1/1/1 2//1 3 1\n#c\nf -1 -2 -3\n";
  unsigned seed = 1;
  const auto random = [&seed](std::size_t n) {
    seed = seed * 1664525u + 1013904223u;
    return static_cast<std::size_t>(seed >> 8) % n;
  };
  const auto survives = [](const std::string& text) {
    try {
      const MeshData m = parse(text);
      for (const std::int32_t v : m.triangles.as<std::int32_t>()) {
        if (v < 0 || v >= m.positions.shape()[0]) return false;
      }
      return true;
    } catch (const MeshError& e) {
      return std::strchr(e.what(), '\n') == nullptr;
    }
  };
  for (std::size_t n = 0; n <= good.size(); ++n) CHECK(survives(good.substr(0, n)));
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (std::size_t k = 1 + random(4); k > 0; --k) {
      const std::size_t at = random(text.size());
      constexpr char letters[] = "vf/- 019.e\n#\0\xff";
      if (random(3) == 0) {
        text.erase(at, 1 + random(5));
      } else {
        text[at] = letters[random(sizeof letters - 1)];
      }
      if (text.empty()) break;
    }
    CHECK(survives(text));
  }
}

TEST_CASE("meshes are written as OBJ and PLY") {
  const TemporaryFolder folder;
  const MeshData m = small_mesh();
  const std::string obj = (folder / "m.obj").string(), ply = (folder / "m.ply").string();
  save_mesh(obj, m);
  const MeshData again = load_obj(obj);
  CHECK(std::memcmp(again.positions.data(), m.positions.data(), m.positions.bytes()) == 0);
  CHECK(std::memcmp(again.colours.data(), m.colours.data(), m.colours.bytes()) == 0);
  CHECK(std::memcmp(again.triangles.data(), m.triangles.data(), m.triangles.bytes()) == 0);

  save_mesh(ply, m);
  std::ifstream file(ply, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}}, end = "end_header\n";
  const std::size_t body = bytes.find(end) + end.size();
  CHECK(bytes.starts_with("ply\nformat binary_little_endian 1.0\n"));
  CHECK(bytes.find("element vertex 3\n") < body);
  CHECK(bytes.find("element face 1\n") < body);
  REQUIRE(bytes.size() == body + 3 * (12 + 12 + 3) + 13);
  float z = 0;
  std::memcpy(&z, bytes.data() + body + 8, 4);
  CHECK(z == 3e-8f);
  CHECK(static_cast<unsigned char>(bytes[body + 24]) == 255);
  CHECK(static_cast<unsigned char>(bytes[body + 25]) == 128);
  CHECK(bytes[body + 81] == 3);
  std::int32_t last = 0;
  std::memcpy(&last, bytes.data() + bytes.size() - 4, 4);
  CHECK(last == 2);

  MeshData bad = small_mesh();
  bad.positions.mutable_as<float>()[4] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH_AS(save_mesh((folder / "n.ply").string(), bad), doctest::Contains("not finite"), MeshError);
  bad = small_mesh();
  bad.triangles.mutable_as<std::int32_t>()[0] = 3;
  CHECK_THROWS_WITH_AS(save_mesh((folder / "n.obj").string(), bad), doctest::Contains("vertex 3"), MeshError);
  bad = small_mesh();
  bad.colours = Tensor::zeros({DType::f32, {2, 3}});
  CHECK_THROWS_AS(save_mesh((folder / "n.obj").string(), bad), MeshError);
  CHECK_THROWS_WITH_AS(save_mesh((folder / "n.stl").string(), m), doctest::Contains(".obj or .ply"), MeshError);
  CHECK_THROWS_AS(save_mesh((folder / "no").string() + "/such/m.obj", m), MeshError);
  CHECK_THROWS_AS(load_obj((folder / "none.obj").string()), MeshError);
  CHECK(folder.file_count() == 2);
}

TEST_CASE("mesh_normals: weighted by area, counter-clockwise is outside") {
  // A large triangle in the plane z = 0 and a small one upright share the first vertex.
  const MeshData m = parse("v 0 0 0\nv 4 0 0\nv 0 4 0\nv 0 1 0\nv 0 0 1\nv 9 9 9\nf 1 2 3\nf 1 4 5\n");
  const Tensor n = mesh_normals(m.positions, m.triangles);
  const double length = std::hypot(16.0, 1.0);
  CHECK(n.as<float>()[0] == doctest::Approx(1 / length));
  CHECK(n.as<float>()[2] == doctest::Approx(16 / length));
  CHECK(n.as<float>()[5] == 1);
  CHECK(n.as<float>()[15] == 0);
}
