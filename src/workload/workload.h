// Workload: what a program does, without any scheduler's result in it. Groups of tasks, each
// running a program of operations; the same value drives the simulator, the bounds and the
// real-thread load generator. File format: docs/workloads.md.
//
// A Workload is immutable data once parsed; it may be shared between threads.
#ifndef OSEVOLVE_WORKLOAD_WORKLOAD_H_
#define OSEVOLVE_WORKLOAD_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "core/score.h"

namespace ose {

inline constexpr int kWorkloadFormat = 1;
inline constexpr int kMaxCpus = 512;
inline constexpr int kMaxTasks = 1'000'000;
inline constexpr uint32_t kMaxCount = 1'000'000'000;  // of a loop or a signal
// kSpin looks at the clock after every such stretch of CPU time, as rt-app's `runtime` does (src/rt-app.c, run_event).
inline constexpr Nanos kSpinStep{32'000};

// A distribution of durations. Parameters are in nanoseconds where they are durations.
struct Dist {
  enum class Kind : uint8_t {
    kConstant,     // a
    kUniform,      // [a, b]
    kExponential,  // mean a
    kLognormal,    // mean a, coefficient of variation b
    kPareto,       // minimum a, shape b > 1
    kMix,          // value[i] with probability weight[i] / sum (bimodal and empirical mixes)
    kQuantiles,    // value[i] is the weight[i]-quantile, weights from 0 to 1; linear in between
  };
  Kind kind = Kind::kConstant;
  double a = 0, b = 0;
  std::vector<double> value = {}, weight = {};

  double Mean() const;  // ns
  bool operator==(const Dist&) const = default;
};

// Draws a duration, >= 0. Deterministic in the generator's state on every machine.
Nanos Sample(const Dist& dist, Rng& rng);

enum class OpKind : uint8_t {
  kRun,      // use the CPU for a duration
  kSleep,    // sleep for a duration
  kTimer,    // sleep until a time since the start of the run; no sleep if it has passed
  kLock,     // acquire mutex `object`; see Workload::lock_handover
  kUnlock,   // release it
  kWait,     // take one from semaphore `object`, sleeping while it is 0
  kSignal,   // give `count` to semaphore `object`; wakes as many waiters, first come first
  kBarrier,  // wait until all parties of barrier `object` are here; the last wakes the others
  kYield,    // sched_yield
  kFork,     // start the tasks of group `object` that have not been started yet, one a call
  kPut,      // put into bounded queue `object`, sleeping while it is full
  kTake,     // take from queue `object`, sleeping while it is empty
  kBegin,    // an event begins; released when the task was last woken, or now if it did not sleep
  kEnd,      // the event ends
  kLoop,     // repeat up to the matching kEndLoop `count` times
  kEndLoop,
  kSpin,       // use the CPU, kSpinStep at a time, until a duration of time has passed since it began
  kPeriod,     // sleep until timer `object` is due, `ns` after it was due before; no sleep if that has passed
  kCondWait,   // release mutex `count` - 1 (0: none), sleep until condition `object` is signalled, take the mutex again
  kCondSignal,     // wake the first that waits for condition `object`; nobody waits: lost
  kCondBroadcast,  // wake all of them
};

// One operation. 24 bytes, since recordings have millions.
struct Op {
  OpKind kind = OpKind::kRun;
  bool drawn = false;     // the duration is Workload::dists[object] instead of `ns`
  uint32_t object = 0;    // index into locks/semaphores/barriers/queues/groups/conditions/timers, or dists if drawn
  uint32_t count = 1;     // kSignal: how many; kLoop: how often; kCondWait: mutex + 1
  int64_t ns = 0;         // constant duration (kRun, kSleep, kSpin, kPeriod) or time (kTimer)
  bool operator==(const Op&) const = default;
};

struct Arrivals {
  enum class Kind : uint8_t {
    kNone,
    kPoisson,
    kPeriodic,
    kMmpp,    // Poisson at the rate of a state; states last exponential times, then any other follows, each as likely
    kPhases,  // Poisson at the rate of a state; states last as long as they say, in order, over and over
  };
  struct State {
    double rate_per_s = 0, load = 0;  // as below, but for kMmpp and kPhases; 0 = nothing arrives
    int64_t ns = 1;                   // how long it lasts (kMmpp: mean), >= 1
    bool operator==(const State&) const = default;
  };
  Kind kind = Kind::kNone;
  double rate_per_s = 0;  // > 0 when given as a rate
  double load = 0;        // > 0 when given as utilisation: rate = load * cpus / E[work]
  std::vector<State> states = {};  // of kMmpp and kPhases: all rates or all loads
  // Requests arrive so many at once; rates and loads are of requests. Not for kPeriodic unless 1.
  double batch = 1;               // >= 1; a whole number unless geometric
  bool batch_geometric = false;   // P(n) = (1 - 1/batch)^(n - 1) / batch, whose mean is `batch`
  bool operator==(const Arrivals&) const = default;
};

// What counts as one event (request, transaction) of a group.
enum class EventKind : uint8_t {
  kNone,       // nothing
  kMarked,     // kBegin .. kEnd in the program
  kIteration,  // one pass of the program (open loop: one arrival)
};

struct Group {
  std::string name;
  int count = 1;              // tasks; with arrivals: threads that serve them
  int weight = 100;           // 1..10000, 100 = nice 0
  std::vector<int> affinity = {};  // CPUs; empty = all
  int64_t working_set_kb = 0; // what a migration must refill
  uint32_t hint = 0;          // what the application tells the policy of each task (Task::hint())
  bool hint_is_work = false;  // instead, of each pass: WorkHint (program.h)
  bool repeat = false;        // the program starts over until the horizon
  bool forked = false;        // starts when a kFork says so, not at time 0
  bool measured = true;       // its events count in the whole workload's metrics
  EventKind event = EventKind::kIteration;
  Arrivals arrivals = {};
  bool has_start = false;
  Dist start = {};            // delay of each task's start, if has_start
  std::vector<Op> program = {};
  bool operator==(const Group&) const = default;
};

struct Queue {
  std::string name;
  int64_t capacity = 0;  // 0 = unbounded
  bool operator==(const Queue&) const = default;
};
struct Barrier {
  std::string name;
  int parties = 0;  // 0 in a file = every task that names it; always > 0 here
  bool operator==(const Barrier&) const = default;
};

// What kPeriod counts with. A timer is first due one period after its task started; of a shared one, after the
// task that uses it first did. When a period has passed already, the next one counts from now, or, if `absolute`,
// from when it was due, so that a task that is late catches up.
struct Timer {
  std::string name;
  bool shared = false;  // one for all tasks that name it; else each has its own
  bool absolute = false;
  bool operator==(const Timer&) const = default;
};

// What a recording was, so that its replay can be compared with it (docs/recording.md).
struct Recorded {
  bool present = false;
  std::string command;
  int cpus = 0;
  double span_us = 0, cpu_us = 0;
  int64_t tasks = 0, runs = 0, sleeps = 0, wakeups = 0, lost_events = 0;
  std::string note;
  bool operator==(const Recorded&) const = default;
};

// The real program that a workload models, for measurements on a kernel (docs/kernel.md). Empty: `osevolve load`
// runs the workload itself.
struct RealProgram {
  std::vector<std::string> command;  // argv; "{seed}" in a word stands for the seed
  std::string output;                // how it says what it measured: "sysbench", "seconds" or "redis" (lab/measure.h)
  bool operator==(const RealProgram&) const = default;
};

struct Workload {
  std::string name, description;
  std::string machine = "vm-2cpu";  // profile in machines/, unless the command line names one
  int cpus = 0;                     // overrides the profile's CPU count when > 0
  Nanos horizon = Nanos::Seconds(10);
  Nanos warmup{0};
  bool run_to_completion = false;   // ends when every task has; the horizon is then a limit
  std::vector<Objective> objectives;
  int search_seeds = 8, select_seeds = 32, final_seeds = 64;
  std::vector<Group> groups;
  std::vector<Dist> dists;
  std::vector<std::string> locks, semaphores, conditions;
  // Unlocking gives a lock to the first that waits; or (false) wakes that one, and the lock is whoever's who takes it
  // first, as with mutexes of glibc.
  bool lock_handover = true;
  std::vector<Barrier> barriers;
  std::vector<Queue> queues;
  std::vector<Timer> timers;
  RealProgram real;
  Recorded recorded;

  int TaskCount() const;
  bool operator==(const Workload& other) const;
};

// Parses a workload file. `file` names it in errors: "file:line: what; fix" with kExitBadWorkload.
// Everything is checked here: unknown keys (with a suggestion), types, ranges, undefined names,
// unbalanced loops, begin without end, affinity outside the machine, an objective that is no
// metric of this workload, a program that can never sleep or end.
Result<Workload> ParseWorkload(std::string_view text, const std::string& file);
// From a file: TOML, or rt-app's JSON when its name ends in .json (rtapp.h).
Result<Workload> LoadWorkload(const std::string& path);

// The same checks on a workload that was built by hand (a recording); errors name no line.
Status CheckWorkload(const Workload& workload);

// Weight of a nice value, -20..19, as sched_ext sees it: the kernel's sched_prio_to_weight
// scaled to 100 = nice 0 (sched_weight_to_cgroup): 8668 .. 1.
int NiceToWeight(int nice);

// The canonical TOML of a workload; ParseWorkload(FormatWorkload(w)) equals w, if w is in normal
// form, as everything that ParseWorkload returns: no constant among `dists`, each of them used and
// equal to none before it, in the order of first use; affinities sorted; objectives not empty.
// Long programs without drawn durations become compact scripts (script.h).
std::string FormatWorkload(const Workload& workload);

// Identity of a workload for caches and the knowledge base: hash of the canonical text without
// name and description.
std::string WorkloadHash(const Workload& workload);

// CPU work of one pass of a group's program, mean, ns. A kSpin counts as if nothing took the CPU from it.
double MeanWork(const Workload& workload, const Group& group);
// Arrivals per second of an open-loop group on `cpus` CPUs, in the mean.
double ArrivalRate(const Workload& workload, const Group& group, int cpus);
// CPU time that all open-loop groups ask for, in the mean, as a share of `cpus` CPUs; 0 without any.
double OfferedLoad(const Workload& workload, int cpus);
// Multiplies the arrival rates of all open-loop groups.
void ScaleArrivals(Workload& workload, double factor);

// Random streams, the same for every policy (common random numbers): what a task draws depends
// on the seed, its group and its index, or the arrival's number, never on the schedule.
Rng TaskStream(uint64_t seed, int group, int index);
Rng ArrivalStream(uint64_t seed, int group);
Rng RequestStream(uint64_t seed, int group, uint64_t number);

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_WORKLOAD_H_
