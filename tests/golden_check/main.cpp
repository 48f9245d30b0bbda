// golden_check: compares the library with recorded results of the reference implementation.

#include <charconv>
#include <cstring>
#include <iostream>

#include "op_file.hpp"
#include "suite.hpp"

namespace {

using namespace g2face;
using namespace g2face::golden;

constexpr const char* usage = R"(usage: golden_check PATH... [options]
PATH is a golden folder (with ops/, nets/, images/ and perhaps manifests/), one of its folders, or a file.
  --device reference|cpu|cuda[:N]  where to compute (default cpu)
  --precision NAME              strict (default, also called f32), fast or bf16; on cuda also tf32 and f16.
                                Where products are rounded (bf16, tf32, f16), gradients are not compared: they jump
                                where a rounded activation changes sign (docs/goldens.md). They are counted.
  --threads N                   threads of a computation (default: all)
  --jobs N                      operator cases at once (default 1)
  --manifests DIR, --images DIR in place of the folders beside the golden files
  --model FILE                  weights of single networks from a model, which must hold the recorded ones
  --only PATTERN                cases whose name contains PATTERN; * stands for any text
  --max-parameters N            leave out operator cases with more
  --no-stages                   leave out the inner stages of networks
  --verbose                     a line for each tensor
  --json                        the report as JSON
Exit code: 0 if nothing failed, 1 if something did, 2 for wrong usage, 3 if there was nothing to check,
6 if the device cannot be used.
)";

struct UsageError : Error {
  using Error::Error;
};

int integer(const std::string& option, const std::string& text, int most = 1024) {
  int v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  check<UsageError>(error == std::errc() && end == text.data() + text.size() && v >= 1 && v <= most, option, ": '",
                    text, "' is no number from 1 to ", most);
  return v;
}

Precision precision(const std::string& text) {
  if (text == "f32") return Precision::strict;
  try {
    return parse_precision(text);
  } catch (const Error& e) {
    throw UsageError(str("--", e.what()));
  }
}

struct CommandLine {
  std::vector<std::filesystem::path> paths;
  SuiteOptions options;
  Report::Style style = Report::Style::lines;
  bool help = false;
};

CommandLine parse(const std::vector<std::string>& arguments) {
  CommandLine line;
  SuiteOptions& o = line.options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& a = arguments[i];
    const auto value = [&] {
      check<UsageError>(i + 1 < arguments.size(), a, ": needs a value");
      return arguments[++i];
    };
    if (a == "--help" || a == "-h")
      line.help = true;
    else if (a == "--device")
      o.arithmetic.device = Device::parse(value());
    else if (a == "--precision")
      o.arithmetic.precision = precision(value());
    else if (a == "--threads")
      o.arithmetic.threads = integer(a, value());
    else if (a == "--jobs")
      o.jobs = integer(a, value());
    else if (a == "--max-parameters")
      o.max_parameters = integer(a, value(), 1'000'000'000);
    else if (a == "--manifests")
      o.manifests = value();
    else if (a == "--images")
      o.images = value();
    else if (a == "--model")
      o.model = value();
    else if (a == "--only")
      o.only = value();
    else if (a == "--no-stages")
      o.stages = false;
    else if (a == "--verbose")
      line.style = Report::Style::verbose;
    else if (a == "--json")
      line.style = Report::Style::json;
    else {
      check<UsageError>(!a.starts_with("-"), a, ": unknown option");
      line.paths.emplace_back(a);
    }
  }
  check<UsageError>(line.help || !line.paths.empty(), "no PATH was given");
  check<UsageError>(offers(o.arithmetic.device, o.arithmetic.precision), "--precision ",
                    name_of(o.arithmetic.precision), ": ", o.arithmetic.device, " offers strict, fast and bf16");
  return line;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const CommandLine line = parse({argv + 1, argv + argc});
    if (line.help) {
      std::cout << usage;
      return 0;
    }
    Report report(line.style, std::cout);
    for (const std::filesystem::path& path : line.paths) check_path(path, line.options, report);
    report.close();
    if (report.failed() > 0) return 1;
    if (report.passed() == 0 && report.not_yet() == 0) {
      std::cerr << "golden_check: error: no case matches '" << line.options.only << "'\n";
      return 3;
    }
    return 0;
  } catch (const UsageError& e) {
    std::cerr << "golden_check: error: " << e.what() << "; see --help\n";
    return 2;
  } catch (const DeviceError& e) {
    std::cerr << "golden_check: error: " << e.what() << '\n';
    return 6;
  } catch (const std::exception& e) {
    std::cerr << "golden_check: error: " << e.what() << '\n';
    return 3;
  }
}
