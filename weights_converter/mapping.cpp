#include "weights_converter/mapping.hpp"

#include <algorithm>

namespace g2face::weights {
namespace {

bool has(std::span<const std::string> names, std::string_view pattern) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return matched(pattern, name).has_value(); });
}

/// `mark` is "a+b+c".
bool has_all(std::span<const std::string> names, std::string_view mark) {
  while (!mark.empty()) {
    const std::size_t end = std::min(mark.find('+'), mark.size());
    if (!has(names, mark.substr(0, end))) return false;
    mark.remove_prefix(std::min(end + 1, mark.size()));
  }
  return true;
}

}  // namespace

std::optional<std::string_view> matched(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name ? std::optional(std::string_view()) : std::nullopt;
  const std::string_view begin = pattern.substr(0, star), end = pattern.substr(star + 1);
  if (name.size() < begin.size() + end.size() || !name.starts_with(begin) || !name.ends_with(end)) return std::nullopt;
  return name.substr(begin.size(), name.size() - begin.size() - end.size());
}

std::string filled(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return std::string(pattern);
  return str(pattern.substr(0, star), text, pattern.substr(star + 1));
}

std::string without_module(std::string_view name) {
  constexpr std::string_view module = "module.";
  std::string result;
  for (bool begins = true; !name.empty();) {
    if (begins && name.starts_with(module)) {
      name.remove_prefix(module.size());
      continue;
    }
    begins = name.front() == '/';
    result += name.front();
    name.remove_prefix(1);
  }
  return result;
}

const Mapping& mapping_of(std::string_view name) {
  std::string all;
  for (const Mapping& m : mappings()) {
    if (m.name == name) return m;
    all += str(all.empty() ? "" : ", ", m.name);
  }
  throw Error(str("mapping '", name, "' is unknown; there are ", all));
}

const Mapping* recognise(std::span<const std::string> names) {
  for (const Mapping& m : mappings()) {
    if (std::any_of(m.marks.begin(), m.marks.end(), [&](std::string_view mark) { return has_all(names, mark); }))
      return &m;
  }
  return nullptr;
}

std::vector<Destination> destinations(const Mapping& mapping, std::span<const std::string> names) {
  std::vector<const NameRule*> rules;
  for (const NameRule& rule : mapping.rules) {
    if (rule.unless.empty() || !has(names, rule.unless)) rules.push_back(&rule);
  }
  std::vector<Destination> result;
  result.reserve(names.size());
  for (const std::string& name : names) {
    Destination d{"", "no row of the mapping fits it"};
    for (const NameRule* rule : rules) {
      const std::optional<std::string_view> rest = matched(rule->from, name);
      if (!rest) continue;
      d = {filled(rule->to, *rest), std::string(rule->reason)};
      break;
    }
    result.push_back(std::move(d));
  }
  return result;
}

}  // namespace g2face::weights
