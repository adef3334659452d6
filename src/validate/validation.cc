#include "validate/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "core/exit_code.h"
#include "report/rows.h"
#include "report/table.h"

namespace ose {
namespace {

constexpr double kFamilyError = 0.05;  // chance that any right row is called off

double HalfWidth(const Interval& i) { return (i.hi - i.lo) / 2; }

// Holm's step-down test (Scandinavian Journal of Statistics 6, 1979): marks the rows whose reference
// is rejected so that the chance of one false alarm among all is at most kFamilyError.
std::vector<const ValidationRow*> HolmRejected(const std::vector<ValidationRow>& rows) {
  std::vector<const ValidationRow*> tested, rejected;
  for (const ValidationRow& r : rows)
    if (r.criterion == Criterion::kContains && r.p) tested.push_back(&r);
  std::sort(tested.begin(), tested.end(), [](auto* a, auto* b) { return *a->p < *b->p; });
  for (size_t i = 0; i < tested.size() && *tested[i]->p < kFamilyError / static_cast<double>(tested.size() - i); ++i)
    rejected.push_back(tested[i]);
  return rejected;
}

RowVerdict VerdictOf(const ValidationRow& r, bool rejected) {
  if (!r.measured || !std::isfinite(r.measured->mean)) return RowVerdict::kUnresolved;
  const Interval& m = *r.measured;
  switch (r.criterion) {
    case Criterion::kContains:
      if (rejected) return RowVerdict::kOff;
      return HalfWidth(m) <= r.limit * std::fabs(r.reference) ? RowVerdict::kOk : RowVerdict::kUnresolved;
    case Criterion::kWithin: {
      const double allowed = r.limit * std::fabs(r.reference);
      if (std::fabs(m.mean - r.reference) <= allowed) return RowVerdict::kOk;
      return m.lo - r.reference > allowed || r.reference - m.hi > allowed ? RowVerdict::kOff : RowVerdict::kUnresolved;
    }
    case Criterion::kAtLeast: return m.mean >= r.limit ? RowVerdict::kOk : RowVerdict::kOff;
  }
  return RowVerdict::kUnresolved;
}

std::string Number(double x) { return fmt::format("{:.5g}", x); }

std::vector<std::string> Cells(const ValidationRow& r) {
  std::vector<std::string> cells = {r.name, r.criterion == Criterion::kAtLeast ? "" : Number(r.reference)};
  if (r.measured) {
    const double half = HalfWidth(*r.measured), base = std::fabs(r.reference);
    cells.push_back(half > 0 ? fmt::format("{} ±{:.2g}", Number(r.measured->mean), half) : Number(r.measured->mean));
    cells.push_back(r.criterion == Criterion::kAtLeast || base == 0 ? "" : fmt::format("{:+.2f}%", 100 * (r.measured->mean - r.reference) / base));
  } else {
    cells.insert(cells.end(), {"-", ""});
  }
  cells.push_back(r.unit == "1" ? "" : r.unit);
  switch (r.criterion) {
    case Criterion::kContains: cells.push_back(fmt::format("half width {:.3g}%", 100 * r.limit)); break;
    case Criterion::kWithin: cells.push_back(fmt::format("within {:.3g}%", 100 * r.limit)); break;
    case Criterion::kAtLeast: cells.push_back(fmt::format("at least {:.3g}", r.limit)); break;
  }
  cells.push_back(r.p ? fmt::format("{:.3f}", *r.p) : "");
  cells.push_back(VerdictName(r.verdict));
  return cells;
}

const std::vector<std::string>& Header() {
  static const std::vector<std::string> header = {"what", "reference", "measured", "error", "unit", "demand", "p", "verdict"};
  return header;
}

// What the verdicts mean together.
std::string Summary(const ValidationTable& table) {
  size_t tested = 0, inside = 0, count[3] = {};
  for (const ValidationRow& r : table.rows) {
    ++count[static_cast<int>(r.verdict)];
    if (r.criterion != Criterion::kContains || !r.measured) continue;
    ++tested;
    inside += r.measured->lo <= r.reference && r.reference <= r.measured->hi;
  }
  std::string out = fmt::format("{} rows: {} ok, {} off, {} unresolved.", table.rows.size(), count[0], count[1], count[2]);
  if (tested > 0)
    out += fmt::format(" {} of {} references are inside their 95% interval ({:.1f} are expected if the model is right); a row is off if "
                       "Holm's test over all of them rejects it at 5%.",
                       inside, tested, 0.95 * static_cast<double>(tested));
  return out;
}

// Groups in the order of their first row.
std::vector<std::string> Groups(const ValidationTable& table) {
  std::vector<std::string> groups;
  for (const ValidationRow& r : table.rows)
    if (std::find(groups.begin(), groups.end(), r.group) == groups.end()) groups.push_back(r.group);
  return groups;
}

// Sources and notes of a group's rows, each once.
std::vector<std::string> Remarks(const ValidationTable& table, const std::string& group) {
  std::vector<std::string> sources, notes;
  auto add = [](std::vector<std::string>& list, const std::string& text) {
    if (!text.empty() && std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
  };
  for (const ValidationRow& r : table.rows) {
    if (r.group != group) continue;
    add(sources, r.source);
    if (!r.note.empty()) add(notes, r.name + ": " + r.note);
  }
  std::string all;
  for (const std::string& s : sources) all += (all.empty() ? "Reference: " : "; ") + s;
  if (!all.empty()) notes.insert(notes.begin(), all + ".");
  return notes;
}

}  // namespace

const char* VerdictName(RowVerdict v) {
  switch (v) {
    case RowVerdict::kOk: return "ok";
    case RowVerdict::kOff: return "off";
    case RowVerdict::kUnresolved: return "unresolved";
  }
  return "";
}

void Judge(ValidationTable& table) {
  const auto rejected = HolmRejected(table.rows);
  for (ValidationRow& r : table.rows) r.verdict = VerdictOf(r, std::find(rejected.begin(), rejected.end(), &r) != rejected.end());
}

int ValidationExitCode(const ValidationTable& table) {
  const bool ok = std::all_of(table.rows.begin(), table.rows.end(), [](const ValidationRow& r) { return r.verdict == RowVerdict::kOk; });
  return ok && !table.rows.empty() ? kExitOk : kExitFailure;
}

std::string ValidationText(const ValidationTable& table) {
  std::string out = table.title + "\n\n";
  std::vector<std::vector<std::string>> cells = {Header()};
  for (const std::string& group : Groups(table)) {
    cells.push_back({group});
    for (const ValidationRow& r : table.rows) {
      if (r.group != group) continue;
      cells.push_back(Cells(r));
      cells.back()[0] = "  " + cells.back()[0];
    }
  }
  out += FormatTable(cells) + "\n";
  for (const ValidationRow& r : table.rows)
    if (!r.note.empty()) out += fmt::format("{}, {}: {}\n", r.group, r.name, r.note);
  return out + Summary(table) + "\n";
}

std::string ValidationMarkdown(const ValidationTable& table) {
  std::string out = Summary(table) + "\n";
  for (const std::string& group : Groups(table)) {
    std::vector<std::vector<std::string>> cells = {Header()};
    for (const ValidationRow& r : table.rows)
      if (r.group == group) cells.push_back(Cells(r));
    out += "\n### " + group + "\n\n" + FormatMarkdownTable(cells);
    for (const std::string& remark : Remarks(table, group)) out += "\n" + remark + "\n";
  }
  return out;
}

nlohmann::json ValidationJson(const ValidationTable& table) {
  static constexpr const char* kCriteria[] = {"contains", "within", "at_least"};
  nlohmann::json rows = nlohmann::json::array();
  for (const ValidationRow& r : table.rows) {
    nlohmann::json j = {{"group", r.group}, {"name", r.name}, {"unit", r.unit}, {"reference", r.reference}, {"source", r.source},
                        {"criterion", kCriteria[static_cast<int>(r.criterion)]}, {"limit", r.limit}, {"verdict", VerdictName(r.verdict)}};
    if (r.criterion == Criterion::kAtLeast) j.erase("reference");
    if (r.measured) j["measured"] = {{"mean", r.measured->mean}, {"ci95", IntervalJson(*r.measured)}};
    if (r.p) j["p"] = *r.p;
    if (!r.note.empty()) j["note"] = r.note;
    rows.push_back(std::move(j));
  }
  return {{"validation", table.name}, {"ok", ValidationExitCode(table) == kExitOk}, {"rows", std::move(rows)}};
}

Result<std::string> ReplaceSection(const std::string& document, std::string_view name, std::string_view body) {
  const std::string begin = fmt::format("<!-- begin {} -->\n", name), end = fmt::format("<!-- end {} -->", name);
  const size_t from = document.find(begin);
  const size_t to = from == std::string::npos ? from : document.find(end, from);
  if (to == std::string::npos)
    return Error{kExitFailure, fmt::format("no section '{}' to replace: it needs the lines '<!-- begin {} -->' and '{}'", name, name, end)};
  return document.substr(0, from) + begin + "\n" + std::string(body) + "\n" + document.substr(to);
}

void SetMeasured(ValidationRow& row, const Estimate& estimate) {
  row.measured = estimate.At(0.95);
  row.p = estimate.PValue(row.reference);
}

}  // namespace ose
