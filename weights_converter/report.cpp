#include <algorithm>
#include <map>

#include "io/json_text.hpp"
#include "weights_converter/convert.hpp"

namespace g2face::weights {
namespace {

constexpr std::size_t shown_names = 5;

std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), shown_names); ++i) text += str(i > 0 ? ", " : "", names[i]);
  if (names.size() > shown_names) text += str(" and ", names.size() - shown_names, " more");
  return text;
}

}  // namespace

std::string ConvertReport::text() const {
  std::string text =
      str(output, ": ", config.name, ", ", config.resolution, " px, ", used.size() + constants.size(), " tensors\n");
  for (const Input& input : inputs) {
    text += str("  ", input.file, ": ", input.what, " (", input.format, ", --map ", input.mapping, "): ",
                input.part_of.empty() ? str(input.taken, " tensors used, ", input.ignored, " ignored")
                                      : str("a part of what ", input.part_of, " gives"),
                "\n    licence: ", input.licence, "\n");
    if (!input.sha256.empty()) text += str("    sha256: ", input.sha256, "\n");
    std::map<std::string, std::vector<std::string>> by_reason;
    for (const Name& name : ignored)
      if (name.file == input.file) by_reason[name.to].push_back(name.from);
    for (const auto& [reason, names] : by_reason) text += str("    ignored, ", reason, ": ", some_of(names), "\n");
  }
  if (!constants.empty()) text += str("  in no file, filled in: ", some_of(constants), "\n");
  if (!fresh.empty())
    text += str("  the generator has its prior alone; 'g2face train --start' begins with fresh values for ",
                fresh.size(), " others\n");
  text += str("  networks: ", networks.empty() ? "none" : "");
  for (std::size_t i = 0; i < networks.size(); ++i) text += str(i > 0 ? ", " : "", networks[i]);
  text += "\n";
  if (!absent.empty()) text += str("  missing, and needed to anonymize: ", some_of(absent), "\n");
  for (const std::string& problem : problems) text += str("  problem: ", problem, "\n");
  return text;
}

std::string ConvertReport::json() const {
  const auto names = [](const std::vector<Name>& all, const std::string& file) {
    io::JsonObject object;
    for (const Name& name : all)
      if (name.file == file) object.set(name.from, name.to);
    return object;
  };
  io::JsonObject sources;
  for (const Input& input : inputs) {
    sources.set(input.file, io::JsonObject()
                                .set("format", input.format)
                                .set("map", input.mapping)
                                .set("licence", input.licence)
                                .set("sha256", input.sha256)
                                .set("part_of", input.part_of)
                                .set("used", names(used, input.file))
                                .set("ignored", names(ignored, input.file)));
  }
  return io::JsonObject()
      .set("file", output)
      .set("architecture", config.name)
      .set("resolution", config.resolution)
      .set("inputs", sources)
      .set("filled_in", constants)
      .set("fresh", fresh)
      .set("networks", networks)
      .set("missing", absent)
      .set("problems", problems)
      .str();
}

}  // namespace g2face::weights
