#pragma once
// The table of `g2face attack`: as text, JSON and a page.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace g2face::cli {

/// One line. What counts as passed stands in `criterion`; no verdict where nothing is promised.
struct AttackRow {
  std::string attack;
  std::string on;  // pixels, bits as hidden, ...
  std::int64_t tries = 0, opened = 0, false_accepts = 0;
  std::string figure;  // what else was measured, in words
  std::string meaning, criterion;
  std::optional<bool> passed;
  double seconds = 0;
};

struct AttackReport {
  std::string note;
  std::vector<AttackRow> rows;
  std::vector<float> own, others;  // cosines of anonymized faces with their originals, and with those of others

  std::int64_t false_accepts() const;
  std::string text() const;
  /// On one line.
  std::string json() const;
  /// Throws ImageError.
  void save_page(const std::filesystem::path& path) const;
};

}  // namespace g2face::cli
