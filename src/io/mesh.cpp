#include "g2face/mesh.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string_view>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/input_file.hpp"

namespace g2face {
namespace {

constexpr std::uintmax_t most_bytes = 512'000'000;

/// A word in a message, cut if it is long.
std::string quoted(std::string_view word) { return str("'", word.substr(0, 40), "'"); }

/// The words of a line, one after the other.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}
  /// The next word; empty at the end of the line.
  std::string_view next() {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t begin = rest_.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return rest_ = {};
    const std::size_t end = std::min(rest_.find_first_of(blanks, begin), rest_.size());
    const std::string_view word = rest_.substr(begin, end - begin);
    rest_ = rest_.substr(end);
    return word;
  }

 private:
  std::string_view rest_;
};

class ObjReader {
 public:
  explicit ObjReader(const std::string& name) : name_(name) {}

  MeshData read(std::string_view text) {
    while (!text.empty()) {
      ++line_;
      const std::size_t end = std::min(text.find('\n'), text.size());
      read_line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (triangles_.empty()) throw MeshError(name_ + ": holds no triangle: give a mesh with faces");
    MeshData mesh;
    mesh.positions = Tensor::from({static_cast<std::int64_t>(positions_.size() / 3), 3}, positions_);
    if (!colours_.empty()) mesh.colours = Tensor::from(mesh.positions.shape(), colours_);
    mesh.triangles = Tensor({DType::i32, {static_cast<std::int64_t>(triangles_.size() / 3), 3}});
    std::copy(triangles_.begin(), triangles_.end(), mesh.triangles.mutable_as<std::int32_t>().begin());
    return mesh;
  }

 private:
  template <class... Parts>
  void require(bool ok, const Parts&... parts) const {
    if (!ok) throw MeshError(str(name_, ":", line_, ": ", parts...));
  }

  void read_line(std::string_view line) {
    Words words(line);
    const std::string_view key = words.next();
    if (key.empty() || key.front() == '#') return;
    if (key == "v") return read_vertex(words);
    if (key == "vt") return read_unused(words, texture_points_, 1);
    if (key == "vn") return read_unused(words, normals_, 3);
    if (key == "f") return read_face(words);
    constexpr std::array<std::string_view, 9> passed_over = {"o", "g", "s", "usemtl", "mtllib", "l", "p", "vp", "mg"};
    require(std::find(passed_over.begin(), passed_over.end(), key) != passed_over.end(), quoted(key),
            " is no statement of an OBJ mesh that can be read");
  }

  /// All numbers of the line, at most `most`.
  std::vector<float> numbers(Words& words, std::size_t most) const {
    std::vector<float> values;
    for (std::string_view word = words.next(); !word.empty() && word.front() != '#'; word = words.next()) {
      require(values.size() < most, "more than ", most, " numbers");
      float value = 0;
      const char* const begin = word.data() + (word.front() == '+' ? 1 : 0);
      const auto [end, error] = std::from_chars(begin, word.data() + word.size(), value);
      require(error == std::errc{} && end == word.data() + word.size() && std::isfinite(value), quoted(word),
              " is no finite number");
      values.push_back(value);
    }
    return values;
  }

  void read_vertex(Words& words) {
    const std::vector<float> values = numbers(words, 6);
    require(values.size() == 3 || values.size() == 4 || values.size() == 6, "a vertex of ", values.size(),
            " numbers: it must have 3, 4, or 6 with a colour");
    const bool coloured = values.size() == 6;
    require(positions_.empty() || coloured == !colours_.empty(), "some vertices have colours and others do not");
    require(positions_.size() / 3 < std::numeric_limits<std::int32_t>::max() / 8, "too many vertices");
    positions_.insert(positions_.end(), values.begin(), values.begin() + 3);
    for (std::size_t k = 3; coloured && k < 6; ++k) colours_.push_back(std::clamp(values[k], 0.f, 1.f));
  }

  void read_unused(Words& words, std::int64_t& count, std::size_t least) const {
    const std::size_t found = numbers(words, 3).size();
    require(found >= least, "only ", found, " numbers, at least ", least, " are needed");
    ++count;
  }

  /// One number of a corner as an index from 0.
  std::int32_t index(std::string_view text, std::int64_t count, const char* what) const {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    require(error == std::errc{} && end == text.data() + text.size() && value != 0, quoted(text), " is no index of a ",
            what);
    const std::int64_t at = value > 0 ? value - 1 : count + value;
    require(value >= -count && at < count, what, " ", value, " does not exist: there are ", count, " so far");
    return static_cast<std::int32_t>(at);
  }

  std::int32_t corner(std::string_view word) const {
    const auto vertices = static_cast<std::int64_t>(positions_.size() / 3);
    const std::size_t slash = word.find('/');
    if (slash == std::string_view::npos) return index(word, vertices, "vertex");
    const std::string_view rest = word.substr(slash + 1);
    const std::size_t second = rest.find('/');
    const std::string_view texture = rest.substr(0, second);
    if (second == std::string_view::npos || !texture.empty()) index(texture, texture_points_, "texture point");
    if (second != std::string_view::npos) index(rest.substr(second + 1), normals_, "normal");
    return index(word.substr(0, slash), vertices, "vertex");
  }

  void read_face(Words& words) {
    std::int32_t first = 0, last = 0;
    std::size_t corners = 0;
    for (std::string_view word = words.next(); !word.empty() && word.front() != '#'; word = words.next()) {
      const std::int32_t next = corner(word);
      if (corners == 0) first = next;
      if (corners >= 2) {
        triangles_.insert(triangles_.end(), {first, last, next});
        require(triangles_.size() < std::numeric_limits<std::int32_t>::max() / 8, "too many triangles");
      }
      last = next;
      ++corners;
    }
    require(corners >= 3, "a face of ", corners, " corners");
  }

  const std::string& name_;
  std::int64_t line_ = 0, texture_points_ = 0, normals_ = 0;
  std::vector<float> positions_, colours_;
  std::vector<std::int32_t> triangles_;
};

void append(std::string& text, float value) {
  char digits[32];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

template <class T>
void append_bytes(std::string& text, T value) {
  static_assert(std::endian::native == std::endian::little, "PLY files are written as they lie in memory");
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  text.append(bytes, sizeof(T));
}

std::string obj_text(const MeshData& mesh) {
  std::string text = "# g2face\n";
  const auto p = mesh.positions.as<float>();
  const auto row = [&](const char* key, std::initializer_list<std::span<const float>> values, std::size_t at) {
    text += key;
    for (const auto& v : values) {
      for (std::size_t k = 0; k < 3; ++k) append(text += ' ', v[at + k]);
    }
    text += '\n';
  };
  for (std::size_t i = 0; i < p.size(); i += 3) {
    if (mesh.colours) {
      row("v", {p, mesh.colours.as<float>()}, i);
    } else {
      row("v", {p}, i);
    }
  }
  for (std::size_t i = 0; mesh.normals && i < p.size(); i += 3) row("vn", {mesh.normals.as<float>()}, i);
  const auto t = mesh.triangles.as<std::int32_t>();
  for (std::size_t i = 0; i < t.size(); i += 3) {
    text += 'f';
    for (std::size_t k = 0; k < 3; ++k) {
      const std::string number = std::to_string(t[i + k] + 1);
      text += ' ' + number;
      if (mesh.normals) text += "//" + number;
    }
    text += '\n';
  }
  return text;
}

std::string ply_bytes(const MeshData& mesh) {
  const auto vertices = static_cast<std::size_t>(mesh.positions.shape()[0]);
  std::string text = str("ply\nformat binary_little_endian 1.0\ncomment g2face\nelement vertex ", vertices,
                         "\nproperty float x\nproperty float y\nproperty float z\n");
  if (mesh.normals) text += "property float nx\nproperty float ny\nproperty float nz\n";
  if (mesh.colours) text += "property uchar red\nproperty uchar green\nproperty uchar blue\n";
  text += str("element face ", mesh.triangles.shape()[0], "\nproperty list uchar int vertex_indices\nend_header\n");
  for (std::size_t v = 0; v < vertices; ++v) {
    for (std::size_t k = 0; k < 3; ++k) append_bytes(text, mesh.positions.as<float>()[3 * v + k]);
    for (std::size_t k = 0; mesh.normals && k < 3; ++k) append_bytes(text, mesh.normals.as<float>()[3 * v + k]);
    for (std::size_t k = 0; mesh.colours && k < 3; ++k) {
      const float c = std::clamp(mesh.colours.as<float>()[3 * v + k], 0.f, 1.f);
      append_bytes(text, static_cast<std::uint8_t>(std::lround(255 * c)));
    }
  }
  const auto t = mesh.triangles.as<std::int32_t>();
  for (std::size_t i = 0; i < t.size(); ++i) {
    if (i % 3 == 0) append_bytes(text, std::uint8_t{3});
    append_bytes(text, t[i]);
  }
  return text;
}

void check_mesh(const MeshData& mesh, const std::string& path) {
  const Shape& p = mesh.positions.shape();
  const bool shaped = mesh.positions.dtype() == DType::f32 && p.rank() == 2 && p[1] == 3 &&
                      mesh.triangles.dtype() == DType::i32 && mesh.triangles.shape().rank() == 2 &&
                      mesh.triangles.shape()[1] == 3;
  check<MeshError>(shaped, path, ": positions ", mesh.positions.type().str(), " and triangles ",
                   mesh.triangles.type().str(), " are no mesh: they must be f32 [V,3] and i32 [F,3]");
  for (const Tensor& t : {mesh.positions, mesh.colours, mesh.normals}) {
    if (!t) continue;
    check<MeshError>(t.type() == mesh.positions.type(), path, ": ", t.type().str(), " is not for vertices ", p,
                     ": give one row for each");
    const auto values = t.as<float>();
    check<MeshError>(std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }), path,
                     ": the mesh holds a number that is not finite: nothing is written");
  }
  for (const std::int32_t v : mesh.triangles.as<std::int32_t>()) {
    check<MeshError>(v >= 0 && v < p[0], path, ": the mesh has a triangle with vertex ", v, ", but ", p[0],
                     " vertices: nothing is written");
  }
}

}  // namespace

