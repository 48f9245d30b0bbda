#include "suite.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "g2face/fill.hpp"
#include "io/temporary_folder.hpp"
#include "network_file.hpp"
#include "op_file.hpp"

namespace g2face::golden {
namespace {

using nlohmann::json;
using test::TemporaryFolder;

struct Outcome {
  std::size_t passed, failed, not_yet;
  std::string text;
  bool operator==(const std::array<std::size_t, 3>& counts) const {
    return std::array{passed, failed, not_yet} == counts;
  }
};
std::ostream& operator<<(std::ostream& out, const Outcome& o) { return out << o.text; }

Outcome check_all(const std::filesystem::path& path, const Arithmetic& arithmetic = {.device = Device::reference()}) {
  std::ostringstream out;
  Report report(Report::Style::lines, out);
  SuiteOptions options;
  options.arithmetic = arithmetic;
  check_path(path, options, report);
  report.close();
  return {report.passed(), report.failed(), report.not_yet(), out.str()};
}

/// A file with one case, under names that no public file has: y = weight x + bias as the style network does it.
struct LinearFile {
  Parameters tensors;
  json attr = {{"op", "EqualLinear"},   {"version", "mlp"},          {"in_dim", 3}, {"out_dim", 2}, {"lr_mul", 0.5},
               {"activation", nullptr}, {"compute_dtype", "float64"}};
  std::string family = "g_linear_mlp";

  LinearFile() {
    const Tensor x = fill("held/input.thing", {4, 3}), w = fill("held/param.weight", {2, 3}, 2);
    const Tensor b = fill("elsewhere", {2}, 1, 0.25), dy = fill("held/cotangent.result", {4, 2});
    const double scale = 0.5 / std::sqrt(3.0);
    std::vector<float> y, dx, dw(6), db(2);
    for (std::size_t n = 0; n < 4; ++n) {
      for (std::size_t o = 0; o < 2; ++o) {
        double sum = 0.5 * b.as<float>()[o];
        for (std::size_t i = 0; i < 3; ++i) sum += scale * w.as<float>()[o * 3 + i] * x.as<float>()[n * 3 + i];
        y.push_back(static_cast<float>(sum));
      }
      for (std::size_t i = 0; i < 3; ++i) {
        double sum = 0;
        for (std::size_t o = 0; o < 2; ++o) sum += scale * w.as<float>()[o * 3 + i] * dy.as<float>()[n * 2 + o];
        dx.push_back(static_cast<float>(sum));
      }
      for (std::size_t o = 0; o < 2; ++o) {
        db[o] += 0.5f * dy.as<float>()[n * 2 + o];
        for (std::size_t i = 0; i < 3; ++i)
          dw[o * 3 + i] += static_cast<float>(scale) * dy.as<float>()[n * 2 + o] * x.as<float>()[n * 3 + i];
      }
    }
    tensors.set("held/input.thing", x);
    tensors.set("held/param.weight", w);
    tensors.set("held/output.result", Tensor::from({4, 2}, y));
    tensors.set("held/grad.thing", Tensor::from({4, 3}, dx));
    tensors.set("held/grad.weight", Tensor::from({2, 3}, dw));
    tensors.set("held/grad.bias", Tensor::from({2}, db));
    attr["fill"] = {
        {"input.thing", {{"shape", {4, 3}}, {"scale", 1.0}, {"offset", 0.0}}},
        {"param.bias", {{"shape", {2}}, {"scale", 1}, {"offset", 0.25}, {"name", "elsewhere"}, {"stored", false}}},
        {"cotangent.result", {{"shape", {4, 2}}}}};
  }

