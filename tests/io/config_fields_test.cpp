#include "io/config_fields.hpp"

#include <doctest/doctest.h>

#include <array>

#include "temporary_folder.hpp"

using namespace g2face;
using io::ConfigError;
using test::message_of;

namespace {

enum class Colour : std::uint8_t { red, green, blue };

struct Options {
  bool fast = false;
  std::int64_t steps = 10;
  int warm_up = 3;
  std::uint64_t seed = 1;
  double rate = 0.001, decay = 0.5;
  std::optional<double> score;
  std::string name = "plain";
  std::array<std::int64_t, 2> bands = {1, 2};
  std::vector<double> betas = {0, 0.999};
  std::vector<std::string> networks;
  std::map<std::string, double> means;
  std::map<std::int64_t, std::int64_t> channels = {{4, 512}};
  Colour colour = Colour::green;
  double l1 = 1, lpips = 2;
  bool operator==(const Options&) const = default;
};

io::VisitFields fields_of(Options& o) {
  return [&o](io::ConfigFields& f) {
    static constexpr std::array<std::string_view, 3> colours = {"red", "green", "blue"};
    f.field("fast", o.fast);
    f.field("steps", o.steps, {1, 1000});
    f.field("warm_up", o.warm_up);
    f.field("seed", o.seed);
    f.field("rate", o.rate, {.least = 0, .open = true});
    f.field("decay", o.decay, {.least = 0, .most = 1});
    f.field("score", o.score);
    f.field("name", o.name);
    f.field("bands", o.bands);
    f.field("betas", o.betas);
    f.field("networks", o.networks);
    f.field("means", o.means);
    f.field("channels", o.channels);
    f.choice("colour", o.colour, colours);
    f.group("losses", [&] {
      f.field("l1", o.l1);
      f.group("pixel", [&] { f.field("lpips", o.lpips); });
    });
  };
}

Options read(const std::string& json) {
  Options o;
  io::read_config(json, "train.json", fields_of(o));
  return o;
}

void refused(const std::string& json, const std::string& message) {
  CAPTURE(json);
  CHECK(message_of<ConfigError>([&] { read(json); }) == "train.json: " + message);
}

}  // namespace

TEST_CASE("config: what is not given stays, what is given is set") {
  CHECK(read("{}") == Options());
  Options o;
  o.fast = true;
  o.steps = 1000;
  o.warm_up = 2147483647;
  o.seed = std::uint64_t{1} << 53;
  o.rate = 1e-300;
  o.decay = 1;
  o.score = 0.1;
  o.name = "\"faces\"\n\u00fc";
  o.bands = {7, 0};
  o.betas = {0.1, 1.0 / 3, -0.0};
  o.networks = {"a", ""};
  o.means = {{"l1", 0.25}, {"", 1}};
  o.channels = {{4, 1}, {1024, 2}};
  o.colour = Colour::blue;
  o.l1 = 0;
  o.lpips = 1e300;
  const std::string text = io::write_config(fields_of(o));
  CHECK(read(text) == o);
  Options again = read(text);
  CHECK(io::write_config(fields_of(again)) == text);
  CHECK(read(R"({"steps": 1e2, "score": null, "losses": {"pixel": {"lpips": 5}}})").lpips == 5);
  CHECK(read(R"({"steps": 1e2})").steps == 100);
}

TEST_CASE("config: a key that there is not comes with the most similar ones") {
  refused(R"({"rat": 1})", "there is no option rat (did you mean rate?)");
  refused(R"({"losses": {"l2": 1}})", "there is no option losses.l2 (did you mean losses.l1?)");
  refused(R"({"lpips": 1})", "there is no option lpips (did you mean losses.pixel.lpips?)");
  refused(R"({"loses": {"l1": 1}, "dekay": 0})",
          "there is no option loses (did you mean losses?), dekay (did you mean decay?)");
  CHECK(message_of<ConfigError>([] { io::read_config(R"({"a": 1})", "x", [](io::ConfigFields&) {}); }) ==
        "x: there is no option a");
}

