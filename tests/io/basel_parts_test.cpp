#include "io/basel_parts.hpp"

#include <doctest/doctest.h>

#include "io/basel_builder.hpp"
#include "io/face_model_import.hpp"
#include "io/matlab.hpp"

using namespace g2face;
using namespace g2face::test;

TEST_CASE("BFM: its parts, in any order, are the model that Deep3DFaceRecon makes of them" *
          doctest::skip(!io::has_matlab())) {
  const BaselFolder basel;
  const Parameters want = io::import_face_model(basel.front());
  std::vector<std::string> parts = basel.parts();
  for (int order = 0; order < 2; ++order) {
    const Parameters got = io::import_face_model(parts);
    CHECK(got.metadata() == want.metadata());
    REQUIRE(got.size() == want.size());
    for (const auto& entry : want) {
      CAPTURE(entry.first);
      REQUIRE(got.at(entry.first).type() == entry.second.type());
      CHECK(relative_error(got.at(entry.first), entry.second) == 0);
    }
    std::reverse(parts.begin(), parts.end());
  }
  const FaceModel model = FaceModel::of(want);
  CHECK(model.vertices == 6);
  CHECK(model.coefficient_count() == 257);
  CHECK(want.at("face_model/identity").shape() == Shape{6, 3, 80});
  CHECK(want.at("face_model/expression").shape() == Shape{6, 3, 64});
}

TEST_CASE("BFM: parts that are missing, given twice, or do not fit are named" * doctest::skip(!io::has_matlab())) {
  BaselFolder basel;
  const auto error = [&](const std::vector<std::string>& paths) {
    return message_of<CheckpointError>([&] { io::import_face_model(paths); });
  };
  const auto says = [&](const std::string& said, const std::string& words) {
    CHECK_MESSAGE(said.find(words) != std::string::npos, said);
    CHECK(said.find(basel.folder.path().string()) == 0);
    CHECK(said.find('\n') == std::string::npos);
  };
  const std::vector<std::string> all = basel.parts();
  says(
      error({all[0]}),
      "01_MorphableModel.mat: is a part of the Basel Face Model; give the others with it: missing are trimIndex "
      "(BFM_exp_idx.mat), idx (BFM_front_idx.mat), tri (facemodel_info.mat), point_buf (facemodel_info.mat), keypoints "
      "(facemodel_info.mat), modes of expressions (Exp_Pca.bin), their deviations (std_exp.txt)");
  const auto with = [&](const std::string& more) {
    std::vector<std::string> paths = all;
    paths.push_back(basel.path(more));
    return paths;
  };
  says(error(with("std_exp.txt")), "has deviations of expressions, and so has");
  says(error(with("Exp_Pca.bin")), "has modes of expressions, and so has");
  says(error(with("BFM_exp_idx.mat")), "has 'trimIndex', and so has");
  says(error(with("none.mat")), "none.mat");
  write_bytes(basel.folder / "text", Bytes{'1', ' ', 'x'});
  says(error(with("text")), "text: is no part of the Basel Face Model");
  basel.save("other.mat", MatlabBuilder().add("other", 1, {1}));
  says(error(with("other.mat")), "other.mat: has no variable of the parts");

  const auto broken = [&](auto change, const std::string& words) {
    BaselFolder other;
    change(other);
    other.write_parts();
    const std::string said = message_of<CheckpointError>([&] { io::import_face_model(other.parts()); });
    CHECK_MESSAGE(said.find(words) != std::string::npos, said);
  };
  broken([](BaselFolder& b) { b.trim[2] = 13; }, "'trimIndex' holds 13, expected a whole number 1..12");
  broken([](BaselFolder& b) { b.idx[2] = 1.5; }, "'idx' holds 1.5, expected a whole number 1..9");
  broken([](BaselFolder& b) { b.idx[2] = 0; }, "'idx' holds 0");
  broken([](BaselFolder& b) { b.shape_deviations.pop_back(); },
         "'shapeEV' has 89 numbers, expected one for each of 90 modes");
  broken([](BaselFolder& b) { b.expression_deviations.push_back(1); }, "has 71 numbers, expected one for each of 70");

  basel.write_expressions(70, std::vector<double>(70UL * 3 * 9 + 71 * 3));  // one vertex more
  says(error(all), "'trimIndex' has 9 indices, but");
  basel.write_expressions(70, std::vector<double>(100));
  says(error(all), "Exp_Pca.bin: is no part of the Basel Face Model");
}

TEST_CASE("BFM: what is a basis of expressions is told by its size, what is a list of numbers by all of it") {
  Bytes bytes;
  append(bytes, std::int32_t{2});
  for (int i = 0; i < 18; ++i) append(bytes, static_cast<float>(i));
  const auto basis = io::expression_basis(bytes);
  REQUIRE(basis.has_value());
  CHECK(basis->modes == 2);
  CHECK(basis->vertices == 2);
  CHECK(basis->mean.size() == 24);
  CHECK(basis->basis.size() == 48);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(io::expression_basis(std::span(bytes).first(size)).has_value() == (size == 40));  // of one vertex
  bytes[0] = 0;
  CHECK(!io::expression_basis(bytes));
  bytes[3] = 0x80;  // a negative number
  CHECK(!io::expression_basis(bytes));

  CHECK(io::numbers_in_text("  1\n-2.5e3\t7\r\n") == std::vector<double>{1, -2500, 7});
  for (const char* text : {"", " \n", "1 x", "1,2", "nan", "inf", "1e999", "0x10", "1 2 -"})
    CHECK_MESSAGE(!io::numbers_in_text(text), text);
}
