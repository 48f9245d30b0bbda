#pragma once
// What was checked and how it went.

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace g2face::golden {

/// One comparison. NaN errors fail.
struct Finding {
  std::string tensor;
  double error = 0;
  double limit = 0;
  bool ok() const { return error <= limit; }
};

enum class Status { passed, failed, not_yet };

/// A case and its comparisons. `message` says why a case failed without a comparison, or what it waits for.
struct CaseResult {
  std::string name;
  std::vector<Finding> findings;
  std::string message;
  std::string note;              // what a reader should know of a case that passed
  bool waits = false;            // for something that this build lacks
  std::size_t not_compared = 0;  // recorded results that mean nothing in the arithmetic under test
  double seconds = 0;

  Status status() const;
  /// The comparison that is nearest to its limit or farthest above it; null if there is none.
  const Finding* worst() const;
};

CaseResult failed(std::string name, std::string message);
CaseResult not_yet(std::string name, std::string message);

class Report {
 public:
  enum class Style { lines, verbose, json };
  Report(Style style, std::ostream& out) : style_(style), out_(out) {}

  /// Counts the case and, unless the style is json, prints it.
  void add(CaseResult result);
  /// Counts a case that is not checked because the user said so.
  void leave_out() { ++left_out_; }
  /// The closing line, or the whole report as JSON.
  void close();

  std::size_t passed() const { return count_[0]; }
  std::size_t failed() const { return count_[1]; }
  std::size_t not_yet() const { return count_[2]; }
  std::size_t not_compared() const { return not_compared_; }

 private:
  Style style_;
  std::ostream& out_;
  std::size_t count_[3] = {0, 0, 0};
  std::size_t left_out_ = 0, not_compared_ = 0;
  std::vector<CaseResult> cases_;
};

}  // namespace g2face::golden
