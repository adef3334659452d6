// Figures: from the samples of the probes to the keys of a machine profile. Pure functions.
//
// Which quantile: of what a CPU does (a system call, a switch) the lower quartile, since whatever disturbs a repetition
// makes it longer; of latencies and gaps, which differ by nature, the median; of rates the mean.
#ifndef OSEVOLVE_CALIBRATE_FIGURES_H_
#define OSEVOLVE_CALIBRATE_FIGURES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "calibrate/samples.h"
#include "calibrate/shape.h"
#include "workload/machine.h"

namespace ose {

// Bits of Recipe::probes.
enum ProbeBit : unsigned {
  kProbeCalls = 1, kProbeYield = 2, kProbePipe = 4, kProbeWakeHere = 8, kProbeWakeThere = 16, kProbeMove = 32,
  kProbeInterrupts = 64, kProbeNoise = 128, kProbeSleep = 256, kProbeTurns = 512, kProbeRefill = 1024, kProbeLine = 2048,
  kProbeSmt = 4096, kProbeMemory = 8192, kProbeRules = 16384, kProbeFork = 32768, kProbePipeApart = 65536,
};

// What the recipes depend on apart from the samples.
struct Surroundings {
  Topology topology;
  std::vector<int> usable;  // CPUs that this process may use, ascending
  Nanos tick{0};
};

struct Recipe {
  std::string table, key;  // of the profile; the key without the unit of a duration. No table: only observed
  std::string unit;        // "ns", "ns/KiB", "per s", "1"
  unsigned probes = 0;
  std::vector<std::string> series;  // the first is counted
  Samples::Formula formula;         // none: not measured here, and `what` says why
  std::string what;                 // completes "measured: ..., 400 repetitions of"
  bool derived = false;             // from several measurements
  bool may_be_negative = false;     // a difference that need not be a cost
};

// All of them for this machine, in the order of the profile, observations last.
std::vector<Recipe> Recipes(const Surroundings& where);

// Sizes of working sets for ProbeRefill, ascending: the last that is at most half of a private cache is the figure's.
std::vector<int> RefillSizesKb(const Topology& topology);

struct Figure {
  std::string table, key, unit;
  bool measured = false;
  Interval value;  // never below 0
  int64_t repetitions = 0, discarded = 0;
  std::string comment;  // where it comes from
};

Figure MakeFigure(const Recipe& recipe, const Samples& samples);

// A switch under sched_ext costs no less than nothing: limits that difference (sched_ext_switch) to the whole of `context_switch`, or
// `given` where that was not measured, and says so. A disturbed machine may have measured more.
void LimitDifference(std::vector<Figure>& figures, Nanos given);

// A distribution in TOML, in ns, of lengths in ascending order: the means of their eighths. "" of fewer than eight.
std::string NoiseMix(const std::vector<double>& lengths);

// What contradicts itself, a sentence each.
std::vector<std::string> Contradictions(const Samples& samples, const Surroundings& where);

// "712 [690, 741]", "36.2 [35.9, 40.1]": about three digits.
std::string IntervalText(const Interval& v);

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_FIGURES_H_
