#include "validate/theory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <thread>

#include "core/exit_code.h"
#include "core/seeds.h"
#include "validate/ladder.h"

namespace ose {
namespace {

constexpr uint64_t kSeedsOfRung = 1'000;

// Quantile-like figures of a run may be missing, when nothing was measured.
Result<ValidationRow> MakeRow(const Rung& rung, const LadderFigure& figure, const std::vector<Replication>& replications,
                              const std::vector<std::vector<double>>& controls) {
  ValidationRow row{.group = rung.group, .name = figure.name, .unit = figure.unit, .reference = figure.reference, .source = figure.source,
                    .measured = {}, .criterion = figure.criterion, .limit = figure.limit, .p = {}, .note = figure.note};
  if (figure.estimate) {
    SetMeasured(row, figure.estimate(replications));
    if (!std::isfinite(row.measured->mean)) {
      row.measured.reset();
      row.note = "too little happened in these runs to tell";
    }
    if (figure.criterion != Criterion::kContains) row.p.reset();
    return row;
  }
  std::vector<double> samples;
  for (const Replication& r : replications) {
    samples.push_back(figure.value(r));
    if (!std::isfinite(samples.back())) return Error{kExitInternal, rung.group + ", " + figure.name + ": a run lacks the metric"};
  }
  if (figure.path_value) row.reference = figure.path_value(replications.at(0).seed);
  const Estimate estimate = EstimateMean(samples, figure.controlled ? controls : std::vector<std::vector<double>>{});
  SetMeasured(row, estimate);
  if (figure.criterion != Criterion::kContains) row.p.reset();
  return row;
}

// Of each rung that has a path, in parallel; what comes out depends on the seeds alone.
Result<std::vector<std::vector<Replication>>> FollowPaths(const std::vector<Rung>& rungs, const std::vector<uint64_t>& first, uint64_t seed,
                                                          const ReplicateOptions& options) {
  struct Task {
    size_t rung;
    int number;
  };
  std::vector<Task> tasks;
  std::vector<std::vector<Replication>> results(rungs.size());
  for (size_t r = 0; r < rungs.size(); ++r) {
    results[r].resize(static_cast<size_t>(rungs[r].path_replications));
    for (int i = 0; i < rungs[r].path_replications; ++i) tasks.push_back({r, i});
  }
  std::mutex mutex;  // guards `next` and the progress
  size_t next = 0;
  const auto work = [&] {
    for (;;) {
      std::unique_lock lock(mutex);
      if (next == tasks.size() || (options.stop && *options.stop)) return;
      const Task t = tasks[next++];
      options.progress(fmt::format("{} of {} calculations: {}", next, tasks.size(), rungs[t.rung].group));
      lock.unlock();
      results[t.rung][static_cast<size_t>(t.number)] =
          rungs[t.rung].path(MakeSeed(SeedFamily::kSearch, seed, first[t.rung] + static_cast<uint64_t>(t.number)));
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < std::max(1, options.jobs); ++i) threads.emplace_back(work);
  for (std::thread& t : threads) t.join();
  if (options.stop && *options.stop) return Error{kExitInterrupted, "interrupted"};
  return results;
}

}  // namespace

Result<ValidationTable> ValidateTheory(const ReplicateOptions& options, uint64_t seed, const std::string& only) {
  std::vector<Rung> rungs;
  std::vector<ReplicationPlan> plans;
  std::vector<uint64_t> firsts;
  uint64_t first = 0;  // seeds do not depend on what else is run
  for (Rung& rung : TheoryLadder()) {
    first += kSeedsOfRung;
    if (rung.group.find(only) == std::string::npos) continue;
    ReplicationPlan plan{.name = rung.group, .runs = rung.runs, .seeds = {}};
    for (int i = 0; i < rung.replications; ++i) plan.seeds.push_back(MakeSeed(SeedFamily::kSearch, seed, first + static_cast<uint64_t>(i)));
    plans.push_back(std::move(plan));
    rungs.push_back(std::move(rung));
    firsts.push_back(first);
  }
  if (rungs.empty()) return Error{kExitUsage, "no group of the ladder contains '" + only + "'"};
  OSE_ASSIGN(auto results, Replicate(plans, options));
  OSE_ASSIGN(auto paths, FollowPaths(rungs, firsts, seed, options));

  ValidationTable table{.name = "theory", .title = "The simulator against queueing theory", .rows = {}};
  for (size_t i = 0; i < rungs.size(); ++i) {
    std::vector<std::vector<double>> controls;
    if (rungs[i].controls)
      for (const Replication& r : results[i]) controls.push_back(rungs[i].controls(r.seed));
    for (const LadderFigure& figure : rungs[i].figures) {
      OSE_ASSIGN(ValidationRow row, MakeRow(rungs[i], figure, figure.estimate ? paths[i] : results[i], controls));
      table.rows.push_back(std::move(row));
    }
  }
  Judge(table);
  return table;
}

}  // namespace ose
