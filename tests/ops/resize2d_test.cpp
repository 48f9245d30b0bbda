#include "g2face/ops/resize2d.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "golden_case.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("resize2d_nearest: recorded cases") {
  const auto check_case = [](const char* name, std::int64_t size) {
    check_golden("i_resnets", name,
                 [&](const Named& in) { return resize2d_nearest(in.at("input.x"), {.height = size, .width = size}); });
  };
  check_case("nearest_64_to_28", 28);
  check_case("nearest_9x7_to_4", 4);
  check_case("nearest_5_to_12_up", 12);
}

TEST_CASE("nearest_index: recorded tables") {
  const Parameters file = Parameters::load(G2FACE_TEST_DATA "/ops/i_resnets.safetensors");
  for (const std::int64_t in : {256, 224, 128, 100, 250, 113, 1024}) {
    const Tensor want = file.at(str("nearest_tables/output.index_", in, "_to_112")).to(DType::i64);
    const std::vector<std::int64_t> got = nearest_index(in, 112);
    INFO(in);
    CHECK(std::equal(got.begin(), got.end(), want.as<std::int64_t>().begin(), want.as<std::int64_t>().end()));
  }
}

TEST_CASE("resize2d_nearest: refusals") {
  Graph g;
  CHECK_THROWS_WITH_AS(resize2d_nearest(g.input({DType::f32, {3, 4}}, "flat"), {.height = 2, .width = 2}),
                       "resize2d '': x [3,4] must have rank 4 (R1)", ShapeError);
  CHECK_THROWS_WITH_AS(resize2d_nearest(g.input({DType::f32, {1, 1, 3, 4}}, "x"), {.height = 2}),
                       "resize2d '': the size must be positive, but it is 2x0 (R2)", ShapeError);
}
