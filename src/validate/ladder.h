// The rungs of the ladder of theory.h: what is simulated, and what must come out.
//
// All is run on a machine without costs and with a precise timer, but for the rungs on overhead. A unit of
// size is 100 us of simulated time (in the tables of overheads 1 us), so that rounding to nanoseconds and
// the smallest quanta are small beside it; results are in the unit of the sizes.
#ifndef OSEVOLVE_VALIDATE_LADDER_H_
#define OSEVOLVE_VALIDATE_LADDER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "validate/estimate.h"
#include "validate/replicate.h"
#include "validate/validation.h"
#include "workload/scale_work.h"

namespace ose {

// One row of the table.
struct LadderFigure {
  std::string name;
  double reference = 0;
  std::string source;
  std::function<double(const Replication&)> value;  // of one replication; NaN: it has none
  std::string unit = "1";
  double limit = 0.01;
  Criterion criterion = Criterion::kContains;
  bool controlled = false;  // with the rung's control variates
  // Instead of `value`: of all Rung::path_replications together.
  std::function<Estimate(const std::vector<Replication>&)> estimate = {};
  // A reference that is exact for the arrivals of one seed, the rung's only one.
  std::function<double(uint64_t seed)> path_value = {};
  std::string note = {};
};

struct Rung {
  std::string group;
  std::vector<SimRun> runs;
  int replications = 20;
  std::function<std::vector<double>(uint64_t seed)> controls = {};
  std::vector<LadderFigure> figures = {};
  // Calculated without the simulator: for figures with an `estimate`, replications of the metrics that it needs.
  std::function<Replication(uint64_t seed)> path = {};
  int path_replications = 0;
};

std::vector<Rung> TheoryLadder();
// Its last part, in ladder_overhead.cc: what preemption costs.
void AddOverheadRungs(std::vector<Rung>& ladder);

// A machine without costs and with a precise timer.
Machine IdealMachine(int cpus);
// One group of requests that arrive as a Poisson process, `requests` of them in the mean after a warm-up of
// a tenth; up to `threads` are served at once.
Workload OpenLoop(const Dist& size, double load, int cpus, double requests, int threads = 4000);

// How long such a queue remembers, in ns: its relaxation time, and an eighth of that. For ArrivalControls().
std::vector<Nanos> MemoriesOf(const Dist& size, double load, int cpus);

// A metric of one of the runs divided by `unit`; NaN if it is missing.
std::function<double(const Replication&)> MetricOf(std::string name, double unit = 1, size_t run = 0);

}  // namespace ose

#endif  // OSEVOLVE_VALIDATE_LADDER_H_
