#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "g2face/error.hpp"
#include "g2face/tuning.hpp"
#include "plan/plan_data.hpp"

using namespace g2face;

namespace {

struct Planted {
  int runs = 0;
  bool has_numbers = true;
};

// Steps of one input and one output that sleep for so many microseconds, on the host.
Step sleeper(const std::string& name, int microseconds, Planted& planted, std::size_t workspace = 0) {
  Step step;
  step.kernel = name;
  step.workspace = workspace;
  step.run = [=, &planted](const Buffers& b, Stream&) {
    ++planted.runs;
    for (int i = 0; i < 100; ++i) planted.has_numbers = planted.has_numbers && b.get<float>(0)[i] != 0;
    b.out_as<float>()[99] = 1;
    if (workspace > 0) std::memset(b.workspace, 1, workspace);
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
  };
  return step;
}

struct Case {
  TensorDesc in{{DType::f32, {10, 10}}}, out = in;
  bool known[1] = {true};
  Signature signature() const { return {.in = {&in, 1}, .out = {&out, 1}, .known = known}; }
};

}  // namespace

TEST_CASE("tuning picks the fastest step, wherever it stands") {
  const Case c;
  Planted p;
  const Step quick = sleeper("quick", 100, p, 1000), slow = sleeper("slow", 20000, p);
  CHECK(fastest(std::vector{slow, quick}, c.signature(), Device::cpu()).kernel == "quick");
  CHECK(fastest(std::vector{quick, slow}, c.signature(), Device::cpu()).kernel == "quick");
  CHECK(p.has_numbers);
}

TEST_CASE("a step that the device refuses is left out, and named") {
  const Case c;
  Planted p;
  Step broken = sleeper("broken", 1, p);
  broken.run = [](const Buffers&, Stream&) { throw DeviceError("not supported"); };
  std::string said;
  const auto report = [&](const std::string& line) { said += line; };
  CHECK(fastest(std::vector{broken, sleeper("able", 100, p)}, c.signature(), Device::cpu(), report).kernel == "able");
  CHECK(said == "tuning: broken is left out: not supported");
  CHECK_THROWS_WITH_AS(fastest(std::vector{broken, broken}, c.signature(), Device::cpu()), "not supported",
                       DeviceError);
}

TEST_CASE("the first stays unless another is quicker by more than times vary") {
  using Times = std::vector<std::vector<double>>;
  const auto of = [](const Times& seconds) { return quickest(seconds); };
  CHECK(of({{5, 5, 5}}) == 0);
  CHECK(of({{5, 5, 5}, {5, 5, 5}}) == 0);
  CHECK(of({{5, 5, 5}, {4, 4, 4}}) == 1);
  CHECK(of({{5, 5, 5}, {4.95, 4.95, 4.95}}) == 0);    // 1 %
  CHECK(of({{5, 5, 5}, {4, 4, 4}, {3, 3, 3}}) == 2);  // not the first that is quicker
  CHECK(of({{5, 5, 5}, {3, 3, 3}, {3, 3, 3}}) == 1);  // of equals the first
  CHECK(of({{5, 5, 5, 5}, {2, 4, 4, 6}}) == 0);       // quicker by 1, varies by 2
  CHECK(of({{3, 5, 5, 7}, {4, 4, 4, 4}}) == 0);
  CHECK(of({{5, 5, 5, 5, 90}, {4, 4, 4, 4, 90}}) == 1);        // one interruption each
  CHECK(of({{5, 5, 5, 5}, {1, 3, 3, 9}, {4, 4, 4, 4}}) == 2);  // the quickest varies too much
}

TEST_CASE("steps are tuned on what they want packed") {
  const Case c;
  bool packed_seen = true;
  Step step;
  step.kernel = "packing";
  step.packings.push_back({0, 5, [](const void* from, void* to) {
                             CHECK(static_cast<const float*>(from)[99] != 0);
                             std::memset(to, 42, 5);
                           }});
  step.run = [&](const Buffers& b, Stream&) { packed_seen = packed_seen && b.get<unsigned char>(0)[4] == 42; };
  Planted p;
  CHECK(fastest(std::vector{sleeper("slow", 20000, p), step}, c.signature(), Device::cpu()).kernel == "packing");
  CHECK(packed_seen);
  CHECK(p.has_numbers);  // it has the plain input
}

TEST_CASE("what is remembered is not timed again") {
  const Case c;
  Planted p;
  const std::vector<Step> steps{sleeper("slow", 20000, p), sleeper("quick", 10, p)};
  Tuning tuning;
  CHECK(tuned(steps, "key", c.signature(), Device::cpu(), tuning).kernel == "quick");
  const int runs = p.runs;
  CHECK(runs > 2);
  CHECK(tuning.find("key") == "quick");
  CHECK(tuned(steps, "key", c.signature(), Device::cpu(), tuning).kernel == "quick");
  tuning.remember("key", "slow");  // whatever stands there is taken
  CHECK(tuned(steps, "key", c.signature(), Device::cpu(), tuning).kernel == "slow");
  CHECK(p.runs == runs);
  tuning.remember("key", "a kernel that is no more");
  CHECK(tuned(steps, "key", c.signature(), Device::cpu(), tuning).kernel == "quick");
  CHECK(p.runs > runs);
  CHECK(tuning.find("key") == "quick");
}
