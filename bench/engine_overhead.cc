// What the engine itself costs: a whole run whose evaluations and mutations take no time, so that what remains is
// choosing parents, telling duplicates, storing, archiving. Sources have the size of mlfq, 8 kB (the mean of real runs is
// 3 to 13 kB), then of the longest shipped policy.
//   build/bin/engine_overhead [PROPOSALS]      default: 10000
// Prints CPU time per proposal over the whole run and over its last tenth, the peak of memory, and how long it takes to
// read the run back as --resume does.
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <cstdlib>

#include "base/file.h"
#include "evolve/evolution.h"
#include "evolve/testing.h"

namespace ose {
namespace {

double CpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}
double PeakMegabytes() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  return static_cast<double>(u.ru_maxrss) / 1024;
}

int Measure(const std::string& policy, int64_t proposals) {
  Result<std::string> text = ReadFile(std::string(OSE_SOURCE_DIR) + "/policies/" + policy + ".cc", 1 << 20);
  Result<TempDir> dir = TempDir::Make("engine-overhead");
  if (!text.ok() || !dir.ok()) return 1;
  const std::string path = JoinPath(dir->path(), "run.db");
  // A landscape with many levels: values walk, most children are worse, each is new.
  FakeEvaluator evaluator([](const std::string& s, uint64_t seed) { return 50 + static_cast<double>(Mix64(static_cast<uint64_t>(FakeMutator::Value(s)) ^ seed) % 1000) / 100; });
  FakeMutator mutator({"a", "b", "c", "d"}, [](std::string_view, Rng& rng) { return 1 + static_cast<int>(rng.Below(1'000'000)); });
  EvolutionOptions options;
  options.max_evaluations = proposals;
  options.search_seeds = {1, 2, 3, 4, 5, 6, 7, 8};
  options.recheck_seeds = {9, 10, 11, 12};
  for (bool resumed : {false, true}) {
    Result<RunDb> db = RunDb::Open(path, resumed ? OpenMode::kResume : OpenMode::kCreate);
    if (!db.ok()) return fmt::print("{}\n", db.error().message), 1;
    Evolution evolution(options, {{policy, FakeMutator::Source(1, "\n" + *text)}}, evaluator, mutator, *db);
    const double start = CpuSeconds();
    double tail = start;
    evolution.on_best = [&](int64_t id, double) {
      if (id == proposals - proposals / 10) tail = CpuSeconds();
    };
    Result<EvolutionResult> result = evolution.Run();
    if (!result.ok()) return fmt::print("{}\n", result.error().message), 1;
    const double end = CpuSeconds();
    if (resumed) {
      fmt::print("read back in {:.2f} s, peak memory {:.0f} MB\n", end - start, PeakMegabytes());
    } else {
      fmt::print("{} proposals of {} kB: {:.3f} ms each, the last tenth {:.3f} ms; peak memory {:.0f} MB\n", proposals, text->size() / 1000,
                 (end - start) * 1e3 / static_cast<double>(proposals), (end - tail) * 1e3 / static_cast<double>(std::max<int64_t>(1, proposals / 10)), PeakMegabytes());
    }
  }
  return 0;
}

}  // namespace
}  // namespace ose

int main(int argc, char** argv) {
  const int64_t proposals = argc > 1 ? std::atoll(argv[1]) : 10'000;
  const int failed = ose::Measure("mlfq", proposals);
  return failed ? failed : ose::Measure("eevdf", proposals);
}
