#include "g2face/ops/landmark_normal_equations.hpp"

#include "cuda/pass_check.hpp"

namespace g2face::test {
namespace {

using A = LandmarkNormalEquationsAttrs;

Pass face_pass(std::int64_t faces, std::int64_t points, std::int64_t modes, DType dtype, LandmarkLoss loss) {
  const A attrs{.focal = 5, .centre_x = 0.3, .centre_y = -0.2, .distance = 4, .loss = loss, .scale = 1.5};
  const auto positive = [](Tensor t) {
    for (float& v : t.mutable_as<float>()) v = v * v + 0.25f;
    return t;
  };
  std::vector<Tensor> in = {varied({points, 3}, 1),        varied({points, 3, modes}, 2),
                            positive(varied({modes}, 3)),  varied({faces, 3, 3}, 4),
                            varied({faces, 3}, 5),         varied({faces, modes}, 6),
                            varied({faces, points, 2}, 7), positive(varied({faces, points}, 8))};
  for (float& c : in[5].mutable_as<float>()) c *= 2 / static_cast<float>(modes);  // keeps faces before the camera
  for (Tensor& t : in) t = t.to(dtype);
  return {landmark_normal_equations_op, attrs, in, {std::vector(8, Layout::nchw), std::vector(4, Layout::nchw), 0}};
}

TEST_CASE("landmark_normal_equations on CUDA: fewer and more landmarks than shared memory holds, each loss") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const double limit = dtype == DType::f32 ? 2e-6 : 1e-13;
    for (const LandmarkLoss loss : {LandmarkLoss::squares, LandmarkLoss::huber, LandmarkLoss::geman_mcclure}) {
      check_pass(face_pass(2, 5, 3, dtype, loss), "landmark_normal_equations cuda", limit);
    }
    check_pass(face_pass(2, 68, 90, dtype, LandmarkLoss::huber), "landmark_normal_equations cuda", limit);
  }
}

}  // namespace
}  // namespace g2face::test
