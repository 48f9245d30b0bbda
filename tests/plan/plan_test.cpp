#include "g2face/plan/plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "g2face/fill.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "g2face/plan/executor.hpp"
#include "plan/plan_data.hpp"

using namespace g2face;

namespace {

int count_kernels(const Plan& p, std::string_view op) {
  return static_cast<int>(
      std::count_if(p.data().steps.begin(), p.data().steps.end(), [&](const PlanStep& s) { return s.op->name == op; }));
}

/// A little network with a diamond, broadcasts, a normalisation in the middle of a chain, and a convolution.
struct Net {
  Graph g;
  Value x = g.input({DType::f32, {2, 16, 6, 5}}, "x");
  Value w = g.parameter({DType::f32, {32, 16, 3, 3}}, "w");
  Value b = g.parameter({DType::f32, {32}}, "b");
  Value h = bias_act(conv2d(x * 0.5, affine(w, 0.1), {.pad = {1, 1}}), b);
  Value n = leaky_relu(instance_norm(h), 0.2);
  Value m = sigmoid(n);
  Value y = m * h + (affine(m, -1, 1)) * n;
  Parameters parameters;
  Net() {
    parameters.set("w", fill("w", w.shape()));
    parameters.set("b", fill("b", b.shape()));
  }
};

Tensor run_on(Net& net, Value out, const PlanOptions& options, RunOptions run_options = {}) {
  Executor run(plan(net.g, {out}, options), &net.parameters);
  run.set(net.x, fill("x", net.x.shape()));
  run.run(run_options);
  const Tensor first = run.get(out);
  run.run(run_options);
  CHECK(relative_error(run.get(out), first) == 0);
  return first;
}

}  // namespace

TEST_CASE("every combination of passes gives the result of the reference device") {
  Net net;
  const Value dw = gradients(sum(square(net.y)), {net.w})[0];
  for (const Value out : {net.y, dw}) {
    const Tensor want = run_on(net, out, {.device = Device::reference()});
    for (const bool fold : {true, false}) {
      for (const bool fuse : {true, false}) {
        for (const int threads : {1, 2}) {
          const Tensor got =
              run_on(net, out, {.precision = Precision::strict, .threads = threads, .fold = fold, .fuse = fuse},
                     {.check_finite = false, .poison = true});
          CHECK(relative_error(got, want) < 2e-6);
        }
      }
    }
  }
}

TEST_CASE("work that depends on parameters alone is done at load") {
  Net net;
  const Plan folded = plan(net.g, {net.y}), unfolded = plan(net.g, {net.y}, {.fold = false});
  CHECK(folded.data().load_steps.size() >= 1);
  CHECK(unfolded.data().steps.size() > folded.data().steps.size());
}

TEST_CASE("chains of elementwise ops become one pass, and a value computed around them keeps its order") {
  Net net;
  const Plan fused = plan(net.g, {net.y}), plain = plan(net.g, {net.y}, {.fuse = false});
  CHECK(count_kernels(fused, "pointwise") < count_kernels(plain, "pointwise"));
  // x -> moments -> chain: h feeds the moments and the last chain, so at least two passes remain.
  CHECK(count_kernels(fused, "pointwise") >= 2);
}

TEST_CASE("equal nodes are computed once and unused ones never") {
  Graph g;
  const Value x = g.input({DType::f32, {4}}, "x");
  const Value unused = exp(x);
  CHECK(static_cast<bool>(unused));
  const Value y = sin(x) + sin(x);
  const Plan p = plan(g, {y}, {.device = Device::reference()});
  CHECK(p.data().steps.size() == 2);
}

TEST_CASE("values share memory when their lives do not overlap") {
  Graph g;
  const Value x = g.input({DType::f32, {1, 1, 64, 64}}, "x");
  const Value f = g.constant(Tensor::from({2, 2}, {1, 2, 3, 4}));
  Value y = x;
  for (int i = 0; i < 20; ++i) y = upfirdn2d(y, f, {.pad_x0 = 1, .pad_y0 = 1});
  const Plan p = plan(g, {y});
  CHECK(p.arena_bytes() < 4 * 64 * 64 * sizeof(float) + 4 * 64 * 64 * sizeof(double));
}

TEST_CASE("what makes more than it uses up runs right before it is needed") {
  Graph g;
  const Value x = g.input({DType::f32, {1, 1, 8, 8}}, "x");
  const Value f = g.constant(Tensor::from({1, 1}, {1}));
  const Value large = upfirdn2d(x, f, {.up_x = 2, .up_y = 2});
  const Value small = upfirdn2d(large, f, {.down_x = 4, .down_y = 4});
  Value y = x;
  for (int i = 0; i < 5; ++i) y = upfirdn2d(y, f, {});
  const Value late = upfirdn2d(y, f, {.up_x = 2, .up_y = 2}) + large;
  const auto shapes = [](const Plan& p) {
    std::vector<std::int64_t> widths;
    for (const PlanStep& s : p.data().steps) {
      widths.push_back(p.data().values[static_cast<std::size_t>(s.out[0])].desc.type.shape[3]);
    }
    return widths;
  };
  const PlanOptions options{.device = Device::reference()};
  CHECK(shapes(plan(g, {late}, options)) == std::vector<std::int64_t>{8, 8, 8, 8, 8, 16, 16, 16});
  // Here something small is read from it at once, and it has to stay for that reader.
  CHECK(shapes(plan(g, {small, late}, options)).at(5) == 8);
  for (const Value out : {late, small}) {
    Executor run(plan(g, {late, small})), slow(plan(g, {late, small}, options));
    for (Executor* e : {&run, &slow}) {
      e->set(x, fill("x", x.shape()));
      e->run({.poison = true});
    }
    CHECK(relative_error(run.get(out), slow.get(out)) == 0);
  }
}

