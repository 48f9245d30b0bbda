#include "g2face/ops/landmark_normal_equations.hpp"
#include "step_bench.hpp"

namespace g2face::bench {
namespace {

void equations(benchmark::State& state, std::int64_t faces, std::int64_t modes, const Device& device) {
  constexpr std::int64_t points = 68;
  const auto type = [](const Shape& shape) { return Type{DType::f32, shape}; };
  Call call{landmark_normal_equations_op,
            LandmarkNormalEquationsAttrs{},
            {type({points, 3}), type({points, 3, modes}), type({modes}), type({faces, 3, 3}), type({faces, 3}),
             type({faces, modes}), type({faces, points, 2}), type({faces, points})}};
  call.device = device;
  call.last = Tensor::full(call.in.back(), 1);
  run(state, call);
  const auto size = static_cast<double>(6 + modes);
  set_rate(state, "GFLOP/s", static_cast<double>(faces * 2 * points) * size * (size + 1));
}

// The reference's coefficients (80 + 64) and ICT-FaceKit's (100 + 53).
const bool registered = [] {
  for (const std::int64_t modes : {144, 153}) {
    for (const std::int64_t faces : {1, 8, 64}) {
      const std::string name = str("landmark_normal_equations/", modes, "/n", faces);
      add(name, [=](benchmark::State& s) { equations(s, faces, modes, Device::cpu()); });
      add_cuda(name, [=](benchmark::State& s) { equations(s, faces, modes, Device::cuda()); });
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
