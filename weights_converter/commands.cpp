#include "weights_converter/commands.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <new>
#include <ostream>

#include "g2face/version.hpp"
#include "weights_converter/inspect.hpp"

namespace g2face::weights {
namespace {

constexpr int failed = 1, wrong_usage = 2, bad_input = 3, bad_model = 5, no_memory = 6;

/// Whatever stands in a file's name, an error is one line.
int report(std::ostream& errors, int code, std::string line) {
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  errors << "g2face-convert: error: " << line << '\n';
  return code;
}

}  // namespace

void add_inspect(CLI::App& app, std::ostream& out) {
  struct Options {
    std::string file;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("inspect", "names, types, shapes, strides and hashes of what a file holds");
  command->add_option("file", options->file, "weights: PyTorch, safetensors, ONNX or MATLAB v5")->required();
  command->add_flag("--json", options->json, "as one JSON object");
  command->callback([options, &out] {
    const std::unique_ptr<WeightFile> file = open_weight_file(options->file);
    options->json ? inspect_json(*file, out) : inspect_table(*file, out);
  });
}

int run_program(std::vector<std::string> arguments, std::ostream& out, std::ostream& errors) {
  CLI::App app("g2face-convert: weights of others, read without running anything in them", "g2face-convert");
  app.set_version_flag("--version", str("g2face-convert ", version(), " (", revision(), ")"));
  app.require_subcommand(0, 1);
  add_convert(app, out);
  add_inspect(app, out);
  try {
    std::ranges::reverse(arguments);  // as CLI11 takes them
    app.parse(std::move(arguments));
    out.flush();
    check(out.good(), "standard output: cannot write the results: free space there");
    return 0;
  } catch (const CLI::Success& help) {
    return app.exit(help, out, errors);
  } catch (const CLI::ParseError& e) {
    return report(errors, wrong_usage, str(e.what(), ": see 'g2face-convert --help'"));
  } catch (const WeightFileError& e) {
    return report(errors, bad_input, e.what());
  } catch (const CheckpointError& e) {
    return report(errors, bad_model, e.what());
  } catch (const std::bad_alloc&) {
    return report(errors, no_memory, "memory ran out: close other programs");
  } catch (const std::exception& e) {
    return report(errors, failed, e.what());
  }
}

}  // namespace g2face::weights
