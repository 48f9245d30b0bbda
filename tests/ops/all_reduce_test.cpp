#include "g2face/ops/all_reduce.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "distributed/run_ranks.hpp"
#include "g2face/fill.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "op_check.hpp"
#include "plan/plan_data.hpp"

using namespace g2face;

namespace {

using Ranks = std::shared_ptr<Communicator>;

/// Something of the whole batch that no rank can compute alone, and that is not linear in anything.
Value coupled(Value x) {
  const Value total = all_reduce(sum(square(x), {.axes = {0}}));
  const Value others = sum(all_gather(x), {.axes = {0, 1}});
  return sum(x * total * total) + mean(square(own_part(all_gather(x)) + others));
}

struct Run {
  double loss = 0;
  std::vector<double> slope, slope_of_slope;
};

/// The sum of the losses of all ranks at x, the slope at the part of one of them, and how a square of that slope
/// changes.
Run run(int ranks, const Device& device, const Tensor& x) {
  Run result;
  const std::int64_t n = x.shape()[0] / ranks, width = x.shape()[1];
  std::vector<Run> parts(static_cast<std::size_t>(ranks));
  test::run_ranks(ranks, [&](const Ranks& c) {
    Graph graph;
    graph.share_batch(c);
    const Value v = graph.input({DType::f32, {n, width}}, "x");
    const Value loss = coupled(v), slope = gradients(loss, {v})[0];
    const Value second = gradients(sum(square(slope)), {v})[0], total = all_reduce(loss);
    Executor executor(plan(graph, {total, slope, second}, {.device = device, .precision = Precision::strict}));
    const auto own =
        x.as<float>().subspan(static_cast<std::size_t>(c->rank() * n * width), static_cast<std::size_t>(n * width));
    executor.set(v, Tensor::from({n, width}, own));
    executor.run();
    Run& part = parts[static_cast<std::size_t>(c->rank())];
    part.loss = executor.get(total).item();
    const auto numbers = [&](Value y) {
      const Tensor t = executor.get(y).to(DType::f64);
      return std::vector<double>(t.as<double>().begin(), t.as<double>().end());
    };
    part.slope = numbers(slope);
    part.slope_of_slope = numbers(second);
  });
  result.loss = parts.front().loss;
  for (const Run& p : parts) {
    CHECK(p.loss == parts.front().loss);
    result.slope.insert(result.slope.end(), p.slope.begin(), p.slope.end());
    result.slope_of_slope.insert(result.slope_of_slope.end(), p.slope_of_slope.begin(), p.slope_of_slope.end());
  }
  return result;
}

}  // namespace

TEST_CASE("all_reduce") {
  OpCheck c(all_reduce_op, AllReduceAttrs{});  // alone: x itself
  c.ok({{2, 33, 5}});
  c.ok({{3, 4}}, AllReduceAttrs{thread_ranks(1)[0]});
  c.gives({Tensor::from({2}, {4, -8})}, Tensor::from({2}, {4, -8}));
  c.fails("R1", {CheckInput({2}, {}, DType::i64)}, "must have a floating dtype");
}

TEST_CASE("all_reduce: its gradients are the slopes of the sum of all losses") {
  const Tensor x = g2face::fill("all_reduce", Shape{4, 3}, 0.9);
  const Run at = run(2, Device::reference(), x);
  const double step = 1e-3;
  for (std::size_t i = 0; i < 12; ++i) {
    std::array<Run, 2> beside;
    for (const int side : {0, 1}) {
      Tensor moved = x.clone();
      moved.mutable_as<float>()[i] += static_cast<float>(side == 0 ? -step : step);
      beside[static_cast<std::size_t>(side)] = run(2, Device::reference(), moved);
    }
    const auto of_squares = [](const Run& r) {
      double sum = 0;
      for (const double s : r.slope) sum += s * s;
      return sum;
    };
    // The points that floats can hold are not exactly 2 step apart: 1e-4 of it.
    CHECK((beside[1].loss - beside[0].loss) / (2 * step) == doctest::Approx(at.slope[i]).epsilon(1e-3));
    CHECK((of_squares(beside[1]) - of_squares(beside[0])) / (2 * step) ==
          doctest::Approx(at.slope_of_slope[i]).epsilon(1e-3));
  }
}

TEST_CASE("all_reduce: the CPU sums what the reference device does") {
  const Tensor x = g2face::fill("all_reduce devices", Shape{6, 5}, 0.9);
  const Run want = run(3, Device::reference(), x);
  const Run got = run(3, Device::cpu(), x);
  CHECK(got.loss == doctest::Approx(want.loss).epsilon(1e-5));
  for (std::size_t i = 0; i < want.slope.size(); ++i) {
    CHECK(got.slope[i] == doctest::Approx(want.slope[i]).epsilon(1e-5));
    CHECK(got.slope_of_slope[i] == doctest::Approx(want.slope_of_slope[i]).epsilon(1e-4));
  }
}

TEST_CASE("all_reduce_in_buckets: sums come back where they belong, and start as soon as the last value is there") {
  for (const Device& device : {Device::reference(), Device::cpu(), Device::best()}) {
    // Kernels on the host are no place for several threads: there one rank shows that values go there and back.
    test::run_ranks(device.kind == Device::Kind::cuda ? 1 : 2, [&](const Ranks& c) {
      Graph graph;
      graph.share_batch(c);
      const Value x = graph.input({DType::f32, {2, 4}}, "x");
      Value y = x;
      std::vector<Value> values;  // made one after the other, handed in from the last to the first
      for (int i = 0; i < 5; ++i) {
        y = matmul(y, x, {.transpose_b = i % 2 == 0});
        values.insert(values.begin(), y);
      }
      const std::vector<Value> sums = all_reduce_in_buckets(values, 32);
      std::vector<Value> outputs = sums;
      outputs.insert(outputs.end(), values.begin(), values.end());
      const Plan planned = plan(graph, outputs, {.device = device, .precision = Precision::strict, .fold = false});
      std::string order;
      for (const PlanStep& s : planned.data().steps) {
        if (s.op == &matmul_op) order += 'm';
        if (s.op == &all_reduce_start_op) order += 's';
        if (s.op == &all_reduce_wait_op) order += 'w';
      }
      check<Error>(order.find("sm") != std::string::npos && order.find('w') > order.rfind('m'), "order ", order);
      Executor executor(planned);
      for (const double scale : {1., 2.}) {  // what a bucket holds is new in each run
        executor.set(x, Tensor::full({DType::f32, {2, 4}}, scale * (c->rank() + 1)));
        executor.run();
        for (std::size_t i = 0; i < sums.size(); ++i) {
          double own = executor.get(values[i]).to(DType::f64).as<double>()[0];
          c->all_reduce(std::span(&own, 1));
          const Tensor sum = executor.get(sums[i]).to(DType::f64);
          for (const double s : sum.as<double>()) check<Error>(s == own, "sum ", i, " is ", s, ", expected ", own);
        }
      }
    });
  }
}