TEST_CASE("a result that both its maker and its reader could use goes with the reader") {
  Graph g;
  const Value x = g.input({DType::f32, {1, 16, 8, 8}}, "x"), other = g.input({DType::f32, {1, 16, 8, 8}}, "other");
  const Value w = g.parameter({DType::f32, {16, 16, 3, 3}}, "w");
  const Value made = sigmoid(x);
  const Value y = (made - other) * conv2d(made, w, {.pad = {1, 1}}) + other;
  const Plan p = plan(g, {y});
  for (const PlanStep& s : p.data().steps) CHECK(s.out.size() == 1);
}

TEST_CASE("whatever is joined, random graphs keep their results") {
  std::mt19937 random(1);
  for (int trial = 0; trial < 150; ++trial) {
    CAPTURE(trial);
    Graph g;
    const Value x = g.input({DType::f32, {1, 1, 4, 4}}, "x");
    const Value identity = g.constant(Tensor::from({1, 1}, {1}));
    std::vector<Value> all = {x, affine(x, 0.5, 1)};
    const auto any = [&] { return all[random() % all.size()]; };
    for (int n = 0; n < 40; ++n) {
      const Value a = any(), b = any();
      switch (random() % 4) {
        case 0:
          all.push_back(upfirdn2d(a, identity, {}));  // not elementwise: nothing joins across it
          break;
        case 1:
          all.push_back(sigmoid(a));
          break;
        case 2:
          all.push_back(a * sigmoid(b));
          break;
        default:
          all.push_back(affine(a - b, 0.5));
      }
    }
    const std::vector<Value> outputs = {all.back(), any(), any()};
    Executor fast(plan(g, outputs)), slow(plan(g, outputs, {.device = Device::reference()}));
    for (Executor* e : {&fast, &slow}) {
      e->set(x, fill("x", x.shape()));
      e->run({.poison = true});
    }
    for (const Value& v : outputs) CHECK(relative_error(fast.get(v), slow.get(v)) < 1e-5);
  }
}

TEST_CASE("the printed plan names op, kernel, layout and node") {
  Net net;
  net.g.path = "net/last";
  const std::string table = plan(net.g, {net.y}).print();
  for (const char* text : {"conv2d", "pointwise", "layout", "arena"}) CHECK(table.find(text) != std::string::npos);
}

TEST_CASE("an executor times runs") {
  Net net;
  Executor run(plan(net.g, {net.y}), &net.parameters);
  run.set(net.x, fill("x", net.x.shape()));
  const std::vector<double> seconds = run.time(3);
  CHECK(seconds.size() == 3);
  for (const double s : seconds) CHECK(s > 0);
}

TEST_CASE("an executor refuses what does not fit, and says what") {
  Net net;
  Parameters none, wrong;
  wrong.set("w", fill("w", {32, 16, 1, 1}));
  const Plan p = plan(net.g, {net.y});
  CHECK_THROWS_WITH_AS(Executor(p, &none), doctest::Contains("w is missing"), CheckpointError);
  CHECK_THROWS_WITH_AS(Executor(p, &wrong), doctest::Contains("b is missing; w is [32,16,1,1], expected [32,16,3,3]"),
                       CheckpointError);
  Executor run(p, &net.parameters);
  CHECK_THROWS_WITH_AS(run.run(), doctest::Contains("'x' was never set"), GraphError);
  CHECK_THROWS_WITH_AS(run.set(net.x, fill("x", {1, 16, 6, 5})), doctest::Contains("f32[1,16,6,5]"), ShapeError);
  CHECK_THROWS_WITH_AS(run.set(net.w, fill("w", net.w.shape())), doctest::Contains("not an input"), GraphError);
  CHECK_THROWS_WITH_AS(run.get(net.h), doctest::Contains("not an output"), GraphError);
}

TEST_CASE("check_finite names the first op whose result is not finite") {
  Graph g;
  const Value x = g.input({DType::f32, {2}}, "x");
  g.path = "net/root";
  const Value y = log(x);
  for (const Device device : {Device::reference(), Device::cpu()}) {
    Executor run(plan(g, {y}, {.device = device}));
    run.set(x, Tensor::from({2}, {1, -1}));
    run.run();
    CHECK_THROWS_WITH_AS(run.run({.check_finite = true}), doctest::Contains("net/root"), Error);
  }
}