TEST_CASE("config: values of another type or out of range") {
  refused(R"({"fast": 1})", "fast is 1, expected true or false");
  refused(R"({"steps": "10"})", "steps is \"10\", expected a whole number from 1 to 1000");
  refused(R"({"steps": 0})", "steps is 0, expected a whole number from 1 to 1000");
  refused(R"({"steps": 1.5})", "steps is 1.5, expected a whole number from 1 to 1000");
  refused(R"({"steps": 18446744073709551615})",
          "steps is 18446744073709551615, expected a whole number from 1 to 1000");
  refused(R"({"warm_up": 2147483648})", "warm_up is 2147483648, expected a whole number from 0 to 2147483647");
  refused(R"({"seed": -1})", "seed is -1, expected a whole number from 0 on");
  refused(R"({"rate": 0})", "rate is 0, expected a number above 0");
  refused(R"({"rate": true})", "rate is true, expected a number above 0");
  refused(R"({"decay": 1.01})", "decay is 1.01, expected a number from 0 to 1");
  refused(R"({"score": "low"})", "score is \"low\", expected a number or null");
  refused(R"({"name": null})", "name is null, expected text");
  refused(R"({"bands": [1]})", "bands is [1], expected a list of 2 whole numbers");
  refused(R"({"bands": [1, 0.5]})", "bands is [1,0.5], expected a list of 2 whole numbers");
  refused(R"({"betas": [0, "x"]})", "betas is [0,\"x\"], expected a list of numbers");
  refused(R"({"networks": "a"})", "networks is \"a\", expected a list of texts");
  refused(R"({"means": {"l1": null}})", "means is null, expected numbers, as \"l1\" too");
  refused(R"({"channels": {"4x": 1}})",
          "channels is {\"4x\":1}, expected an object of whole numbers by whole numbers, as {\"4\": 512}");
  refused(R"({"colour": "pink"})", "colour is \"pink\", expected \"red\", \"green\" or \"blue\"");
  refused(R"({"losses": 3})", "losses is 3, expected an object");
  refused(R"({"losses": {"pixel": {"lpips": []}}})", "losses.pixel.lpips is [], expected a number");
}

TEST_CASE("config: text that is no JSON object") {
  refused("", "line 1, column 1: this is not JSON");
  refused("{\n  \"fast\": true,\n}", "line 3, column 1: this is not JSON");
  refused("{} x", "line 1, column 4: this is not JSON");
  refused("[1]", "is [1], expected an object");
  refused(R"({"rate": 1, "rate": 2})", "has \"rate\" twice in one object");
  refused(R"({"rate": 1e999})", "holds a number that is too large");
  const std::string deep = R"({"name":)" + std::string(1000, '[');
  refused(deep, "is nested deeper than 16 levels");
  // No beginning of a good text is accepted, and none does worse than throw.
  Options o;
  const std::string text = io::write_config(fields_of(o));
  for (std::size_t n = 0; n < text.size(); ++n) CHECK_THROWS_AS(read(text.substr(0, n)), ConfigError);
  for (std::size_t n = 0; n < text.size(); ++n) {
    std::string damaged = text;
    for (const char c : {'\0', '"', '{', '9', '\xff'}) {
      damaged[n] = c;
      try {
        read(damaged);
      } catch (const ConfigError&) {
      }
    }
  }
}

TEST_CASE("config: what JSON cannot hold is not written") {
  Options o;
  o.rate = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(io::write_config(fields_of(o)), "rate is nan, which JSON cannot hold", ConfigError);
  o = {};
  o.lpips = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(io::write_config(fields_of(o)), "losses.pixel.lpips is inf, which JSON cannot hold",
                       ConfigError);
  o = {};
  o.name = std::string(1, '\xff');
  CHECK_THROWS_WITH_AS(io::write_config(fields_of(o)), "name is text that is not UTF-8", ConfigError);
}

TEST_CASE("config: facts of a model file live side by side") {
  Parameters parameters;
  Options o, other;
  CHECK_FALSE(io::read_fact(parameters, "training", "x", fields_of(o)));
  parameters.metadata()["g2face"] = R"({"licence":"MIT","architecture":{"name":"a"}})";
  CHECK_FALSE(io::read_fact(parameters, "training", "x", fields_of(o)));
  o.steps = 77;
  io::write_fact(parameters, "training", fields_of(o));
  CHECK(io::read_fact(parameters, "training", "x", fields_of(other)));
  CHECK(other == o);
  CHECK(parameters.metadata().at("g2face").starts_with(R"({"licence":"MIT","architecture":{"name":"a"},"training":{)"));
  CHECK(message_of<ConfigError>([&] { io::read_fact(parameters, "licence", "x", fields_of(o)); }) ==
        "x: licence is \"MIT\", expected an object");
}
