#include "compare.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "g2face/fill.hpp"
#include "report.hpp"
#include "suite.hpp"
#include "tolerance.hpp"

namespace g2face::golden {
namespace {

TEST_CASE("relative errors") {
  CHECK(relative_l2({3, 4}, {3, 4}) == 0);
  CHECK(relative_l2({3, 5}, {3, 4}) == doctest::Approx(0.2));
  CHECK(relative_l2({0, 2}, {0, 0}) == 2);
  CHECK(relative_l2({INFINITY, 1}, {INFINITY, 1}) == 0);
  CHECK(std::isnan(relative_l2({INFINITY, 1}, {-INFINITY, 1})));
  CHECK(std::isnan(relative_l2({NAN, 1}, {0, 1})));
  CHECK_THROWS_AS(relative_l2({1}, {1, 2}), ShapeError);
  CHECK(max_abs_difference({1, -3}, {1.5, -1}) == 2);
  CHECK(std::isnan(max_abs_difference({1, NAN}, {1, 0})));
  CHECK(share_of_differences({1, NAN, 3, 4}, {1, NAN, 3, 5}) == 0.25);
}

TEST_CASE("digest and samples stand for a tensor") {
  const std::vector<double> t = doubles(fill("anything", {200}));
  const std::vector<double> d = digest(t);
  REQUIRE(d.size() == 6);
  double norm = 0, sum = 0, dot = 0;
  const Tensor probe = fill("digest/probe2", {200});
  for (std::size_t i = 0; i < 200; ++i) {
    norm += t[i] * t[i];
    sum += t[i];
    dot += t[i] * static_cast<double>(probe.as<float>()[i]);
  }
  CHECK(d[0] == doctest::Approx(std::sqrt(norm)).epsilon(1e-14));
  CHECK(d[1] == doctest::Approx(sum).epsilon(1e-12));
  CHECK(d[4] == doctest::Approx(dot).epsilon(1e-12));
  const std::vector<double> even = even_sample(t);
  REQUIRE(even.size() == 64);
  CHECK(even[0] == t[0]);
  CHECK(even[63] == t[196]);  // floor(63 * 200 / 64)
  CHECK(even_sample({1, 2, 3}) == std::vector<double>{1, 2, 3});
  CHECK(scattered_sample({5, 6}, 4) == std::vector<double>{5, 6, 0, 0});
}

TEST_CASE("every statistic counts") {
  const auto want = statistics({1, 2, 3, 6});
  CHECK(want[0] == 3);
  CHECK(want[1] == doctest::Approx(std::sqrt(3.5)));
  CHECK(want[2] == doctest::Approx(std::sqrt(50.0)));
  CHECK(want[3] == 1);
  CHECK(want[4] == 6);
  CHECK(statistics_error(want, want) == 0);
  for (std::size_t i = 0; i < 5; ++i) {
    auto got = want;
    got[i] += 0.6;
    CHECK(statistics_error(got, want) > 0.08);
    got[i] = NAN;
    CHECK(std::isnan(statistics_error(got, want)));
  }
}

TEST_CASE("limits follow family, kind and arithmetic") {
  const Arithmetic f32;
  const Arithmetic reference{.device = Device::reference()};
  const Arithmetic rough{.precision = Precision::bf16};
  const OpResult output{.family = 'g'};
  CHECK(op_limit(output, f32) == 5e-6);
  CHECK(op_limit(output, reference) == 1e-6);
  CHECK(op_limit(output, rough) == 1e-2);
  CHECK(rough.rough());
  CHECK_FALSE(Arithmetic{.precision = Precision::fast}.rough());
  CHECK(op_limit(output, {.device = Device::cuda(), .precision = Precision::tf32}) == 1.25e-3);
  CHECK(op_limit(output, {.device = Device::cuda(), .precision = Precision::strict}) == op_limit(output, f32));
  CHECK(network_limits(f32, 3).output == network_limits(f32).output);
  CHECK(network_limits(rough).output == 1e-2);
  CHECK(network_limits(rough).stage == 2e-2);
  CHECK(network_limits(rough).logit == 2e-2);
  CHECK(network_limits(rough, 3).output == doctest::Approx(std::sqrt(3.0) * 1e-2));
  const Arithmetic tf32{.device = Device::cuda(), .precision = Precision::tf32};
  CHECK(network_limits(tf32).output == 2e-3);
  CHECK(network_limits(tf32).stage == 5e-3);
  CHECK(op_limit({.family = 'g', .result = Result::gradient}, f32) == 3e-5);
  const OpResult inner{.family = 'h', .result = Result::r1_gradient, .name = "convs.1.conv1.1.bias", .batch = 4};
  CHECK(op_limit(inner, f32) == 2e-3);
  CHECK(op_limit({.family = 'h', .result = Result::r1_gradient, .name = "convs.1.conv1.0.weight", .batch = 2}, f32) ==
        1e-4);
  CHECK(op_limit({.family = 'h', .result = Result::second_order, .op = "minibatch_stddev", .batch = 2}, f32) == 2e-2);
  CHECK(op_limit({.family = 'h', .result = Result::second_order, .op = "ResBlock", .batch = 2}, f32) == 1e-4);
}

TEST_CASE("a case passes only if something was compared and nothing is off") {
  CaseResult r;
  CHECK(r.status() == Status::failed);
  r.findings = {{"a", 1e-7, 1e-6}, {"b", 0, 0}};
  CHECK(r.status() == Status::passed);
  CHECK(r.worst()->tensor == "a");
  r.findings.push_back({"c", NAN, 1});
  CHECK(r.status() == Status::failed);
  CHECK(r.worst()->tensor == "c");
  CaseResult gradients_alone;
  gradients_alone.not_compared = 3;
  CHECK(gradients_alone.status() == Status::failed);
  CHECK(failed("x", "broken").status() == Status::failed);
  CHECK(not_yet("x", "later").status() == Status::not_yet);
}

TEST_CASE("patterns") {
  CHECK(matches("h_discriminator/resblock", ""));
  CHECK(matches("h_discriminator/resblock", "disc"));
  CHECK(matches("h_discriminator/resblock", "h_*res"));
  CHECK(matches("h_discriminator/resblock", "*"));
  CHECK_FALSE(matches("h_discriminator/resblock", "res*disc"));
  CHECK_FALSE(matches("abc", "abcd"));
}

}  // namespace
}  // namespace g2face::golden
