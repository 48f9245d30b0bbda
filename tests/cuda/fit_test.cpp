#include "g2face/face/fit.hpp"

#include "cuda/kernel_check.hpp"

namespace g2face::test {
namespace {

TEST_CASE("fit on CUDA: bounded faces as on the CPU, with the same bits in each order of threads") {
  const Tensor identity = varied({14, 3, 3}, 2), expression = varied({14, 3, 2}, 3);
  FitOptions o{.identity_sigma = {0.1, 0.1, 0.1}, .expression_sigma = {0.2, 0.2}, .expression_in_unit_range = true};
  Tensor landmarks = varied({3, 14, 2}, 4);
  LandmarkFitter on_cpu({varied({14, 3}, 1), identity, expression}, o);
  FaceFit face;
  face.identity = {0.1, -0.1, 0.05};
  face.expression = {0.3, 0};
  for (std::size_t n = 0; n < 3; ++n) {
    face.rotation = rotation_of({0.1, 0.5 * static_cast<double>(n), -0.2});
    const Tensor seen = on_cpu.project(face);
    for (std::size_t i = 0; i < 28; ++i) {
      landmarks.mutable_as<float>()[28 * n + i] += static_cast<float>(seen.as<double>()[i]);
    }
  }
  const std::vector<FaceFit> want = on_cpu.fit(landmarks);
  o.plan.device = Device::cuda();
  std::optional<std::vector<FaceFit>> first;
  for_each_schedule([&] {
    LandmarkFitter on_cuda({varied({14, 3}, 1), identity, expression}, o);
    const std::vector<FaceFit> got = on_cuda.fit(landmarks);
    for (std::size_t n = 0; n < 3; ++n) {
      CHECK(got[n].status == FitStatus::converged);
      CHECK(got[n].cost == doctest::Approx(want[n].cost).epsilon(1e-3));
      for (std::size_t i = 0; i < 9; ++i) CHECK(std::abs(got[n].rotation[i] - want[n].rotation[i]) < 1e-3);
      if (first) CHECK(got[n].rotation == (*first)[n].rotation);
    }
    if (!first) first = got;
  });
}

}  // namespace
}  // namespace g2face::test
