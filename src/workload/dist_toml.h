// A distribution in TOML. Its value, under a key that says the unit (run_us), is a number or one of
//   { uniform = [a, b] }   { exponential = mean }   { lognormal = [mean, cv] }
//   { pareto = [min, shape] }   { mix = [[value, weight], ...] }
//   { values = [value, ...] }   { values_file = "measured.txt" }
//   { quantiles = [[p, value], ...] }   { quantiles_file = "measured.txt" }
// Files are looked for beside the document and hold the numbers of their key, separated by white space or
// commas; from '#' to the end of a line is a comment.
#ifndef OSEVOLVE_WORKLOAD_DIST_TOML_H_
#define OSEVOLVE_WORKLOAD_DIST_TOML_H_

#include <string>
#include <string_view>

#include "workload/toml_reader.h"
#include "workload/workload.h"

namespace ose {

// Durations are in units of `unit_ns`; `what` names the value in errors, which go to its document.
void ParseDist(const TomlValue& value, const std::string& what, int64_t unit_ns, Dist* dist);

// "run_us = { uniform = [1, 2] }", in the largest unit without fractions.
std::string FormatDist(std::string_view stem, const Dist& dist);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_DIST_TOML_H_
