#include "g2face/nn/scope.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "g2face/ops/binary.hpp"
#include "g2face/ops/random.hpp"
#include "g2face/ops/unary.hpp"

using namespace g2face;

TEST_CASE("scope: a parameter's name is its path") {
  Graph g;
  const Scope root(g, "generator");
  CHECK(root.path() == "generator");
  CHECK((root / "convs" / 3).path() == "generator/convs.3");
  const Value w = (root / "convs" / 3 / "conv").param("weight", {4, 2}, init::zeros());
  CHECK(g.node(w).attrs.as<LeafAttrs>().name == "generator/convs.3.conv.weight");
  CHECK(w.type() == Type{DType::f32, {4, 2}});
  CHECK(root.param("bias", {4}, init::zeros()) == g.parameter({DType::f32, {4}}, "generator/bias"));

  Graph h;
  const Scope bare(h, "");
  CHECK((bare / "convs" / 3).path() == "convs.3");
  CHECK(bare.param("weight", {1}, init::zeros()) == h.parameter({DType::f32, {1}}, "weight"));
  CHECK_THROWS_WITH_AS(root / "", "scope 'generator': the name of a child must not be empty", GraphError);
}

TEST_CASE("scope: nodes are named after the place where a parameter was last declared") {
  Graph g;
  const Scope s = Scope(g, "net") / "layer";
  const Value w = s.param("weight", {2}, init::ones());
  CHECK(g.node(exp(w)).name == "net/layer");
}

TEST_CASE("scope: declaring again gives the same value, if it is of the same type") {
  Graph g;
  const Scope s(g, "net");
  const Value w = s.param("weight", {2}, init::ones());
  CHECK((s / "block").graph().size() == 1);
  CHECK(s.param("weight", {2}, init::ones()) == w);
  CHECK(s.declared().size() == 1);
  CHECK_THROWS_WITH_AS(s.param("weight", {3}, init::ones()),
                       "parameter 'net/weight' is declared as f32[2] and again as f32[3]", GraphError);
}

TEST_CASE("scope: what is trainable") {
  Graph g;
  const Scope s(g, "net");
  const Value a = (s / "a").param("weight", {1}, init::ones());
  (s / "a").param("kernel", {1}, init::buffer(Tensor::from({1}, {1})));
  (s / "a").param("mean", {1}, init::as_buffer(init::zeros()));
  const Value b = (s / "b").frozen().param("weight", {1}, init::ones());
  const Value c = (s / "c").param("weight", {1}, init::ones());
  CHECK(s.trainable() == std::vector<Value>{a, c});
  CHECK(s.trainable("net/c") == std::vector<Value>{c});
  CHECK(s.trainable("net/b").empty());
  // Frozen in one place and trained in another is trained.
  (s / "b").param("weight", {1}, init::ones());
  CHECK(s.trainable() == std::vector<Value>{a, b, c});
  (s / "c").frozen().param("weight", {1}, init::ones());
  CHECK(s.trainable("net/c") == std::vector<Value>{c});
  CHECK(s.declared().size() == 5);
}

TEST_CASE("scope: frozen and training pass down") {
  Graph g;
  const Scope s(g, "net");
  CHECK(!s.training());
  CHECK((s.in_training() / "block" / 1).training());
  CHECK(!(s.in_training() / "block").in_training(false).training());
  (s.frozen() / "block").param("weight", {1}, init::ones());
  CHECK(s.trainable().empty());
}

TEST_CASE("scope: updates") {
  Graph g;
  const Scope s(g, "net");
  const Value mean = s.param("mean", {2}, init::as_buffer(init::zeros()));
  const Value first = 0.5 * mean;
  s.update(mean, first);
  REQUIRE(s.updates().size() == 1);
  CHECK(s.updates()[0].name == "net/mean");
  CHECK(s.updates()[0].value == first);
  const Value second = 0.5 * first;
  s.update(mean, second);  // the last word counts
  REQUIRE(s.updates().size() == 1);
  CHECK(s.updates()[0].value == second);
  CHECK_THROWS_AS(s.update(first, second), GraphError);
  CHECK_THROWS_WITH_AS(s.update(mean, g.input({DType::f32, {3}}, "x")),
                       "update of parameter 'net/mean' f32[2] by a value of type f32[3]", GraphError);
}

TEST_CASE("scope: results are marked with the path") {
  Graph g;
  const Scope s = Scope(g, "net") / "block";
  const Value x = g.input({DType::f32, {1}}, "x");
  CHECK(s.result(x) == x);
  CHECK(g.marked("net/block") == x);
}

TEST_CASE("initial_parameters: constants and given values") {
  Graph g;
  const Scope s(g, "");
  s.param("zeros", {2, 2}, init::zeros());
  s.param("half", {3}, init::constant(0.5));
  s.param("kernel", {2}, init::buffer(Tensor::from({2}, {1, 3})));
  s.param("count", {}, init::buffer(Tensor::scalar(0, DType::i64)));
  const Parameters p = initial_parameters(s.declared(), 0);
  CHECK(p.size() == 4);
  CHECK(relative_error(p.at("zeros"), Tensor::from({2, 2}, {0, 0, 0, 0})) == 0);
  CHECK(relative_error(p.at("half"), Tensor::from({3}, {0.5, 0.5, 0.5})) == 0);
  CHECK(relative_error(p.at("kernel"), Tensor::from({2}, {1, 3})) == 0);
  CHECK(p.at("count").type() == Type{DType::i64, {}});
  CHECK_THROWS_WITH_AS(s.param("wrong", {3}, init::buffer(Tensor::from({2}, {1, 3}))),
                       "parameter 'wrong' is f32[3], but its initial values are f32[2]", GraphError);
  CHECK_THROWS_AS(s.param("empty", {3}, Init{.kind = Init::Kind::values}), GraphError);
}

TEST_CASE("initial_parameters: random ones are Philox numbers of seed and name") {
  Graph g;
  const Scope s(g, "net");
  s.param("normal", {5, 7}, init::normal(2));
  s.param("other", {5, 7}, init::normal(2));
  s.param("uniform", {101}, init::uniform(0.25));
  const Parameters p = initial_parameters(s.declared(), 11), again = initial_parameters(s.declared(), 11);
  const auto normal = p.at("net/normal").as<float>();
  const auto uniform = p.at("net/uniform").as<float>();
  for (std::size_t i = 0; i < normal.size(); ++i)
    CHECK(normal[i] == static_cast<float>(2 * random_normal_block(11, random_stream("net/normal"), i / 4)[i % 4]));
  for (std::size_t i = 0; i < uniform.size(); ++i) {
    const double u = random_uniform_block(11, random_stream("net/uniform"), i / 4)[i % 4];
    CHECK(uniform[i] == static_cast<float>(0.5 * u - 0.25));
    CHECK(std::fabs(uniform[i]) < 0.25f);
  }
  CHECK(relative_error(again.at("net/normal"), p.at("net/normal")) == 0);
  CHECK(relative_error(p.at("net/other"), p.at("net/normal")) > 0.5);
  CHECK(relative_error(initial_parameters(s.declared(), 12).at("net/normal"), p.at("net/normal")) > 0.5);
}
