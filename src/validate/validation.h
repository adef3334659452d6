// Validation: figures of the model beside figures that must come out, as rows of one table. What is
// compared and how it is measured is the business of theory.h and its neighbours.
#ifndef OSEVOLVE_VALIDATE_VALIDATION_H_
#define OSEVOLVE_VALIDATE_VALIDATION_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/stats.h"
#include "validate/estimate.h"

namespace ose {

enum class RowVerdict {
  kOk,
  kOff,         // the figures disagree
  kUnresolved,  // the measurement is too wide to tell, or there is none
};
const char* VerdictName(RowVerdict v);

// What is demanded of a row.
enum class Criterion {
  // The reference is exact: it must not be significantly outside what was measured (Holm's test at
  // 5% over all rows of this kind, by their `p`), and the half width of the 95% interval must be at
  // most `limit` of the reference.
  kContains,
  // |measured - reference| at most `limit` of the reference: ok by the mean alone, however wide the
  // interval; off when the whole interval is farther away, so that the demand is missed beyond doubt.
  kWithin,
  // The measured mean is at least `limit`, such as a rank correlation; the reference is not used.
  kAtLeast,
};

struct ValidationRow {
  std::string group, name;  // "M/M/1", "mean response"
  std::string unit = "1";   // "us", "1"
  double reference = 0;
  std::string source;       // where the reference comes from
  std::optional<Interval> measured;  // mean with its 95% interval; none: could not be measured
  Criterion criterion = Criterion::kContains;
  double limit = 0.01;      // as the criterion says
  // kContains: two-sided p-value of the reference given the measurement.
  std::optional<double> p = {};
  std::string note = {};    // what a reader must know; why nothing was measured
  RowVerdict verdict = RowVerdict::kUnresolved;  // Judge
};

struct ValidationTable {
  std::string name;   // "theory": as in `osevolve validate theory`
  std::string title;
  std::vector<ValidationRow> rows;
};

// Fills in all verdicts.
void Judge(ValidationTable& table);
// kExitOk if every row is ok, else kExitFailure.
int ValidationExitCode(const ValidationTable& table);

// For people: a heading for each group, one line a row, and what the verdicts mean together.
std::string ValidationText(const ValidationTable& table);
// The same as Markdown, without a heading of its own.
std::string ValidationMarkdown(const ValidationTable& table);
nlohmann::json ValidationJson(const ValidationTable& table);  // docs/json.md

// `document` with what is between the lines `<!-- begin NAME -->` and `<!-- end NAME -->` replaced by
// `body`. An error if either marker is missing or they are in the wrong order.
Result<std::string> ReplaceSection(const std::string& document, std::string_view name, std::string_view body);

// Sets the 95% interval and, against the row's reference, the p-value.
void SetMeasured(ValidationRow& row, const Estimate& estimate);

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_VALIDATION_H_
