#include "g2face/ops/landmark_normal_equations.hpp"

#include "cpu_step.hpp"
#include "g2face/plan/executor.hpp"

using namespace g2face;
using namespace g2face::testing;

TEST_CASE("landmark_normal_equations on cpu: every instruction set, 1 to 3 threads, with landmarks that do not count") {
  constexpr std::int64_t faces = 4, points = 11, modes = 43;
  Tensor weights = Tensor::full({DType::f32, {faces, points}}, 0.5);
  weights.mutable_as<float>()[3] = 0;
  weights.mutable_as<float>()[25] = 2;
  const std::vector<Tensor> in = {random_tensor({points, 3}, 1),           random_tensor({points, 3, modes}, 2),
                                  Tensor::full({DType::f32, {modes}}, 3),  random_tensor({faces, 3, 3}, 3, 0.5f),
                                  random_tensor({faces, 3}, 4, 0.5f),      random_tensor({faces, modes}, 5, 0.1f),
                                  random_tensor({faces, points, 2}, 6, 3), weights};
  for (const LandmarkLoss loss : {LandmarkLoss::squares, LandmarkLoss::huber, LandmarkLoss::geman_mcclure}) {
    const LandmarkNormalEquationsAttrs attrs{.focal = 9, .centre_x = 1, .centre_y = 2, .loss = loss, .scale = 2};
    Graph g;
    std::vector<Value> values;
    for (const Tensor& t : in) values.push_back(g.constant(t));
    const Value first = g.add(landmark_normal_equations_op, values, attrs);
    std::vector<Value> out;
    for (int i = 0; i < 4; ++i) out.push_back({&g, first.node, i});
    Executor exact(plan(g, out, {.device = Device::reference()}));
    exact.run();
    for (const char* isa : all_isas) {
      const ScopedIsa scope(isa);
      for (const int threads : {1, 3}) {
        CpuCall call{landmark_normal_equations_op, attrs, in};
        call.threads = threads;
        const CpuResult got = run_cpu(call);
        INFO(attrs.str(), " ", got.kernel, " threads ", threads);
        for (std::size_t i = 0; i < 4; ++i) {
          CHECK(relative_error(got.out[i].to(DType::f64), exact.get(out[i])) < 2e-6);
        }
      }
    }
  }
}
