// Calibrate: measures this machine and describes it as a machine profile.
//
// All probes take turns in rounds until the time is up. Needs no root; with root and sched_ext, and policies to measure,
// it also attaches those for moments (the whole system is then scheduled by them) and measures what they cost.
#ifndef OSEVOLVE_CALIBRATE_CALIBRATE_H_
#define OSEVOLVE_CALIBRATE_CALIBRATE_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "calibrate/figures.h"
#include "calibrate/quiet.h"
#include "calibrate/rules.h"
#include "workload/machine.h"

namespace ose {

struct CalibrateOptions {
  std::string name = "this-machine";
  Nanos time_limit = Nanos::Seconds(60);  // of measuring; at least two rounds are made, which may take longer
  std::vector<std::string> only;          // keys; empty: all
  RuleOptions rules;                      // without policies: why, in its `why_not`
  std::string sysfs = "/sys/devices/system";
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(const std::string&)> progress;
};

struct Calibration {
  std::string profile;  // TOML; reads back as `machine`
  Machine machine;
  std::vector<Figure> figures;        // of the profile's keys
  std::vector<Figure> observations;   // of what it has no key for
  std::vector<std::string> notes;     // what is uncertain or contradicts itself, a sentence each
  Quietness quiet;
  int rounds = 0;
  Nanos wall{0};
};

// The calling thread's CPU affinity and nice value are changed meanwhile and put back. One at a time per process.
//
// Errors: kExitUsage for an unknown key in `only`; kExitInterrupted; those of attaching policies.
Result<Calibration> Calibrate(const CalibrateOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_CALIBRATE_H_
