#include "io/synthetic_label.hpp"

#include <nlohmann/json.hpp>

namespace g2face::io {

std::string to_json(const std::string& file, const SyntheticRequest& request, const SyntheticFace& face) {
  nlohmann::ordered_json points = nlohmann::ordered_json::array(), visible = nlohmann::ordered_json::array();
  for (const SyntheticFace::Landmark& l : face.landmarks) {
    points.push_back({l.x, l.y});
    visible.push_back(l.visible ? 1 : 0);
  }
  nlohmann::ordered_json line;
  line["file"] = file;
  line["seed"] = request.seed;
  line["picture"] = request.picture;
  line["person"] = request.person;
  line["size"] = request.size;
  line["identity"] = face.identity;
  line["expression"] = face.expression;
  line["angles"] = face.angles;
  line["translation"] = face.translation;
  line["focal"] = face.focal;
  line["distance"] = face.distance;
  line["gamma"] = face.gamma;
  line["key_light"] = face.key;
  line["landmarks"] = points;
  line["visible"] = visible;
  line["hair"] = face.hair;
  line["melanin"] = face.melanin;
  line["beard"] = face.beard;
  line["age"] = face.age;
  return line.dump();
}

}  // namespace g2face::io
