#pragma once
// Compares an op with a recorded case of the original: outputs, gradients, gradients of gradients.

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>

#include "evaluate.hpp"
#include "g2face/graph/gradients.hpp"
#include "g2face/ops.hpp"
#include "g2face/parameters.hpp"

namespace g2face::testing {

/// Inputs and parameters by the names they have in the file: "input.x", "param.bias".
using Named = std::map<std::string, Value>;

/// Builds output y of the case with `build` and compares all that is recorded of it (output.y, grad.*,
/// gradgrad.*), which was computed in double and rounded to f32.
inline void check_golden(const std::string& family, const std::string& name,
                         const std::function<Value(const Named&)>& build) {
  INFO(family << " " << name);
  const Parameters file = Parameters::load(str(G2FACE_TEST_DATA, "/ops/", family, ".safetensors"));
  Graph graph;
  Feeds feeds;
  Named given;
  const std::string prefix = name + "/";
  const auto feed = [&](const std::string& key) {
    const Tensor& tensor = file.at(prefix + key);
    const Value v = graph.input(tensor.type(), key);
    feeds.emplace_back(v, tensor);
    return v;
  };
  for (const auto& [full, tensor] : file) {
    if (full.rfind(prefix, 0) != 0) continue;
    const std::string key = full.substr(prefix.size());
    if (key.rfind("input.", 0) == 0 || key.rfind("param.", 0) == 0) given.emplace(key, feed(key));
  }
  REQUIRE(!given.empty());

  std::map<std::string, Value> computed;
  const Value y = build(given);
  computed["output.y"] = y;
  const Value dy = file.contains(prefix + "cotangent.y") ? feed("cotangent.y") : Value{};
  Value second;  // the scalar that gradients of gradients are of
  for (const auto& [key, v] : given) {
    const std::string wrt = key.substr(6);
    if (!file.contains(prefix + "grad." + wrt)) continue;
    const Value g = computed["grad." + wrt] = gradients(y, {v}, dy)[0];
    if (!file.contains(prefix + "cotangent2." + wrt)) continue;
    const Value term = sum(g * feed("cotangent2." + wrt));
    second = second ? second + term : term;
  }
  if (second) {
    computed["gradgrad.y"] = gradients(second, {dy})[0];
    for (const auto& [key, v] : given) {
      const std::string wrt = "gradgrad." + key.substr(6);
      if (file.contains(prefix + wrt)) computed[wrt] = gradients(second, {v})[0];
    }
  }

  std::vector<Value> outputs;
  std::vector<std::string> keys;
  for (const auto& [key, v] : computed) {
    if (!file.contains(prefix + key)) continue;
    outputs.push_back(v);
    keys.push_back(key);
  }
  const std::vector<Tensor> got = evaluate(outputs, feeds);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const Tensor& want = file.at(prefix + keys[i]);
    INFO(keys[i]);
    CHECK(got[i].shape() == want.shape());
    CHECK(relative_error(got[i], want.to(DType::f64)) < 2e-7);
  }
}

}  // namespace g2face::testing
