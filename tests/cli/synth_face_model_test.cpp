// g2face synth with a face model of the user's: a file with the fields of ICT-FaceKit, made of the built-in head.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "cli/program.hpp"
#include "face/people.hpp"
#include "g2face/face/builtin_head.hpp"
#include "g2face/face/synth.hpp"
#include "g2face/models/face_model.hpp"

using namespace g2face;
using namespace g2face::test;

namespace {

/// [V,3,K] decimetres as [K,V,3] centimetres; `modes` of them.
Tensor modes_in_front(const Tensor& basis, std::int64_t modes) {
  const std::int64_t vertices = basis.shape()[0], count = basis.shape()[2];
  Tensor result(Type{DType::f32, {modes, vertices, 3}});
  const auto from = basis.as<float>();
  const auto to = result.mutable_as<float>();
  for (std::int64_t k = 0; k < modes; ++k) {
    for (std::int64_t i = 0; i < 3 * vertices; ++i)
      to[static_cast<std::size_t>(k * 3 * vertices + i)] = 10 * from[static_cast<std::size_t>(i * count + k)];
  }
  return result.to(DType::f16);
}

/// Skin and eyeballs without mouth and teeth, and few identity modes.
Parameters ict_stand_in() {
  const Parameters head = builtin_head();
  const FaceModel model = FaceModel::of(head);
  Parameters p;
  Tensor neutral = head.at("face_model/mean_shape").to(DType::f32);
  for (float& v : neutral.mutable_as<float>()) v = 10 * v + 3;
  p.set("neutral", neutral);
  p.set("identity", modes_in_front(head.at("face_model/identity"), 5));
  p.set("expression", modes_in_front(head.at("face_model/expression"), model.expression));
  p.set("landmarks68", head.at("face_model/landmarks"));
  const auto part = head.at("face_model/part").as<std::int32_t>();
  const auto corners = head.at("face_model/triangles").as<std::int32_t>();
  Tensor parts(Type{DType::u8, {model.vertices}});
  for (std::size_t i = 0; i < part.size(); ++i)
    parts.mutable_as<std::uint8_t>()[i] = static_cast<std::uint8_t>(part[i] > 3 ? 0 : part[i]);
  p.set("part", parts);
  std::vector<std::int32_t> kept;
  for (std::size_t i = 0; i < corners.size(); i += 3) {
    if (part[static_cast<std::size_t>(corners[i])] <= 3) kept.insert(kept.end(), &corners[i], &corners[i] + 3);
  }
  Tensor triangles(Type{DType::i32, {static_cast<std::int64_t>(kept.size() / 3), 3}});
  std::copy(kept.begin(), kept.end(), triangles.mutable_as<std::int32_t>().begin());
  p.set("triangles", triangles);
  std::string names;
  for (const std::string& name : model.facts.expression_names) names += (names.empty() ? "" : ",") + name;
  p.metadata()["expression_names"] = names;
  p.metadata()["licence"] = "MIT";
  return p;
}

}  // namespace

TEST_CASE("synth draws with an imported ICT-FaceKit: coefficients are its own, mouths are dark inside") {
  const TemporaryFolder folder;
  const auto at = [&](const std::string& name) { return str("'", (folder / name).string(), "'"); };
  ict_stand_in().save((folder / "ict.safetensors").string());
  REQUIRE(run_program("model import-face " + at("ict.safetensors") + " -o " + at("face.safetensors")).code == 0);
  const std::string set = "synth -n 2 --seed 1 --size 32 --face-model " + at("face.safetensors") + " -o ";
  REQUIRE(run_program(set + at("a") + " --threads 1").code == 0);
  REQUIRE(run_program(set + at("b") + " --threads 2").code == 0);
  for (const char* file : {"0000000.png", "0000001.png", "labels.jsonl", "face_model.safetensors"})
    CHECK(read_bytes(folder / str("a/", file)) == read_bytes(folder / str("b/", file)));
  std::istringstream lines(read_text(folder / "a/labels.jsonl"));
  std::string line;
  std::getline(lines, line);
  const auto first = nlohmann::json::parse(line);
  CHECK(first.at("identity").size() == 5);
  CHECK(first.at("expression").size() == 22);
  CHECK(FaceModel::of(Parameters::load((folder / "a/face_model.safetensors").string())).facts.name ==
        "ict-facekit-light");
  const Outcome r = run_program("synth -n 2 --seed 1 --size 32 --resume -o " + at("a"));
  CHECK(r.code == 2);
  CHECK(r.says("face_model.safetensors: is another face model than this run's"));

  const Parameters model = Parameters::load((folder / "face.safetensors").string());
  const Synthesizer synthesizer(model);
  const std::vector<std::string> names = FaceModelFacts::of(model).expression_names;
  const auto jaw = static_cast<std::size_t>(std::ranges::find(names, "jawOpen") - names.begin());
  int open = 0;
  for (std::uint64_t i = 0; i < 100 && open < 3; ++i) {
    const face::Shot shot = face::draw_shot(1, i, names);
    if (shot.expression[jaw] < 0.4 || std::abs(shot.angles.y) > 0.3) continue;
    ++open;
    const SyntheticFace f = synthesizer.draw({.seed = 1, .person = i, .picture = i, .size = 96});
    const auto x = static_cast<std::size_t>((f.landmarks[62].x + f.landmarks[66].x) / 2),
               y = static_cast<std::size_t>((f.landmarks[62].y + f.landmarks[66].y) / 2);
    const auto pixels = f.image.as<float>();
    CAPTURE(i);
    for (std::size_t c = 0; c < 3; ++c) CHECK(pixels[(c * 96 + y) * 96 + x] < -0.5F);
  }
  CHECK(open == 3);
}
