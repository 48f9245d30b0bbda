// Conversions of files of every format, from the file to the model.

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>

#include "g2face/fill.hpp"
#include "io/basel_builder.hpp"
#include "io/face_model_import.hpp"
#include "io/matlab.hpp"
#include "io/sha256.hpp"
#include "models/tiny.hpp"
#include "weights_converter/convert.hpp"
#include "weights_converter/onnx_builder.hpp"

using namespace g2face;
using namespace g2face::test;
using namespace g2face::weights;

namespace {

bool says(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

Parameters tiny_network(std::string_view network) {
  return new_parameters({&network, 1}, tests::tiny_config(), Fill::reference);
}

void check_equal(const Parameters& got, const Parameters& want) {
  CHECK(got.size() == want.size());
  for (const auto& entry : want) {
    CAPTURE(entry.first);
    REQUIRE(got.contains(entry.first));
    const Tensor& t = got.at(entry.first);
    REQUIRE(t.type() == entry.second.type());
    CHECK(std::memcmp(t.data(), entry.second.data(), t.bytes()) == 0);
  }
}

std::string contents(const Tensor& t) { return {static_cast<const char*>(t.data()), t.bytes()}; }

/// The recogniser as an ONNX export that kept the names of the modules; counters are no part of one. The values of
/// every second tensor lie in `beside`, if it is given.
std::string onnx_of(const Parameters& recogniser, std::string* beside = nullptr) {
  constexpr unsigned f32 = 1, raw_data = 9;
  std::string initializers;
  bool other = false;
  for (const auto& [name, t] : recogniser) {
    if (t.dtype() != DType::f32) continue;
    std::string data = onnx::bytes(raw_data, contents(t));
    other = !other;
    if (beside && other) {
      data = onnx::external("weights.bin", onnx::external_field("offset", std::to_string(beside->size())) +
                                               onnx::external_field("length", std::to_string(t.bytes())));
      *beside += contents(t);
    }
    initializers += onnx::initializer(name.substr(name.find('/') + 1), {t.shape().begin(), t.shape().end()}, f32, data);
  }
  return onnx::model(initializers);
}

/// The light model of ICT-FaceKit in its form, of 3 x 4 vertices.
Parameters small_ict() {
  Parameters p;
  p.set("neutral", fill("ict/neutral", {12, 3}, 10, 3));
  p.set("identity", fill("ict/identity", {4, 12, 3}).to(DType::f16));
  p.set("expression", fill("ict/expression", {2, 12, 3}).to(DType::f16));
  p.set("triangles", testing::grid_triangles(3, 4));
  p.set("landmarks68", Tensor::from({3}, {0, 7, 11}).to(DType::i32));
  p.metadata()["licence"] = "MIT";
  return p;
}

struct Place {
  TemporaryFolder folder;
  std::string output = (folder / "model.safetensors").string();
  ConvertReport report;

  std::string path(const std::string& name) const { return (folder / name).string(); }
  Parameters run(const std::vector<std::string>& inputs, const ConvertOptions& options = {}) {
    report = convert(inputs, output, options);
    return Parameters::load(output);
  }
};

}  // namespace

TEST_CASE("conversion of ONNX: values in the model or beside it, names told or recognised") {
  const Parameters recogniser = tiny_network("arcface");
  Place place;
  write(place.path("inside.onnx"), onnx_of(recogniser));
  std::string beside;
  write(place.path("outside.onnx"), onnx_of(recogniser, &beside));
  write(place.path("weights.bin"), beside);
  REQUIRE(!beside.empty());
  for (const char* file : {"inside.onnx", "outside.onnx"}) {
    for (const char* map : {"auto", "onnx", "arcface"}) {
      CAPTURE(file);
      CAPTURE(map);
      check_equal(place.run({place.path(file)}, {.map = map}), recogniser);
      CHECK(place.report.inputs.at(0).format == "onnx");
      CHECK(place.report.inputs.at(0).mapping == "arcface");
      CHECK(place.report.problems.empty());
      CHECK(says(place.report.constants.at(0), "num_batches_tracked"));  // filled in
    }
  }
  std::filesystem::resize_file(place.path("weights.bin"), beside.size() - 1);
  CHECK(says(message_of<WeightFileError>([&] { place.run({place.path("outside.onnx")}); }), "is it truncated?"));
}

TEST_CASE("conversion of sharded safetensors, with other files") {
  const Parameters network = tiny_network("map_2_id");
  Place place;
  Parameters shards[2];
  std::string weight_map;
  std::size_t i = 0;
  for (const auto& [name, tensor] : network) {
    shards[i++ % 2].set(name, tensor);
    weight_map += str(weight_map.empty() ? "" : ",", "\"", name, "\":\"part-", i % 2 == 1 ? 1 : 2, ".safetensors\"");
  }
  shards[0].save(place.path("part-1.safetensors"));
  shards[1].save(place.path("part-2.safetensors"));
  const std::string index = place.path("g2face.safetensors.index.json");
  write(index, str(R"({"metadata":{},"weight_map":{)", weight_map, "}}"));
  check_equal(place.run({index}), network);
  CHECK(place.report.inputs.at(0).format == "safetensors shards");
  CHECK(place.report.inputs.at(0).mapping == "g2face");

  const Parameters recogniser = tiny_network("arcface");
  write(place.path("r.onnx"), onnx_of(recogniser));
  Parameters both = network;
  for (const auto& [name, tensor] : recogniser) both.set(name, tensor);
  check_equal(place.run({index, place.path("r.onnx")}), both);
  CHECK(ModelConfig::of(Parameters::load(place.output)).identity_dim == tests::tiny_config().identity_dim);
}

TEST_CASE("conversion of face models: ICT-FaceKit, the Basel Face Model in one file" *
          doctest::skip(!io::has_matlab())) {
  Place place;
  small_ict().save(place.path("ict.safetensors"));
  const std::vector<std::pair<std::string, std::string>> files = {
      {place.path("ict.safetensors"), "ict-facekit"},
      {str(G2FACE_TEST_DATA, "/bfm_synthetic.mat"), "bfm"},
      {str(G2FACE_TEST_DATA, "/bfm_synthetic_compressed.mat"), "bfm"}};
  for (const auto& file : files) {
    CAPTURE(file.first);
    const Parameters want = io::import_face_model(file.first);
    for (const std::string& map : {std::string("auto"), file.second}) {
      const Parameters got = place.run({file.first}, {.map = map});
      check_equal(got, want);
      CHECK(FaceModelFacts::of(got) == FaceModelFacts::of(want));
      CHECK(FaceModel::of(got).vertices == FaceModel::of(want).vertices);
      CHECK(place.report.inputs.at(0).mapping == file.second);
      CHECK(place.report.networks == std::vector<std::string>{"face_model"});
      CHECK(place.report.problems.empty());
      CHECK(says(got.metadata().at("g2face"), io::sha256_of_file(file.first)));
    }
  }
  const Parameters map_2_id = tiny_network("map_2_id");
  map_2_id.save(place.path("m.safetensors"));
  const Parameters both = place.run({place.path("m.safetensors"), place.path("ict.safetensors")});
  CHECK(both.size() == map_2_id.size() + io::import_face_model(place.path("ict.safetensors")).size());
}

TEST_CASE("conversion of the Basel Face Model in parts: the same model as from one file" *
          doctest::skip(!io::has_matlab())) {
  const BaselFolder basel;
  Place place;
  const Parameters want = place.run({basel.front()});
  std::vector<std::string> parts = basel.parts();
  for (const char* map : {"auto", "bfm"}) {
    const Parameters got = place.run(parts, {.map = map});
    check_equal(got, want);
    REQUIRE(place.report.inputs.size() == parts.size());
    CHECK(place.report.inputs[0].taken == want.size());
    CHECK(says(place.report.text(),
               str("Exp_Pca.bin: the Basel Face Model of Deep3DFaceRecon (expression basis, --map bfm): "
                   "a part of what ",
                   parts[0], " gives")));
    for (const std::string& part : parts) CHECK(says(got.metadata().at("g2face"), io::sha256_of_file(part)));
  }
  const std::string alone = message_of<CheckpointError>([&] { place.run({parts[1]}); });
  CHECK(says(alone, "missing are shapePC (01_MorphableModel.mat)"));
  CHECK(says(message_of<CheckpointError>([&] { convert(parts, parts[4], {}); }), "is one of the inputs"));
  parts.push_back(basel.front());
  CHECK(says(message_of<CheckpointError>([&] { place.run(parts); }), "given twice: face_model/expression"));
}

TEST_CASE("the parts of the Basel Face Model can be looked at" * doctest::skip(!io::has_matlab())) {
  const BaselFolder basel;
  const std::vector<std::string> parts = basel.parts();
  const auto expressions = open_weight_file(parts[1]), deviations = open_weight_file(parts[2]);
  CHECK(expressions->format() == "expression basis");
  REQUIRE(expressions->tensors().size() == 2);
  CHECK(expressions->tensors()[0].name == "expMU");
  CHECK(expressions->tensors()[0].shape == std::vector<std::int64_t>{9, 3});
  CHECK(expressions->tensors()[1].name == "expPC");
  CHECK(expressions->tensors()[1].shape == std::vector<std::int64_t>{70, 9, 3});
  std::vector<float> modes(basel.expression_modes.size());
  expressions->read(expressions->tensors()[1], std::as_writable_bytes(std::span(modes)));
  CHECK(std::equal(modes.begin(), modes.end(), basel.expression_modes.begin(),
                   [](float a, double b) { return static_cast<double>(a) == b; }));
  CHECK(deviations->format() == "numbers");
  std::vector<double> values(basel.expression_deviations.size());
  deviations->read(deviations->tensors().at(0), std::as_writable_bytes(std::span(values)));
  CHECK(values == basel.expression_deviations);
  const auto morphable = open_weight_file(parts[0]);
  CHECK(morphable->tensors().size() == 7);
  CHECK(morphable->tensors()[0].shape == std::vector<std::int64_t>{36, 90});

  const TemporaryFolder folder;
  write(folder / "t", "1 2 three");
  CHECK(says(message_of<WeightFileError>([&] { open_weight_file((folder / "t").string()); }), "is no"));
}

TEST_CASE("the mean landmarks that alignment has built in: the same are left out, others are refused" *
          doctest::skip(!io::has_matlab())) {
  Place place;
  const auto points = [&](double moved) {
    std::vector<double> lm(68 * 3, 7);
    const auto set = [&](std::size_t row, double x, double y, double z) {
      lm[3 * row] = x + moved, lm[3 * row + 1] = y, lm[3 * row + 2] = z;
    };
    // The corners of an eye, from 0: their mean counts.
    set(36, -0.311486572 - 0.1, 0.290360779, 0.133779526);
    set(39, -0.311486572 + 0.1, 0.290360779, 0.133779526);
    set(42, 0.309798874, 0.289720371 + 0.1, 0.131795257);
    set(45, 0.309798874, 0.289720371 - 0.1, 0.131795257);
    set(30, 0.00325349881, -0.0461793244, 0.552442431);
    set(48, -0.252169281, -0.381339163, 0.224057317);
    set(54, 0.248466194, -0.381282359, 0.22235769);
    write_bytes(place.path("similarity_Lm3D_all.mat"), MatlabBuilder().add("lm", 3, lm).bytes);
    return place.path("similarity_Lm3D_all.mat");
  };
  const BaselFolder basel;
  std::vector<std::string> all = basel.parts();
  all.push_back(points(0));
  for (const char* map : {"auto", "bfm"}) {
    place.run(all, {.map = map});
    CHECK(says(place.report.text(), "ignored, alignment has the same points built in: lm"));
  }
  CHECK(says(message_of<WeightFileError>([&] { place.run({all.back()}); }),
             "nothing is left to convert (lm: alignment has the same points built in)"));
  points(1e-4);
  CHECK(says(message_of<WeightFileError>([&] { place.run(all); }),
             "this is not the table that the networks were trained with"));
  write_bytes(all.back(), MatlabBuilder().add("lm", 3, {1, 2, 3}).bytes);
  CHECK(says(message_of<WeightFileError>([&] { place.run(all); }), "'lm' is no table of 68 points"));
}