  Outcome outcome(const Arithmetic& arithmetic = {.device = Device::reference()}) {
    const TemporaryFolder folder;
    if (!tensors.metadata().contains("cases")) tensors.metadata()["cases"] = R"(["held"])";
    tensors.metadata()["held/attr"] = attr.dump();
    tensors.metadata()["family"] = family;
    tensors.save(folder / "file.safetensors");
    return check_all(folder / "file.safetensors", arithmetic);
  }
  void nudge(const std::string& name) {
    Tensor t = tensors.at(name).clone();
    t.mutable_as<float>()[1] += 1e-4f;
    tensors.set(name, t);
  }
};

TEST_CASE("a case under other names passes, also where tensors come from the fill rule") {
  const Outcome o = LinearFile().outcome();
  INFO(o);
  CHECK(o == std::array<std::size_t, 3>{1, 0, 0});
  CHECK(o.text.find("file/held") != std::string::npos);
  CHECK(o.text.find("1 passed, 0 failed\n") != std::string::npos);
}

TEST_CASE("a wrong number anywhere fails the case and is named") {
  for (const char* name : {"output.result", "grad.thing", "grad.weight", "grad.bias"}) {
    CAPTURE(name);
    LinearFile file;
    file.nudge(str("held/", name));
    const Outcome o = file.outcome();
    CHECK(o == std::array<std::size_t, 3>{0, 1, 0});
    CHECK(o.text.find(name) != std::string::npos);
    CHECK(o.text.find("FAIL") != std::string::npos);
  }
  LinearFile file;
  file.nudge("held/input.thing");
  CHECK(file.outcome().text.find("fill rule") != std::string::npos);
}

TEST_CASE("rough arithmetic compares outputs, and counts the gradients that it does not compare") {
  const Arithmetic bf16{.precision = Precision::bf16};
  LinearFile file;
  file.nudge("held/grad.weight");
  const Outcome o = file.outcome(bf16);
  INFO(o);
  CHECK(o == std::array<std::size_t, 3>{1, 0, 0});
  CHECK(o.text.find("pass: 3 gradients not compared\n") != std::string::npos);
  CHECK(o.text.find("1 passed, 0 failed; 3 gradients not compared\n") != std::string::npos);
  Tensor y = file.tensors.at("held/output.result").clone();
  y.mutable_as<float>()[1] += 0.1f;
  file.tensors.set("held/output.result", y);
  CHECK(file.outcome(bf16) == std::array<std::size_t, 3>{0, 1, 0});
}

TEST_CASE("unknown ops and families fail") {
  LinearFile file;
  file.attr["op"] = "EqualLinearity";
  CHECK(file.outcome().text.find("unknown op 'EqualLinearity'") != std::string::npos);
  CHECK(file.outcome() == std::array<std::size_t, 3>{0, 1, 0});
  file.family = "q_quantum";
  CHECK(file.outcome() == std::array<std::size_t, 3>{0, 1, 0});
}

TEST_CASE("malformed cases fail with the reason") {
  const auto reason = [](auto change, const std::string& text) {
    LinearFile file;
    change(file);
    const Outcome o = file.outcome();
    INFO(o);
    CHECK(o.failed >= 1);
    CHECK_MESSAGE(o.text.find(text) != std::string::npos, text);
  };
  reason([](LinearFile& f) { f.attr.erase("lr_mul"); }, "attribute 'lr_mul' is missing");
  reason([](LinearFile& f) { f.attr["lr_mul"] = "much"; }, "which is no number");
  reason([](LinearFile& f) { f.attr["version"] = "new"; }, "expected style or mlp");
  reason([](LinearFile& f) { f.attr["out_dim"] = 5; }, "");
  reason([](LinearFile& f) { f.attr["out_dim"] = -5; }, "");
  reason([](LinearFile& f) { f.attr.erase("op"); }, "'op' is missing");
  reason([](LinearFile& f) { f.attr = json::array(); }, "is no object");
  reason([](LinearFile& f) { f.attr["fill"] = 3; }, "'fill' is no object");
  reason([](LinearFile& f) { f.attr["fill"].erase("param.bias"); }, "lacks parameters of the module: bias");
  reason([](LinearFile& f) { f.attr["fill"]["param.bias"].erase("shape"); }, "has no 'shape'");
  reason([](LinearFile& f) { f.attr["fill"]["param.bias"]["shape"] = {1e300}; }, "no integer");
  reason([](LinearFile& f) { f.attr["fill"]["param.bias"]["shape"] = {1 << 30, 1 << 30}; }, "");
  reason([](LinearFile& f) { f.attr["fill"]["param.bias"]["shape"] = {3}; }, "");
  reason([](LinearFile& f) { f.attr["fill"]["cotangent.result"]["shape"] = {2, 4}; }, "cotangent.result");
  reason([](LinearFile& f) { f.attr["fill"]["input.thing"]["shape"] = {3, 4}; }, "but its fill entry says");
  reason([](LinearFile& f) { f.tensors.erase("held/output.result"); }, "the case records 0");
  reason([](LinearFile& f) { f.tensors.set("held/param.more", Tensor::scalar(1)); }, "has no parameter 'more'");
  reason([](LinearFile& f) { f.tensors.set("held/grad.more", Tensor::scalar(1)); }, "neither an input nor a parameter");
  reason([](LinearFile& f) { f.tensors.set("held/gradgrad.thing", Tensor::scalar(1)); }, "without a cotangent2");
  reason([](LinearFile& f) { f.tensors.set("held/state_after.x", Tensor::scalar(1)); }, "nothing was computed");
  reason([](LinearFile& f) { f.tensors.set("held/surprise.x", Tensor::scalar(1)); }, "of no known kind");
  reason([](LinearFile& f) { f.tensors.set("else/input.x", Tensor::scalar(1)); }, "belong to no case");
  reason([](LinearFile& f) { f.tensors.metadata()["cases"] = R"(["held", "lost"])"; }, "no 'lost/attr'");
  reason([](LinearFile& f) { f.tensors.metadata()["cases"] = R"({"held": 1})"; }, "'cases' is no list");
  reason([](LinearFile& f) { f.tensors.metadata()["cases"] = "[held"; }, "is no JSON");
  reason([](LinearFile& f) { f.tensors.metadata()["cases"] = "[]"; }, "'cases' is empty");
}

TEST_CASE("files that are no golden files") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(check_all(folder / "nothing"), FormatError);
  CHECK_THROWS_AS(check_all(folder.path()), FormatError);
  std::ofstream(folder / "a.safetensors") << "not a tensor file";
  std::ofstream(folder / "b.json") << R"({"network": "generator256", "cases": {"x": {}}})";
  std::ofstream(folder / "c.json") << "[";
  std::ofstream(folder / "lr_schedule.json") << "{}";
  const Outcome o = check_all(folder.path());
  INFO(o);
  CHECK(o == std::array<std::size_t, 3>{0, 4, 0});
}

json network_json() {
  return {{"network", "map_2_id"},
          {"cases",
           {{"one", {{"inputs", {{"z", "fill(q,(1,512))"}}}, {"stages", json::array()}}},
            {"two", {{"inputs", {{"as", "one"}}}}},
            {"three", {{"inputs", {{"y, z", "as two, that is as one"}, {"x", "all zero"}}}}},
            {"ring", {{"inputs", {{"as", "ring"}}}}},
            {"lost", {{"inputs", {{"z", "as nobody"}}}}},
            {"odd", {{"inputs", {{"z", 3}}}}}}}};
}

TEST_CASE("inputs of a case may be those of another") {
  NetworkFile file;
  file.description = network_json();
  for (const auto& item : file.description.at("cases").items()) file.cases.push_back(item.key());
  CHECK(file.expression("one", "z") == "fill(q,(1,512))");
  CHECK(file.expression("two", "z") == "fill(q,(1,512))");
  CHECK(file.expression("three", "z") == "fill(q,(1,512))");
  CHECK(file.expression("three", "x") == "all zero");
  CHECK_THROWS_AS(file.expression("one", "x"), FormatError);
  CHECK_THROWS_AS(file.expression("ring", "z"), FormatError);
  CHECK_THROWS_AS(file.expression("lost", "z"), FormatError);
  CHECK_THROWS_AS(file.expression("odd", "z"), FormatError);
}

TEST_CASE("a network is checked under names of its own") {
  const std::filesystem::path nets = std::filesystem::path(G2FACE_TEST_DATA) / "nets";
  const Parameters recorded = Parameters::load(nets / "map_2_id.safetensors");
  std::ifstream in(nets / "map_2_id.json");
  json description = json::parse(in);
  const std::string first = description.at("cases").begin().key();
  const auto write = [&](const TemporaryFolder& folder, auto change) {
    Parameters tensors;
    for (const auto& [name, tensor] : recorded)
      if (name.starts_with(first + "/")) tensors.set("held" + name.substr(first.size()), tensor.clone());
    json d = description;
    d["cases"] = json::object();
    d["cases"]["held"] = description.at("cases").at(first);
    change(tensors, d);
    tensors.save(folder / "held_out.safetensors");
    std::ofstream(folder / "held_out.json") << d;
    return check_all(folder.path());
  };
  const TemporaryFolder folder;
  CHECK(write(folder, [](Parameters&, json&) {}) == std::array<std::size_t, 3>{1, 0, 0});
  const auto is_refused = [&](const std::string& text, auto change) {
    const Outcome o = write(folder, change);
    INFO(o);
    CHECK(o == std::array<std::size_t, 3>{0, 1, 0});
    CHECK_MESSAGE(o.text.find(text) != std::string::npos, text);
  };
  const auto nudged = [](const char* name) {
    return [name](Parameters& t, json&) {
      if (t.at(name).dtype() == DType::f32)
        t.at(name).mutable_as<float>()[0] += 1e-2f;
      else
        t.at(name).mutable_as<double>()[0] += 1e-2;
    };
  };
  is_refused(" out ", nudged("held/out"));
  is_refused("out.sample", nudged("held/out.sample"));
  is_refused("out.stats", nudged("held/out.stats"));
  is_refused("stats", nudged("held/stage_stats"));
  is_refused("sample", nudged("held/stage_sample"));
  is_refused("nothing was computed for other", [](Parameters& t, json&) { t.set("held/other", Tensor::scalar(1)); });
  is_refused("unknown network 'map_3_id'", [](Parameters&, json& d) { d["network"] = "map_3_id"; });
  is_refused("expected", [](Parameters&, json& d) { d["cases"]["held"]["inputs"]["z"] = "fill(z,(1,512)"; });
  is_refused("", [](Parameters&, json& d) { d["cases"]["held"]["inputs"]["z"] = "fill(z,(1,511))"; });
  is_refused("", [](Parameters&, json& d) { d["cases"]["held"]["stages"][0][0] = "map_2_id.9"; });
  is_refused("has shape", [](Parameters&, json& d) { d["cases"]["held"]["stages"][0][1] = {1, 3}; });
  is_refused("stage_stats has shape", [](Parameters&, json& d) { d["cases"]["held"]["stages"].erase(0); });
}

}  // namespace
}  // namespace g2face::golden
