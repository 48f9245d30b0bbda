// The 3D face model at the size of the reference (35,709 vertices, 70,789 triangles, 80 + 64 + 80 modes) on numbers of
// the fill rule: what the geometry loss computes of coefficients, and its gradient. bench/peer_face_model.py runs it
// beside PyTorch. The bases of the shape are 61 MB, read once forwards and once backwards.
//   G2FACE_BENCH_THREADS=2 g2face_bench --benchmark_filter=face_model; G2FACE_BENCH_PLAN=1 prints the plans

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <iostream>

#include "g2face/fill.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/models/face_model.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"

namespace g2face::bench {
namespace {

constexpr std::int64_t vertices = 35709, triangles = 70789, neighbours = 8;

/// A sheet of triangles; a few are there twice, to make the number right.
Tensor sheet_triangles() {
  constexpr std::int32_t columns = 189;
  Tensor t(Type{DType::i32, {triangles, 3}});
  const auto corners = t.mutable_as<std::int32_t>();
  std::size_t i = 0;
  while (i < corners.size()) {
    for (std::int32_t a = 0; a + columns + 1 < vertices && i < corners.size(); ++a) {
      if (a % columns == columns - 1) continue;
      for (const std::int32_t corner : {a, a + columns, a + 1, a + 1, a + columns, a + columns + 1}) {
        if (i < corners.size()) corners[i++] = corner;
      }
    }
  }
  return t;
}

Parameters synthetic_model() {
  Parameters p;
  const auto set = [&](const char* field, Tensor t) { p.set(str("face_model/", field), std::move(t)); };
  // A sheet in space that the modes bend.
  Tensor mean = fill("bench/mean", {vertices, 3}, 0.002);
  const auto xyz = mean.mutable_as<float>();
  for (std::int64_t v = 0; v < vertices; ++v) {
    const auto at = static_cast<std::size_t>(3 * v);
    xyz[at] += static_cast<float>(v % 189) * 0.01f - 0.94f;
    xyz[at + 1] += 0.94f - static_cast<float>(v / 189) * 0.01f;
  }
  set("mean_shape", mean);
  set("identity", fill("bench/identity", {vertices, 3, 80}, 2e-4));
  set("expression", fill("bench/expression", {vertices, 3, 64}, 2e-4));
  set("mean_texture", fill("bench/colours", {vertices, 3}, 0.2, 0.5));
  set("texture", fill("bench/texture", {vertices, 3, 80}, 0.01));
  set("triangles", sheet_triangles());
  const Tensor all = mesh_tables(sheet_triangles(), vertices).vertex_triangles;
  Tensor table = Tensor::full(Type{DType::i32, {vertices, neighbours}}, triangles);
  const std::int64_t columns = all.shape()[1];
  for (std::int64_t v = 0; v < vertices; ++v) {
    for (std::int64_t d = 0; d < std::min(columns, neighbours); ++d) {
      table.mutable_as<std::int32_t>()[static_cast<std::size_t>(v * neighbours + d)] =
          all.as<std::int32_t>()[static_cast<std::size_t>(v * columns + d)];
    }
  }
  set("vertex_triangles", table);
  Tensor landmarks(Type{DType::i32, {68}});
  for (std::int32_t i = 0; i < 68; ++i) landmarks.mutable_as<std::int32_t>()[static_cast<std::size_t>(i)] = 500 * i;
  set("landmarks", landmarks);
  return p;
}

const Parameters& parameters() {
  static const Parameters p = synthetic_model();
  return p;
}

enum class Job : std::uint8_t { loss_outputs, loss_gradient, render_outputs };

void run(benchmark::State& state, std::int64_t n, Job job, Device device) {
  if (device.kind == Device::Kind::cuda && Device::cuda_count() == 0) {
    state.SkipWithError("no CUDA device");
    return;
  }
  const FaceModel model = FaceModel::of(parameters());
  Graph graph;
  const Value coefficients = graph.input({DType::f32, {n, model.coefficient_count()}}, "coefficients");
  const PosedFace face = posed_face(Scope(graph, "face_model").frozen(), model, coefficients);
  std::vector<Value> outputs = {face.shape, face.landmarks, face.shading};
  if (job == Job::render_outputs) outputs = {face.camera, face.colour, face.landmarks};
  if (job == Job::loss_gradient) {
    std::vector<Value> cotangents;
    for (const Value& v : outputs) {
      cotangents.push_back(graph.constant(fill(str("bench/cotangent", cotangents.size()), v.shape())));
    }
    const Value wrt[] = {coefficients};
    outputs.push_back(gradients(outputs, cotangents, wrt)[0]);
  }
  const char* threads = std::getenv("G2FACE_BENCH_THREADS");
  PlanOptions options;
  options.device = device;
  options.threads = threads == nullptr ? 2 : std::max(1, std::atoi(threads));
  Executor executor(plan(graph, outputs, options), &parameters());
  executor.set(coefficients, fill("bench/coefficients", coefficients.shape(), 0.1));
  executor.run();
  if (std::getenv("G2FACE_BENCH_PLAN") != nullptr) std::cerr << executor.plan().print(executor.time(5)) << "\n";
  for (auto _ : state) executor.run();
}

const bool registered = [] {
  constexpr std::pair<const char*, Job> jobs[] = {
      {"loss", Job::loss_outputs}, {"loss_gradient", Job::loss_gradient}, {"render", Job::render_outputs}};
  for (const Device device : {Device::cpu(), Device::cuda()}) {
    for (const auto& [name, job] : jobs) {
      for (const std::int64_t n : {1, 8}) {
        const std::string full = str(device.kind == Device::Kind::cuda ? "cuda/" : "", "face_model/", name, "/n", n);
        benchmark::RegisterBenchmark(full.c_str(),
                                     [n, job = job, device](benchmark::State& s) { run(s, n, job, device); })
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime()
            ->MeasureProcessCPUTime();
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace g2face::bench
