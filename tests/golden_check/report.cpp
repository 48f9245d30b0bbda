#include "report.hpp"

#include <cmath>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>
#include <utility>

namespace g2face::golden {
namespace {

constexpr int name_width = 52, tensor_width = 36;

const char* word(Status status) {
  switch (status) {
    case Status::passed:
      return "pass";
    case Status::failed:
      return "FAIL";
    default:
      return "not yet";
  }
}

double severity(const Finding& f) {
  if (!f.ok() && !std::isfinite(f.error)) return HUGE_VAL;
  if (f.limit > 0) return f.error / f.limit;
  return f.ok() ? 0 : HUGE_VAL;
}

std::string number(double v) {
  std::ostringstream out;
  out << std::scientific << std::setprecision(1) << v;
  return out.str();
}

void print_line(std::ostream& out, const std::string& name, const Finding* f, const char* verdict,
                const std::string& message) {
  out << std::left << std::setw(name_width) << name << ' ';
  if (f)
    out << std::setw(tensor_width) << f->tensor << " error " << number(f->error) << "  limit " << number(f->limit)
        << "  ";
  out << verdict;
  if (!message.empty()) out << ": " << message;
  out << '\n';
}

nlohmann::json number_or_text(double v) {
  if (std::isfinite(v)) return v;
  return std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf";
}

nlohmann::json as_json(const CaseResult& c) {
  nlohmann::json tensors = nlohmann::json::array();
  for (const Finding& f : c.findings)
    tensors.push_back(
        {{"name", f.tensor}, {"error", number_or_text(f.error)}, {"limit", number_or_text(f.limit)}, {"ok", f.ok()}});
  nlohmann::json j = {{"name", c.name}, {"status", word(c.status())}, {"seconds", c.seconds}, {"tensors", tensors}};
  if (!c.message.empty()) j["message"] = c.message;
  if (!c.note.empty()) j["note"] = c.note;
  if (c.not_compared > 0) j["not_compared"] = c.not_compared;
  return j;
}

}  // namespace

Status CaseResult::status() const {
  if (waits) return Status::not_yet;
  if (!message.empty() || findings.empty()) return Status::failed;
  for (const Finding& f : findings)
    if (!f.ok()) return Status::failed;
  return Status::passed;
}

const Finding* CaseResult::worst() const {
  const Finding* worst = nullptr;
  for (const Finding& f : findings)
    if (!worst || severity(f) > severity(*worst)) worst = &f;
  return worst;
}

CaseResult failed(std::string name, std::string message) {
  CaseResult r;
  r.name = std::move(name);
  r.message = std::move(message);
  return r;
}

CaseResult not_yet(std::string name, std::string message) {
  CaseResult r = failed(std::move(name), std::move(message));
  r.waits = true;
  return r;
}

void Report::add(CaseResult result) {
  const Status status = result.status();
  ++count_[static_cast<int>(status)];
  not_compared_ += result.not_compared;
  if (status == Status::failed && result.findings.empty() && result.message.empty())
    result.message = "the case has nothing to compare";
  if (style_ == Style::json) {
    cases_.push_back(std::move(result));
    return;
  }
  if (style_ == Style::verbose)
    for (const Finding& f : result.findings) print_line(out_, result.name, &f, f.ok() ? "pass" : "FAIL", {});
  if (style_ == Style::lines || result.findings.empty() || !result.message.empty())
    print_line(out_, result.name, result.worst(), word(status), result.message.empty() ? result.note : result.message);
  out_.flush();
}

void Report::close() {
  if (style_ == Style::json) {
    nlohmann::json cases = nlohmann::json::array();
    for (const CaseResult& c : cases_) cases.push_back(as_json(c));
    const nlohmann::json all = {{"cases", cases},       {"passed", passed()},    {"failed", failed()},
                                {"not_yet", not_yet()}, {"left_out", left_out_}, {"not_compared", not_compared_}};
    out_ << all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    return;
  }
  out_ << passed() << " passed, " << failed() << " failed";
  if (not_yet() > 0) out_ << ", " << not_yet() << " not yet";
  if (left_out_ > 0) out_ << ", " << left_out_ << " left out";
  if (not_compared_ > 0) out_ << "; " << not_compared_ << " gradients not compared";
  out_ << '\n';
}

}  // namespace g2face::golden