MeshData parse_obj(std::span<const std::uint8_t> bytes, const std::string& name) {
  return ObjReader(name).read({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

MeshData load_obj(const std::string& path) {
  std::vector<std::uint8_t> bytes;
  try {
    bytes = io::read_file(path, most_bytes);
  } catch (const io::FileError& e) {
    throw MeshError(e.what());
  }
  return parse_obj(bytes, path);
}

void save_mesh(const std::string& path, const MeshData& mesh) {
  check_mesh(mesh, path);
  const std::string extension = std::filesystem::path(path).extension().string();
  check<MeshError>(extension == ".obj" || extension == ".ply", path, ": meshes are written as .obj or .ply, not '",
                   extension, "': choose one of them");
  const std::string text = extension == ".obj" ? obj_text(mesh) : ply_bytes(mesh);
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  io::write_file<MeshError>(path, std::span(&part, 1));
}

Tensor mesh_normals(const Tensor& positions, const Tensor& triangles) {
  Tensor normals = Tensor::zeros({DType::f32, positions.shape()});
  const auto p = positions.as<float>();
  const auto t = triangles.as<std::int32_t>();
  std::vector<double> sums(p.size());
  for (std::size_t f = 0; f < t.size(); f += 3) {
    std::array<double, 3> u{}, v{};
    for (std::size_t k = 0; k < 3; ++k) {
      const double origin = p[3 * static_cast<std::size_t>(t[f]) + k];
      u[k] = p[3 * static_cast<std::size_t>(t[f + 1]) + k] - origin;
      v[k] = p[3 * static_cast<std::size_t>(t[f + 2]) + k] - origin;
    }
    for (std::size_t k = 0; k < 3; ++k) {
      const double n = u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3];
      for (std::size_t corner = 0; corner < 3; ++corner) sums[3 * static_cast<std::size_t>(t[f + corner]) + k] += n;
    }
  }
  for (std::size_t i = 0; i < sums.size(); i += 3) {
    const double length = std::hypot(sums[i], sums[i + 1], sums[i + 2]);
    for (std::size_t k = 0; length > 0 && k < 3; ++k) {
      normals.mutable_as<float>()[i + k] = static_cast<float>(sums[i + k] / length);
    }
  }
  return normals;
}

}  // namespace g2face
