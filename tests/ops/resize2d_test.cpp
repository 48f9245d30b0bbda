#include "g2face/ops/resize2d.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "golden_case.hpp"
#include "op_check.hpp"

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

TEST_CASE("resize2d_nearest: forward and gradients") {
  const OpCheck c(resize2d_op);
  c.ok({{2, 3, 5, 7}}, Resize2dAttrs{.height = 3, .width = 4});
  c.ok({{1, 16, 4, 4}}, Resize2dAttrs{.height = 8, .width = 9});
  c.ok({{1, 2, 3, 3}}, Resize2dAttrs{.height = 3, .width = 3});
}

TEST_CASE("resize2d_nearest: rules") {
  const OpCheck c(resize2d_op, Resize2dAttrs{.height = 2, .width = 2});
  c.fails("R1", {{3, 4}}, "x [3,4] must have rank 4");
  c.fails("R2", {{1, 1, 3, 4}}, Resize2dAttrs{.height = 2}, "the size must be positive, but it is 2x0");
}
