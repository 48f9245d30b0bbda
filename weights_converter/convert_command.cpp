// IN... -o OUT: the conversion.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>

#include "g2face/models/networks.hpp"
#include "weights_converter/commands.hpp"
#include "weights_converter/convert.hpp"

namespace g2face::weights {
namespace {

struct CommandOptions {
  std::vector<std::string> inputs, only, rename;
  std::string output, map = "auto";
  std::optional<std::string> half;
  bool json = false;
};

std::vector<std::string> map_names() {
  std::vector<std::string> names = {"auto", "onnx"};
  for (const Mapping& m : mappings()) names.emplace_back(m.name);
  return names;
}

std::vector<std::string> network_choices() {
  std::vector<std::string> names(network_names().begin(), network_names().end());
  names.insert(names.end(), {"mapping", "face_model"});
  return names;
}

ConvertOptions options_of(const CommandOptions& o) {
  ConvertOptions options{.map = o.map, .only = o.only};
  if (o.half) options.half = *o.half == "bf16" ? DType::bf16 : DType::f16;
  for (const std::string& text : o.rename) {
    const std::size_t equals = text.find('=');
    const std::string from = text.substr(0, equals), to = equals == std::string::npos ? "" : text.substr(equals + 1);
    const bool stars = std::count(from.begin(), from.end(), '*') < 2 &&
                       std::count(to.begin(), to.end(), '*') <= std::count(from.begin(), from.end(), '*');
    if (equals == std::string::npos || from.empty() || !stars)
      throw CLI::ValidationError("--rename", str("'", text, "' is not FROM=TO with at most one * in each"));
    options.rename.emplace_back(from, to);
  }
  return options;
}

void run(const CommandOptions& o, std::ostream& out) {
  if (o.inputs.empty()) throw CLI::RequiredError("a file to convert, or 'inspect FILE',");
  if (o.output.empty()) throw CLI::RequiredError("--output");
  const ConvertReport report = convert(o.inputs, o.output, options_of(o));
  out << (o.json ? report.json() + "\n" : report.text());
  check<CheckpointError>(report.problems.empty(), o.output, ": ", report.problems.size(),
                         " problems, the first: ", report.problems.empty() ? "" : report.problems[0],
                         ": get the weights again");
}

}  // namespace

void add_convert(CLI::App& app, std::ostream& out) {
  const auto o = std::make_shared<CommandOptions>();
  app.add_option("inputs", o->inputs, "weights to convert into one model: PyTorch, safetensors, ONNX or MATLAB v5");
  app.add_option("-o,--output", o->output, "safetensors file to write");
  app.add_option("--map", o->map, "what the files are")->check(CLI::IsMember(map_names()))->capture_default_str();
  app.add_option_function<std::string>(
         "--half", [o](const std::string& type) { o->half = type; },
         "store floats of large tensors in 16 bits: f16 (if nothing is said) or bf16")
      ->expected(0, 1)
      ->check(CLI::IsMember({"", "f16", "bf16"}));
  app.add_option("--only", o->only, "networks to take (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(network_choices()));
  app.add_option("--rename", o->rename,
                 "FROM=TO, before names are looked up; a * stands for any text; nothing after = leaves tensors out")
      ->allow_extra_args(false);
  app.add_flag("--json", o->json, "report as one JSON object");
  app.callback([o, &app, &out] {
    if (app.get_subcommands().empty()) run(*o, out);
  });
}

}  // namespace g2face::weights
