#include "weights_converter/convert.hpp"

#include <algorithm>
#include <filesystem>

#include "g2face/models/check.hpp"
#include "g2face/models/face_model.hpp"
#include "io/config_fields.hpp"
#include "io/safetensors_writer.hpp"

namespace g2face::weights {
namespace {

ConvertReport report_of(const Conversion& conversion, const std::vector<Source>& sources) {
  ConvertReport report;
  report.config = conversion.config;
  report.fresh = conversion.fresh;
  report.bits = conversion.bits;
  std::vector<std::size_t> inputs;  // of the sources
  const auto add = [&](const Source& s, const std::string& path, const std::string& format,
                       const std::shared_future<std::string>& sha256) -> ConvertReport::Input& {
    return report.inputs.emplace_back(
        ConvertReport::Input{path, format, std::string(s.mapping->name), std::string(s.mapping->what),
                             std::string(s.mapping->licence), sha256.valid() ? sha256.get() : std::string()});
  };
  for (const Source& s : sources) {
    inputs.push_back(report.inputs.size());
    add(s, s.file->path(), s.file->format(), s.sha256);
    for (const Source::Part& part : s.parts) add(s, part.path, part.format, part.sha256).part_of = s.file->path();
  }
  for (const Taken& t : conversion.taken) {
    if (!t.stored) {
      report.constants.push_back(t.name);
      continue;
    }
    report.used.push_back({t.stored->name, t.name, sources[t.source].file->path()});
    ++report.inputs[inputs[t.source]].taken;
  }
  for (const Ignored& i : conversion.ignored) {
    report.ignored.push_back({i.name, i.reason, sources[i.source].file->path()});
    ++report.inputs[inputs[i.source]].ignored;
  }
  return report;
}

/// The architecture, what face models say of themselves, and where everything comes from.
Parameters facts_of(const ConvertReport& report, const std::vector<Source>& sources) {
  Parameters facts;
  report.config.store(facts);
  for (const Source& s : sources) {
    const bool has_face_model = std::any_of(s.file->tensors().begin(), s.file->tensors().end(),
                                            [](const auto& t) { return t.name.starts_with("face_model/"); });
    if (has_face_model) FaceModelFacts::of(s.facts).store(facts);
  }
  if (report.bits) store_trained_bits(facts, *report.bits);
  io::write_fact(facts, "sources", [&](io::ConfigFields& f) {
    for (const ConvertReport::Input& input : report.inputs) {
      std::string file = std::filesystem::path(input.file).filename().string(), mapping = input.mapping,
                  licence = input.licence;
      f.group(input.sha256.empty() ? file : input.sha256, [&] {
        f.field("file", file);
        f.field("map", mapping);
        f.field("licence", licence);
      });
    }
  });
  return facts;
}

/// A file that is no longer open: nothing of it is in memory while the result is checked.
void check_result(ConvertReport& report) {
  const Parameters model = Parameters::load(report.output);
  std::vector<std::string> partial;
  if (!report.fresh.empty()) partial.emplace_back("generator");
  ModelCheck found = check_model(model, report.config, partial);
  report.networks = std::move(found.networks);
  if (model.contains("face_model/mean_shape")) report.networks.emplace_back("face_model");
  report.absent = std::move(found.absent);
  report.problems = std::move(found.problems);
}

}  // namespace

ConvertReport convert(std::vector<Source> sources, const std::string& output, const ConvertOptions& options) {
  for (const Source& s : sources) {
    const auto is_output = [&](const std::string& path) {
      std::error_code ignored;
      return std::filesystem::equivalent(path, output, ignored);
    };
    const bool part = std::any_of(s.parts.begin(), s.parts.end(), [&](const auto& p) { return is_output(p.path); });
    check<CheckpointError>(!part && !is_output(s.file->path()), output,
                           ": is one of the inputs: give the model another name");
  }
  const Conversion conversion = prepare(sources, options);
  ConvertReport report = report_of(conversion, sources);
  report.output = output;

  std::vector<io::NamedType> stored;
  std::map<std::string_view, const Taken*> by_name;
  for (const Taken& t : conversion.taken) {
    stored.push_back({t.name, t.type});
    by_name.emplace(t.name, &t);
  }
  std::vector<std::byte> buffer;
  io::write_safetensors(output, stored, facts_of(report, sources).metadata(), [&](const io::NamedType& tensor) {
    return contents_of(*by_name.at(tensor.name), sources, buffer);
  });
  buffer = {};
  sources.clear();
  check_result(report);
  return report;
}

}  // namespace g2face::weights
