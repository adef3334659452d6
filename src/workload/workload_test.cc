#include "workload/workload.h"

#include <gtest/gtest.h>

#include <map>

#include "base/file.h"
#include "core/exit_code.h"
#include "core/metrics.h"
#include "workload/machine.h"

namespace ose {
namespace {

Workload Parse(const std::string& text) {
  auto w = ParseWorkload(text, "w.toml");
  EXPECT_TRUE(w.ok()) << w.error().message;
  return w.ok() ? *w : Workload{};
}

std::string ErrorOf(const std::string& text) {
  auto w = ParseWorkload(text, "w.toml");
  if (w.ok()) return "no error";
  EXPECT_EQ(w.error().code, kExitBadWorkload);
  return w.error().message;
}

// A workload whose lines 3 to 5 are a group; `group` follows from line 6 on.
std::string WithGroup(const std::string& group) {
  return "format = 1\n\n[[group]]\nname = \"g\"\ncount = 2\n" + group + "\n";
}
// ... whose line 6 is its program.
std::string WithProgram(const std::string& ops) { return WithGroup("program = [ " + ops + " ]"); }
// A good one up to line 7.
std::string Good() { return WithProgram("{ run_us = 5 }") + "\n"; }

TEST(ParseWorkload, DefaultsAndNames) {
  Workload w = Parse(Good());
  EXPECT_EQ(w.name, "w");
  EXPECT_EQ(w.machine, "vm-2cpu");
  EXPECT_EQ(w.cpus, 0);
  EXPECT_EQ(w.horizon, Nanos::Seconds(10));
  EXPECT_TRUE(w.run_to_completion);
  EXPECT_EQ(w.search_seeds, 8);
  ASSERT_EQ(w.objectives.size(), 1u);
  EXPECT_EQ(w.objectives[0].metric, "throughput");
  ASSERT_EQ(w.groups.size(), 1u);
  EXPECT_EQ(w.groups[0].count, 2);
  EXPECT_EQ(w.groups[0].weight, 100);
  EXPECT_EQ(w.groups[0].event, EventKind::kIteration);
  EXPECT_EQ(w.groups[0].program, (std::vector<Op>{{.kind = OpKind::kRun, .ns = 5000}}));
}

TEST(ParseWorkload, EveryOperation) {
  Workload w = Parse(
      WithProgram(
          "{ barrier = \"go\" }, { begin = true }, { run_ns = 7 }, { end = true }, { sleep_us = 0.5 },\n"
          "{ timer_ms = 5 }, { lock = \"m\" }, { unlock = \"m\" }, { signal = \"s\", count = 2 },\n"
          "{ wait = \"s\" }, { yield = true }, { fork = \"child\" }, { put = \"q\" }, { take = \"q\" },\n"
          "{ loop = 9, program = [ { run_s = 1 }, { loop = 2, program = [ { run_us = 1 } ] } ] }") +
      "[[group]]\nname = \"child\"\nforked = true\nprogram = [ { run_us = 1 } ]\n");
  using enum OpKind;
  std::vector<Op> want = {{.kind = kBarrier},
                          {.kind = kBegin},
                          {.kind = kRun, .ns = 7},
                          {.kind = kEnd},
                          {.kind = kSleep, .ns = 500},
                          {.kind = kTimer, .ns = 5'000'000},
                          {.kind = kLock},
                          {.kind = kUnlock},
                          {.kind = kSignal, .count = 2},
                          {.kind = kWait},
                          {.kind = kYield},
                          {.kind = kFork, .object = 1},
                          {.kind = kPut},
                          {.kind = kTake},
                          {.kind = kLoop, .count = 9},
                          {.kind = kRun, .ns = 1'000'000'000},
                          {.kind = kLoop, .count = 2},
                          {.kind = kRun, .ns = 1000},
                          {.kind = kEndLoop},
                          {.kind = kEndLoop}};
  EXPECT_EQ(w.groups[0].program, want);
  EXPECT_EQ(w.groups[0].event, EventKind::kMarked);
  EXPECT_EQ(w.barriers[0].parties, 2);
  EXPECT_EQ(w.queues[0].capacity, 0);
}

TEST(ParseWorkload, Distributions) {
  Workload w = Parse(
      WithProgram("{ run_us = { uniform = [1, 2.5] } }, { sleep_ms = { exponential = 2 } },"
                  "{ run_ns = { lognormal = [100, 0.5] } }, { run_us = { pareto = [1, 1.5] } },"
                  "{ run_us = { mix = [[1, 50], [100, 25]] } }, { run_ns = { uniform = [1000, 2500] } }"));
  ASSERT_EQ(w.dists.size(), 5u);  // the last equals the first
  using enum Dist::Kind;
  EXPECT_EQ(w.dists[0], (Dist{.kind = kUniform, .a = 1000, .b = 2500}));
  EXPECT_EQ(w.dists[1], (Dist{.kind = kExponential, .a = 2e6}));
  EXPECT_EQ(w.dists[2], (Dist{.kind = kLognormal, .a = 100, .b = 0.5}));
  EXPECT_EQ(w.dists[3], (Dist{.kind = kPareto, .a = 1000, .b = 1.5}));
  EXPECT_EQ(w.dists[4], (Dist{.kind = kMix, .value = {1000, 100'000}, .weight = {50, 25}}));
  EXPECT_EQ(w.groups[0].program[5], (Op{.kind = OpKind::kRun, .drawn = true, .object = 0}));
}

TEST(ParseWorkload, LocksAreHandedOverUnlessSaidOtherwise) {
  const std::string group = "[[group]]\nname = 'a'\nprogram = [ { lock = 'm' }, { run_us = 1 }, { unlock = 'm' } ]\n";
  const Workload handed = *ParseWorkload("format = 1\n" + group, "w"), barging = *ParseWorkload("format = 1\nlock_handover = false\n" + group, "w");
  EXPECT_TRUE(handed.lock_handover);
  EXPECT_FALSE(barging.lock_handover);
  EXPECT_FALSE(handed == barging);
  EXPECT_TRUE(*ParseWorkload(FormatWorkload(barging), "w") == barging);
  EXPECT_NE(WorkloadHash(handed), WorkloadHash(barging));
}

TEST(ParseWorkload, EndDefaultsToHorizonWhenSomethingNeverEnds) {
  EXPECT_FALSE(Parse(WithGroup("repeat = true\nprogram = [ { run_us = 1 } ]")).run_to_completion);
  EXPECT_FALSE(
      Parse(WithGroup("arrivals = { poisson_load = 0.8 }\nprogram = [ { run_us = 1 } ]")).run_to_completion);
  EXPECT_FALSE(Parse("end = \"horizon\"\n" + Good()).run_to_completion);
}

TEST(ParseWorkload, ScriptsReferToDeclaredLists) {
  Workload w =
      Parse("semaphores = 2\nlocks = [\"m\"]\n" + WithGroup("script = \"\"\"\nr5 k1x3\nw1 l0 u0 s7\n\"\"\""));
  EXPECT_EQ(w.semaphores, (std::vector<std::string>{"sem0", "sem1"}));
  EXPECT_EQ(w.groups[0].program, (std::vector<Op>{{.kind = OpKind::kRun, .ns = 5},
                                                  {.kind = OpKind::kSignal, .object = 1, .count = 3},
                                                  {.kind = OpKind::kWait, .object = 1},
                                                  {.kind = OpKind::kLock},
                                                  {.kind = OpKind::kUnlock},
                                                  {.kind = OpKind::kSleep, .ns = 7}}));
}

// Scripts in the form that FormatWorkload writes take a short cut past the TOML parser.
TEST(ParseWorkload, ScriptsMeanTheSameHoweverTheyAreQuoted) {
  const Workload w = Parse(WithGroup("script = \"\"\"\nr5\ny\n\"\"\""));
  EXPECT_EQ(w.groups[0].program.size(), 2u);
  EXPECT_TRUE(Parse(WithGroup("script = \"r5 y\"")) == w);
  EXPECT_TRUE(Parse(WithGroup("script = '''\nr5\ny\n'''")) == w);
  EXPECT_TRUE(Parse(WithGroup("script = \"\"\"\nr5\\u000Ay\n\"\"\"")) == w);
  EXPECT_TRUE(Parse(WithGroup("  script=\"\"\"r5\r\ny\"\"\"")) == w);
  // What only looks like a script is text.
  Workload t = Parse("description = '''\nscript = \"\"\"\nr5\n\"\"\"\n'''\n" + Good());
  EXPECT_EQ(t.description, "script = \"\"\"\nr5\n\"\"\"\n");
  // Lines after one are counted right.
  EXPECT_EQ(ErrorOf(WithGroup("script = \"\"\"\nr5\ny\n\"\"\"\ncout = 3")),
            "w.toml:10: unknown key 'cout' in [[group]]; did you mean 'count'?");
}

TEST(NiceToWeight, IsTheKernelsTable) {
  // sched_prio_to_weight * 100 / 1024, rounded: 88761, 15, 335, 110.
  EXPECT_EQ(NiceToWeight(-20), 8668);
  EXPECT_EQ(NiceToWeight(0), 100);
  EXPECT_EQ(NiceToWeight(5), 33);
  EXPECT_EQ(NiceToWeight(10), 11);
  EXPECT_EQ(NiceToWeight(19), 1);
  EXPECT_EQ(Parse(WithGroup("nice = 5\nprogram = [ { run_us = 1 } ]")).groups[0].weight, 33);
}

struct Bad {
  const char* what;
  std::string text, message;
};

class BadWorkload : public testing::TestWithParam<Bad> {};

TEST_P(BadWorkload, NamesPlaceAndFix) { EXPECT_EQ(ErrorOf(GetParam().text), GetParam().message); }

std::string Marked(const std::string& ops) {
  return WithProgram("{ begin = true }, { run_us = 1 }, { end = true }" + ops);
}

const Bad kBad[] = {
    // The file.
    {"Syntax", "format = 1\nname = \n",
     "w.toml:2: not valid TOML: Error while parsing key-value pair: expected value, saw '\\n'; see "
     "https://toml.io/en/v1.0.0 and docs/workloads.md"},
    {"NoFormat", "name = \"x\"\n", "w.toml:1: key 'format' is missing; add it, see docs/workloads.md"},
    {"Newer", "format = 2\n",
     "w.toml:1: the file has format 2, this OS-Evolve reads formats up to 1; use a newer OS-Evolve"},
    {"UnknownKey", "format = 1\nhorizn_ms = 3\n",
     "w.toml:2: unknown key 'horizn_ms'; did you mean 'horizon_ms'?"},
    {"UnknownKeyInGroup", WithGroup("cout = 3"),
     "w.toml:6: unknown key 'cout' in [[group]]; did you mean 'count'?"},
    {"UnknownKeyFarFromAll", WithGroup("zzzzzzzzzz = 3"),
     "w.toml:6: unknown key 'zzzzzzzzzz' in [[group]]; remove it or see docs/workloads.md"},
    {"MisspeltRequiredKey", "format = 1\n[[objective]]\nmetrik = \"span\"\n",
     "w.toml:3: unknown key 'metrik' in [[objective]]; did you mean 'metric'?"},
    {"NoUnit", WithProgram("{ run = 5 }"),
     "w.toml:6: unknown key 'run' in an operation; it needs a unit: run_ns, run_us, run_ms or run_s"},
    {"TwoUnits", "horizon_s = 1\nhorizon_ms = 5\n" + Good(),
     "w.toml:2: both 'horizon_s' and 'horizon_ms' are given; keep one of them"},
    {"WrongType", "format = 1\ncpus = \"four\"\n",
     "w.toml:2: 'cpus' is the string \"four\"; give a whole number"},
    {"NotATable", "format = 1\nseeds = 3\n", "w.toml:2: 'seeds' is 3; write it as a table: [seeds]"},
    {"NotTables", "format = 1\n[group]\nname = \"x\"\n",
     "w.toml:2: 'group' is a table; write each as a table of its own: [[group]]"},
    {"NotABool", WithGroup("repeat = 1"), "w.toml:6: 'repeat' is 1; give true or false"},
    {"NotAString", "format = 1\nname = 3\n", "w.toml:2: 'name' is 3; give a string in quotes"},
    // Numbers.
    {"TooManyCpus", "format = 1\ncpus = 513\n", "w.toml:2: 'cpus' is 513; give 1 to 512"},
    {"CountZero", "format = 1\n[[group]]\nname = \"g\"\ncount = 0\n",
     "w.toml:4: 'count' is 0; give 1 to 1000000"},
    {"TooManyTasks",
     "format = 1\n[[group]]\nname = \"a\"\ncount = 600000\nprogram = [ { run_us = 1 } ]\n"
     "[[group]]\nname = \"b\"\ncount = 600000\nprogram = [ { run_us = 1 } ]\n",
     "w.toml:8: group 'b' makes it 1200000 tasks; the limit is 1000000"},
    {"Nice", WithGroup("nice = 20"), "w.toml:6: 'nice' is 20; give -20 to 19"},
    {"Weight", WithGroup("weight = 10001"), "w.toml:6: 'weight' is 10001; give 1 to 10000"},
    {"NiceAndWeight", WithGroup("weight = 100\nnice = 0"),
     "w.toml:7: both 'weight' and 'nice' are given; keep one of them"},
    {"Seeds", "format = 1\n[seeds]\nfinal = 0\n", "w.toml:3: 'final' is 0; give 1 to 100000"},
    {"Nan", WithProgram("{ run_us = nan }"), "w.toml:6: 'run' is nan; give 0 to 1000000000000000"},
    {"Infinite", WithProgram("{ run_us = { exponential = inf } }"),
     "w.toml:6: 'exponential' is inf; give 1e-12 to 1000000000000000"},
    {"Negative", WithProgram("{ sleep_us = -1 }"), "w.toml:6: 'sleep' is -1; give 0 to 1000000000000000"},
    {"TooLong", WithProgram("{ run_ns = 1100000000000000000 }"),
     "w.toml:6: 'run' is 1100000000000000000; give 0 to 1e+18"},
    {"HorizonZero", "horizon_ms = 0\n" + Good(),
     "w.toml:1: 'horizon' is 0 ns; give 1 to 1000000000000000000 ns"},
    {"WarmupPastHorizon", "end = \"horizon\"\nhorizon_ms = 5\nwarmup_ms = 5\n" + Good(),
     "w.toml:3: the warm-up (5000000 ns) must be shorter than the horizon (5000000 ns)"},
    {"WarmupOfCompletion", "warmup_ms = 5\n" + Good(),
     "w.toml:1: a warm-up needs a measured window; remove it or write end = \"horizon\""},
    {"End", "format = 1\nend = \"horizonn\"\n", "w.toml:2: 'end' is \"horizonn\"; did you mean 'horizon'?"},
    // Distributions and arrivals.
    {"UniformOrder", WithProgram("{ run_us = { uniform = [2, 1] } }"),
     "w.toml:6: 'uniform' has its ends in the wrong order; write [least, most]"},
    {"UniformShape", WithProgram("{ run_us = { uniform = [2] } }"),
     "w.toml:6: 'uniform' is an array of 1; give two numbers: uniform = [.., ..]"},
    {"ParetoShape", WithProgram("{ run_us = { pareto = [2, 1] } }"),
     "w.toml:6: the second number of 'pareto' is 1; give 1.001 to 1000"},
    {"MixWeight", WithProgram("{ run_us = { mix = [[1, 0]] } }"),
     "w.toml:6: a weight of 'mix' is 0; give 1e-12 to 1000000000000"},
    {"UnknownDistribution", WithProgram("{ run_us = { uniforme = [1, 2] } }"),
     "w.toml:6: unknown key 'uniforme' in the distribution of 'run'; did you mean 'uniform'?"},
    {"TwoDistributions", WithProgram("{ run_us = { exponential = 1, uniform = [1, 2] } }"),
     "w.toml:6: 'run' has 2 distributions; give a number or one of uniform, exponential, lognormal, pareto, "
     "mix, values, quantiles"},
    {"DrawnTimer", WithProgram("{ timer_us = { exponential = 1 } }"),
     "w.toml:6: 'timer' is a table; give a number"},
    {"HintWord", WithGroup("hint = \"wrok\"\nprogram = [ { run_us = 1 } ]"),
     "w.toml:6: 'hint' is \"wrok\"; did you mean 'work'?"},
    {"Load", WithGroup("arrivals = { poisson_load = 10.5 }"),
     "w.toml:6: 'poisson_load' is 10.5; give 1e-12 to 10"},
    {"LoadZero", WithGroup("arrivals = { poisson_load = 0 }"),
     "w.toml:6: 'poisson_load' is 0; give 1e-12 to 10"},
    {"TwoArrivals", WithGroup("arrivals = { poisson_load = 1, periodic_per_s = 1 }"),
     "w.toml:6: 'arrivals' has 2 processes; give one of poisson_per_s, poisson_load, periodic_per_s, "
     "periodic_load, mmpp, phases"},
    {"LoadWithoutWork", WithGroup("arrivals = { poisson_load = 1 }\nprogram = [ { sleep_us = 5 } ]"),
     "w.toml:6: group 'g' has arrivals by load, but its program uses no CPU; add a run or give a rate "
     "(poisson_per_s)"},
    {"ArrivalsRepeat",
     WithGroup("repeat = true\narrivals = { poisson_load = 1 }\nprogram = [ { run_us = 5 } ]"),
     "w.toml:6: group 'g' has arrivals, each of which is one pass of the program; remove 'repeat'"},
    {"ArrivalsForked",
     WithGroup("forked = true\narrivals = { poisson_load = 1 }\nprogram = [ { run_us = 5 } ]") +
         "[[group]]\nname = \"f\"\nprogram = [ { fork = \"g\" } ]\n",
     "w.toml:6: group 'g' has arrivals, so its threads start at once; remove 'forked'"},
    {"ArrivalsStart",
     WithGroup("start_us = 5\narrivals = { poisson_load = 1 }\nprogram = [ { run_us = 5 } ]"),
     "w.toml:6: group 'g' has arrivals, so its threads start at once; remove 'start'"},
    // Groups.
    {"NoGroup", "format = 1\n", "w.toml:1: there are no tasks; add at least one [[group]]"},
    {"NoProgram", WithGroup(""),
     "w.toml:3: group 'g' has no program; add program = [ { run_us = 100 } ] or the like"},
    {"GroupTwice", Good() + "[[group]]\nname = \"g\"\n",
     "w.toml:9: group 'g' is there twice; give each [[group]] a name of its own"},
    {"GroupName", "format = 1\n[[group]]\nname = \"a.b\"\nprogram = [ { run_us = 1 } ]\n",
     "w.toml:3: group 'a.b' has a bad name; use any printable characters but '.', which separates group and "
     "metric"},
    {"AffinityOutside", "cpus = 4\n" + WithGroup("affinity = [0, 4]\nprogram = [ { run_us = 1 } ]"),
     "w.toml:7: group 'g' may run on CPU 4, but the workload has CPUs 0 to 3; correct 'affinity' or 'cpus'"},
    {"AffinityTwice", WithGroup("affinity = [1, 0, 1]\nprogram = [ { run_us = 1 } ]"),
     "w.toml:6: group 'g' names CPU 1 twice; remove one"},
    {"AffinityEmpty", WithGroup("affinity = []"),
     "w.toml:6: 'affinity' is empty; name a CPU, or remove it to allow all"},
    {"AffinityNegative", WithGroup("affinity = [-1]"),
     "w.toml:6: 'affinity' contains -1; give whole numbers from 0 to 511"},
    {"NeverEnds", WithGroup("repeat = true\nprogram = [ { yield = true }, { timer_us = 5 } ]"),
     "w.toml:6: group 'g' repeats a program that can never sleep or end; add a run or a sleep to it, or "
     "remove "
     "'repeat'"},
    {"NeverCompletes", "end = \"completion\"\n" + WithGroup("repeat = true\nprogram = [ { run_us = 1 } ]"),
     "w.toml:7: group 'g' never completes; write end = \"horizon\" or remove what repeats"},
    {"EventName", WithGroup("event = \"mark\""), "w.toml:6: 'event' is \"mark\"; did you mean 'marked'?"},
    {"MarkedWithoutMarks", WithGroup("event = \"marked\"\nprogram = [ { run_us = 1 } ]"),
     "w.toml:6: group 'g' counts marked events, but its program has no begin and end; add them or write "
     "event = "
     "\"iteration\""},
    // Programs.
    {"NotAnOperation", WithProgram("5"),
     "w.toml:6: 'program' contains 5; write each operation as a table, like { run_us = 100 }"},
    {"EmptyOperation", WithProgram("{ }"),
     "w.toml:6: an operation is empty; remove it or write one, like { run_us = 100 }"},
    {"UnknownOperation", WithProgram("{ lokc = \"m\" }"),
     "w.toml:6: unknown key 'lokc' in an operation; did you mean 'lock'?"},
    {"TwoOperations", WithProgram("{ lock = \"m\", run_us = 5 }"),
     "w.toml:6: 'run' and 'lock' in one operation; write them as two: { ... }, { ... }"},
    {"False", WithProgram("{ yield = false }"),
     "w.toml:6: 'yield' is false; write { yield = true } or remove the operation"},
    {"SecondLine", WithProgram("{ run_us = 1 },\n  { run_us = 1 },\n  { unlock = \"m\" }"),
     "w.toml:8: group 'g' unlocks 'm' without holding it; lock 'm' first"},
    {"LockTwice", WithProgram("{ lock = \"m\" },\n{ lock = \"m\" }"),
     "w.toml:7: group 'g' locks 'm' while it holds it, which would never end; unlock 'm' first"},
    {"NeverUnlocked", WithProgram("{ run_us = 1 },\n{ lock = \"m\" }"),
     "w.toml:7: group 'g' locks 'm' and never unlocks it; add { unlock = \"m\" }"},
    {"LockInLoop", WithProgram("{ loop = 2, program = [ { lock = \"m\" } ] }, { unlock = \"m\" }"),
     "w.toml:6: group 'g' has a loop that does not leave its locks as it found them; lock and unlock in the "
     "same "
     "loop"},
    {"BeginWithoutEnd", WithProgram("{ begin = true }, { run_us = 1 }"),
     "w.toml:6: group 'g' begins an event that does not end; add { end = true }"},
    {"EndWithoutBegin", Marked(", { end = true }"),
     "w.toml:6: group 'g' ends an event that did not begin; add { begin = true } before"},
    {"BeginInEvent", WithProgram("{ begin = true }, { begin = true }"),
     "w.toml:6: group 'g' begins an event inside an event; add { end = true } before"},
    {"BeginInLoop", WithProgram("{ loop = 2, program = [ { begin = true } ] }"),
     "w.toml:6: group 'g' has a loop with half an event; put begin and end into the same loop"},
    {"EmptyLoop", WithProgram("{ loop = 2, program = [ ] }"),
     "w.toml:6: group 'g' has an empty loop; give it a program or remove it"},
    {"LoopWithoutProgram", WithProgram("{ loop = 2 }"),
     "w.toml:6: key 'program' is missing in an operation; add it, see docs/workloads.md"},
    {"LoopZero", WithProgram("{ loop = 0, program = [ { run_us = 1 } ] }"),
     "w.toml:6: 'loop' is 0; give 1 to 1000000000"},
    {"ScriptLoopOpen", WithGroup("script = \"\"\"\nr1\n[3 r1\n\"\"\""),
     "w.toml:8: group 'g' begins a loop that does not end; close it"},
    {"ScriptLoopClosed", WithGroup("script = \"r1 ]\""),
     "w.toml:6: group 'g' ends a loop that did not begin; remove the end or add a loop"},
    {"ScriptToken", WithGroup("script = \"\"\"\nr1\nr1 z3\n\"\"\""),
     "w.toml:8: script token \"z3\": no such operation; the letters are a b c d e f g k l m n o p r s t u w y [ ]"},
    {"ScriptUndeclared", "semaphores = 3\n" + WithGroup("script = \"r1 w3\""),
     "w.toml:7: script token \"w3\": there is no semaphore 3, the file has 3; raise the file's 'semaphores'"},
    {"ScriptAndProgram", WithGroup("program = [ { run_us = 1 } ]\nscript = \"r1\""),
     "w.toml:7: both 'program' and 'script' are given; keep one of them"},
    // Names.
    {"UndefinedFork", WithProgram("{ fork = \"gg\" }"),
     "w.toml:6: there is no group 'gg'; did you mean 'g'?"},
    {"ForkOfStarted", WithProgram("{ fork = \"g\" }"),
     "w.toml:6: group 'g' forks 'g', which starts by itself; write forked = true in that group"},
    {"NeverForked", WithGroup("forked = true\nprogram = [ { fork = \"g\" } ]"),
     "w.toml:6: group 'g' is forked, but no running group forks it; add { fork = \"g\" } to a program or "
     "remove "
     "'forked'"},
    {"UndeclaredLock", "locks = [\"alpha\"]\n" + WithProgram("{ lock = \"alhpa\" }"),
     "w.toml:7: there is no lock 'alhpa'; did you mean 'alpha'?"},
    {"UndeclaredSemaphore", "semaphores = [\"alpha\"]\n" + WithProgram("{ wait = \"z\" }"),
     "w.toml:7: there is no semaphore 'z'; add it to 'semaphores'"},
    {"LockNamedTwice", "format = 1\nlocks = [\"a\", \"a\"]\n",
     "w.toml:2: 'locks' names 'a' twice; remove one"},
    {"WaitForNobody", WithProgram("{ wait = \"s\" }"),
     "w.toml:6: group 'g' waits for 's', which nobody signals; add { signal = \"s\" } to a program"},
    {"TakeFromNobody", WithProgram("{ take = \"q\" }"),
     "w.toml:6: group 'g' takes from 'q', into which nobody puts; add { put = \"q\" } to a program"},
    {"PutForNobody", WithProgram("{ put = \"q\" }") + "[[queue]]\nname = \"q\"\ncapacity = 1\n",
     "w.toml:6: group 'g' puts into 'q', which is bounded and from which nobody takes; add { take = \"q\" } "
     "to a "
     "program"},
    {"BarrierParties", WithProgram("{ barrier = \"b\" }") + "[[barrier]]\nname = \"b\"\nparties = 3\n",
     "w.toml:7: barrier 'b' waits for 3 parties, but only 2 tasks come to it; lower 'parties'"},
    {"BarrierUnused", Good() + "[[barrier]]\nname = \"b\"\n",
     "w.toml:8: no program uses barrier 'b'; remove it or add { barrier = \"b\" }"},
    // Objectives.
    {"NoSuchMetric", Good() + "[[objective]]\nmetric = \"throughputt\"\n",
     "w.toml:9: objective 'throughputt' is not a metric; did you mean 'throughput'?"},
    {"NoSuchMetricAtAll", Good() + "[[objective]]\nmetric = \"happiness\"\n",
     "w.toml:9: objective 'happiness' is not a metric; docs/metrics.md lists them"},
    {"NoSuchGroup", Good() + "[[objective]]\nmetric = \"fast.start_p50\"\n",
     "w.toml:9: objective 'fast.start_p50' is of no group of this workload; its groups: g"},
    {"MachineMetricOfGroup", Good() + "[[objective]]\nmetric = \"g.utilization\"\n",
     "w.toml:9: objective 'g.utilization' does not exist for a group; write 'utilization'"},
    {"OnlyGroup", Good() + "[[objective]]\nmetric = \"g.throughput\"\n",
     "w.toml:9: objective 'g.throughput' names the only group; write 'throughput'"},
    {"Unbounded", Good() + "[[objective]]\nmetric = \"overhead\"\n",
     "w.toml:9: objective 'overhead' cannot be an objective, since nothing bounds it but 0; use a throughput "
     "or a "
     "latency, which it shows in"},
    {"SpanWithoutEnd", "end = \"horizon\"\n" + Good() + "[[objective]]\nmetric = \"span\"\n",
     "w.toml:10: objective 'span' needs an end; write end = \"completion\" or use 'throughput'"},
    {"FairnessOfNobody", Good() + "[[objective]]\nmetric = \"fairness\"\n",
     "w.toml:9: objective 'fairness' needs at least two tasks with repeat = true"},
    {"NoEvents",
     WithGroup("event = \"none\"\nprogram = [ { run_us = 1 } ]") +
         "[[group]]\nname = \"h\"\nprogram = [ { run_us = 1 } ]\n[[objective]]\nmetric = \"g.events\"\n",
     "w.toml:12: objective 'g.events' needs events, but group 'g' has none; change its 'event'"},
    {"NoMeasuredEvents", WithGroup("measured = false\nprogram = [ { run_us = 1 } ]"),
     "w.toml:1: objective 'throughput' needs events, but no measured group has any; change 'event' or "
     "'measured' of a "
     "group"},
    {"ObjectiveTwice", Good() + "[[objective]]\nmetric = \"span\"\n[[objective]]\nmetric = \"span\"\n",
     "w.toml:11: objective 'span' is there twice; give each metric once, with a weight"},
    {"ObjectiveWeight", Good() + "[[objective]]\nmetric = \"span\"\nweight = 0\n",
     "w.toml:10: 'weight' is 0; give 1e-12 to 1000000"},
    {"ObjectiveDirection", Good() + "[[objective]]\nmetric = \"span\"\ndirection = \"up\"\n",
     "w.toml:10: 'direction' is \"up\"; give one of max, min"},
};

INSTANTIATE_TEST_SUITE_P(All, BadWorkload, testing::ValuesIn(kBad),
                         [](const auto& info) { return std::string(info.param.what); });

TEST(CheckWorkload, OfAWorkloadMadeByHandNamesNoLine) {
  Workload w = Parse(Good());
  w.groups[0].program = {{.kind = OpKind::kEnd}};
  EXPECT_EQ(CheckWorkload(w).error().message,
            "workload: group 'g' ends an event that did not begin; add { begin = true } before");
}

TEST(LoadWorkload, MissingFileNamesIt) {
  auto w = LoadWorkload("/nowhere/w.toml");
  ASSERT_FALSE(w.ok());
  EXPECT_EQ(w.error().message, "cannot read /nowhere/w.toml: No such file or directory");
}

TEST(ShippedWorkloads, LoadAndFitTheirMachines) {
  const std::string root = OSE_SOURCE_DIR;
  auto files = ListFiles(root + "/workloads", ".toml");
  ASSERT_TRUE(files.ok());
  EXPECT_GE(files->size(), 9u);
  for (const std::string& file : *files) {
    auto w = LoadWorkload(JoinPath(root + "/workloads", file));
    ASSERT_TRUE(w.ok()) << w.error().message;
    EXPECT_EQ(w->name, Stem(file));
    EXPECT_NE(w->description, "") << file;
    auto machine = LoadMachine(root + "/machines/" + w->machine + ".toml");
    ASSERT_TRUE(machine.ok()) << machine.error().message;
    EXPECT_TRUE(MachineFor(*w, *machine).ok()) << file;
    EXPECT_TRUE(Parse(FormatWorkload(*w)) == *w) << file;
  }
}

TEST(ShippedWorkloads, RequestMixesHaveTheMeansOfThePapers) {
  // 0.5 * 1 + 0.5 * 100 = 50.5 us; 0.995 * 0.5 + 0.005 * 500 = 2.9975 us. 0.8 * 14 / E requests a second.
  for (auto [file, mean_ns] :
       std::map<std::string, double>{{"bimodal-50-1-50-100", 50'500}, {"bimodal-99_5-0_5-0_5-500", 2997.5}}) {
    auto w = LoadWorkload(std::string(OSE_SOURCE_DIR) + "/workloads/" + file + ".toml");
    ASSERT_TRUE(w.ok()) << w.error().message;
    EXPECT_NEAR(MeanWork(*w, w->groups[0]), mean_ns, 1e-6 * mean_ns);
    double rate = ArrivalRate(*w, w->groups[0], 14);
    EXPECT_NEAR(rate, 0.8 * 14 / (mean_ns / 1e9), 1);
    EXPECT_GE(rate * (w->horizon - w->warmup).s(), 60'000);  // 60 beyond the 99.9th percentile
  }
}

// The documentation's table is the catalogue, and its examples are good workloads.
TEST(Docs, MetricsListTheCatalogue) {
  auto text = ReadFile(std::string(OSE_SOURCE_DIR) + "/docs/metrics.md");
  ASSERT_TRUE(text.ok());
  for (const MetricInfo& m : MetricCatalogue()) {
    std::string row = std::string("| `").append(m.name).append("` | ").append(m.unit);
    row.append(m.better == Direction::kMaximize ? " | max | " : " | min | ").append(m.what).append(" |");
    EXPECT_NE(text->find(row), std::string::npos) << "docs/metrics.md lacks: " << row;
  }
}

TEST(Docs, SmallestWorkloadIsOne) {
  auto text = ReadFile(std::string(OSE_SOURCE_DIR) + "/docs/workloads.md");
  ASSERT_TRUE(text.ok());
  size_t begin = text->find("```toml\nformat = 1"), end = text->find("```\n", begin + 3);
  ASSERT_NE(begin, std::string::npos);
  Workload w = Parse(text->substr(begin + 8, end - begin - 8));
  EXPECT_EQ(w.groups[0].count, 8);
}

}  // namespace
}  // namespace ose
