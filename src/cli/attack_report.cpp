#include "cli/attack_report.hpp"

#include <iomanip>
#include <sstream>

#include "g2face/error.hpp"
#include "g2face/version.hpp"
#include "io/html_report.hpp"
#include "io/json_text.hpp"

namespace g2face::cli {

namespace {

const char* verdict(const AttackRow& row) { return !row.passed ? "-" : *row.passed ? "pass" : "FAIL"; }

std::string rounded(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

}  // namespace

std::int64_t AttackReport::false_accepts() const {
  std::int64_t sum = 0;
  for (const AttackRow& row : rows) sum += row.false_accepts;
  return sum;
}

std::string AttackReport::text() const {
  std::ostringstream out;
  out << note << "\n"
      << std::left << std::setw(52) << "attack" << std::setw(16) << "on" << std::right << std::setw(9) << "tries"
      << std::setw(8) << "opened" << std::setw(8) << "false"
      << "  verdict\n";
  for (const AttackRow& row : rows) {
    out << std::left << std::setw(52) << row.attack << std::setw(16) << row.on << std::right << std::setw(9)
        << row.tries << std::setw(8) << row.opened << std::setw(8) << row.false_accepts << "  " << std::left
        << std::setw(5) << verdict(row) << row.figure << "\n";
  }
  out << "false accepts: " << false_accepts() << "\n";
  return out.str();
}

std::string AttackReport::json() const {
  io::JsonObject all;
  all.set("note", note).set("false_accepts", false_accepts()).set_list("attacks");
  for (const AttackRow& row : rows) {
    io::JsonObject line;
    line.set("attack", row.attack)
        .set("on", row.on)
        .set("tries", row.tries)
        .set("opened", row.opened)
        .set("false_accepts", row.false_accepts)
        .set("figure", row.figure)
        .set("meaning", row.meaning)
        .set("criterion", row.criterion);
    if (row.passed) line.set("passed", *row.passed);
    line.set("seconds", row.seconds);
    all.add("attacks", std::move(line));
  }
  return all.str();
}

void AttackReport::save_page(const std::filesystem::path& path) const {
  io::HtmlReport page{
      .title = "g2face attack",
      .note = note,
      .pictures = {},
      .columns = {"on", "tries", "opened", "false accepts", "measured", "what it means", "criterion", "verdict",
                  "seconds"},
      .rows = {},
      .bars = {.title = "Opened with the right key, share of tries", .series = {"opened"}, .groups = {}},
      .histogram = {.title = "Cosines of anonymized faces with originals",
                    .axis = "cosine of identities",
                    .series = {{"with their own", own}, {"with others'", others}}}};
  for (const AttackRow& row : rows) {
    page.rows.push_back({row.attack,
                         {row.on, str(row.tries), str(row.opened), str(row.false_accepts), row.figure, row.meaning,
                          row.criterion, verdict(row), rounded(row.seconds, 2)}});
    const std::string flips = "flipped ";
    if (row.attack.starts_with(flips)) {
      page.bars.groups.push_back(
          {row.attack.substr(flips.size()), {static_cast<double>(row.opened) / static_cast<double>(row.tries)}});
    }
  }
  page.rows.push_back({"made by", {str("g2face ", version(), " (", revision(), ")")}});
  io::save_html(path, page);
}

}  // namespace g2face::cli
