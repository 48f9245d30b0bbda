#pragma once
// What the tensors of others are called in a model of this project: a table for each kind of file.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "g2face/error.hpp"
#include "g2face/models/trained_bits.hpp"

namespace g2face::weights {

/// A row: names of the form `from` become names of the form `to`. A '*' stands for any text, the same in both. The
/// first row that fits a name counts.
struct NameRule {
  std::string_view from;
  std::string_view to;           // empty: such tensors are left out,
  std::string_view reason = "";  // for this reason
  std::string_view unless = "";  // the row counts only in files that have no name of this form
};

/// The table for one kind of file.
struct Mapping {
  std::string_view name;     // as --map takes it
  std::string_view what;     // "the authors' G2Face"
  std::string_view licence;  // of such files, as far as their publishers say
  /// A file is of this kind if it has, for one of these entries, names of each of the forms that '+' joins in it.
  std::span<const std::string_view> marks;
  std::span<const NameRule> rules;
  /// The file is a face model: io::import_face_model() makes tensors of it, and there are no rules.
  bool face_model = false;
  std::optional<PayloadBits> trained_bits = {};  // of such files, where they do not say
};

/// All of them, in the order in which a file is tried.
std::span<const Mapping> mappings();

/// Throws Error, listing the names, if there is none of that name.
const Mapping& mapping_of(std::string_view name);

/// The first mapping whose marks are among the names; none if there is no such.
const Mapping* recognise(std::span<const std::string> names);

/// Whether `name` has the form of the pattern, which has at most one '*'; if so, what the '*' stands for.
std::optional<std::string_view> matched(std::string_view pattern, std::string_view name);

/// `pattern` with this text for its '*'.
std::string filled(std::string_view pattern, std::string_view text);

/// Without what training on several GPUs writes before names: "anonymous_net/module.conv1" -> "anonymous_net/conv1".
std::string without_module(std::string_view name);

/// What becomes of one tensor.
struct Destination {
  std::string name;    // in the model; empty if it is left out,
  std::string reason;  // for this reason
};

/// For each of the names of one file, by the rules of the mapping.
std::vector<Destination> destinations(const Mapping& mapping, std::span<const std::string> names);

}  // namespace g2face::weights
