// A log says the same as the accounts that the kernel keeps, and is a part of the whole where only a
// part was asked for.
#include "sim/schedule_recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/file.h"
#include "sim/profiler.h"
#include "sim/sample_recorder.h"
#include "sim/simulate.h"
#include "sim/testing.h"

namespace ose {
namespace {

using Kind = ScheduleEvent::Kind;

struct Case {
  const char* workload;
  const char* machine;
  const char* policy;
};

struct Subject {
  Workload workload;
  Machine machine;
  NativePolicy policy;
};

Subject Load(const Case& c) {
  auto text = [](const std::string& path) {
    auto read = ReadFile(std::string(OSE_SOURCE_DIR) + "/" + path);
    EXPECT_TRUE(read.ok());
    return *read;
  };
  auto workload = ParseWorkload(text(std::string("workloads/") + c.workload + ".toml"), "w");
  auto machine = ParseMachine(text(std::string("machines/") + c.machine + ".toml"), "m");
  auto policy = NativePolicy::Open(ShippedPolicy(c.policy));
  EXPECT_TRUE(workload.ok() && machine.ok() && policy.ok());
  return {std::move(*workload), std::move(*machine), std::move(*policy)};
}

ScheduleLog LogOf(const Subject& run, const ScheduleLogOptions& options = {}, SimResult* result = nullptr) {
  ScheduleRecorder recorder(options);
  SimResult r = Simulate(run.workload, run.machine, run.policy, 3, {.checked = true, .observer = &recorder});
  EXPECT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  if (result) *result = r;
  return recorder.TakeLog();
}

// What the log says that each CPU did from `from` to `to`.
struct Account {
  int64_t useful = 0, overhead = 0;
  bool operator==(const Account&) const = default;
};
std::vector<Account> AccountsOf(const ScheduleLog& log, int64_t from, int64_t to) {
  struct Span { int64_t begin, end; };
  std::vector<std::vector<Span>> turns(static_cast<size_t>(log.cpus)), overhead = turns;
  std::map<int, int64_t> runs;
  auto add = [&](std::vector<Span>& spans, int64_t begin, int64_t end) {
    begin = std::max(begin, from), end = std::min(end, to);
    if (begin < end) spans.push_back({begin, end});
  };
  for (const ScheduleEvent& e : log.events) {
    const auto c = static_cast<size_t>(e.cpu);
    if (e.kind == Kind::kRun) {
      EXPECT_FALSE(runs.contains(e.cpu)) << "two turns at once";
      runs[e.cpu] = e.value;
    } else if (e.kind == Kind::kStop) {
      add(turns[c], runs.at(e.cpu), e.at_ns);
      runs.erase(e.cpu);
    } else if (e.kind == Kind::kOverhead) {
      if (!overhead[c].empty()) EXPECT_GE(e.at_ns, overhead[c].back().end);
      add(overhead[c], e.at_ns, e.at_ns + e.value);
    }
  }
  for (auto [cpu, begin] : runs) add(turns[static_cast<size_t>(cpu)], begin, log.end_ns);
  std::vector<Account> accounts(turns.size());
  for (size_t c = 0; c < turns.size(); ++c) {
    for (const Span& s : overhead[c]) accounts[c].overhead += s.end - s.begin;
    for (const Span& t : turns[c]) {
      accounts[c].useful += t.end - t.begin;
      for (const Span& s : overhead[c]) accounts[c].useful -= std::max<int64_t>(0, std::min(s.end, t.end) - std::max(s.begin, t.begin));
    }
  }
  return accounts;
}

class ScheduleRecorderOn : public testing::TestWithParam<Case> {};

TEST_P(ScheduleRecorderOn, AddsUpToWhatTheKernelCounted) {
  const Subject run = Load(GetParam());
  SimResult recorded;
  const ScheduleLog log = LogOf(run, {}, &recorded);
  ScheduleProfile profile;
  SimResult r = SimulateWithProfile(run.workload, run.machine, run.policy, 3, {.checked = true}, &profile);
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  EXPECT_EQ(recorded.metrics, r.metrics);  // nobody notices that it is watched
  EXPECT_EQ(log.run_ns, profile.time_ns);
  EXPECT_EQ(log.end_ns, profile.time_ns);
  EXPECT_FALSE(log.full);
  const std::vector<Account> accounts = AccountsOf(log, 0, log.end_ns);
  for (size_t c = 0; c < accounts.size(); ++c) {
    EXPECT_EQ(accounts[c].useful, profile.cpus[c].useful_ns) << "cpu " << c;
    EXPECT_EQ(accounts[c].overhead, profile.cpus[c].overhead_ns) << "cpu " << c;
  }
  int64_t by_kind[kCostKinds] = {}, waiting = 0, waiting_ns = 0, last = 0;
  ProfileTurnEnds ends;
  for (const ScheduleEvent& e : log.events) {
    if (e.kind == Kind::kOverhead) {
      by_kind[e.detail] += e.value;
      continue;
    }
    EXPECT_GE(e.at_ns, last);
    waiting_ns += waiting * (e.at_ns - last);
    last = e.at_ns;
    waiting += e.kind == Kind::kWakeup || (e.kind == Kind::kStop && StaysRunnable(static_cast<TurnEnd>(e.detail)));
    waiting -= e.kind == Kind::kRun;
    if (e.kind == Kind::kStop) {
      int64_t* counts[] = {&ends.slept, &ends.exited, &ends.yielded, &ends.slice_used_up, &ends.preempted};
      ++*counts[e.detail];
    }
  }
  EXPECT_EQ(waiting_ns + waiting * (log.end_ns - last), profile.waiting_task_ns);
  ProfileTurnEnds all;
  for (const ProfileGroup& g : profile.groups) {
    all.slept += g.ends.slept, all.exited += g.ends.exited, all.yielded += g.ends.yielded;
    all.slice_used_up += g.ends.slice_used_up, all.preempted += g.ends.preempted;
  }
  EXPECT_EQ(ends, all);
  // Each cause; what is paid beyond the end is in the log, not in the profile.
  auto close = [](int64_t a, int64_t b) { return a >= b && a - b < 100'000; };
  EXPECT_TRUE(close(by_kind[static_cast<int>(CostKind::kSwitch)], profile.overhead.switch_ns));
  EXPECT_TRUE(close(by_kind[static_cast<int>(CostKind::kWakeup)], profile.overhead.wakeup_ns));
  EXPECT_TRUE(close(by_kind[static_cast<int>(CostKind::kMigration)], profile.overhead.migration_ns));
  EXPECT_TRUE(close(by_kind[static_cast<int>(CostKind::kInterrupt)], profile.overhead.interrupt_ns));
  EXPECT_TRUE(close(by_kind[static_cast<int>(CostKind::kPolicy)], profile.overhead.policy_ns));
}

TEST_P(ScheduleRecorderOn, APartIsAPartOfTheWhole) {
  const Subject run = Load(GetParam());
  const ScheduleLog whole = LogOf(run);
  const int64_t from = whole.run_ns / 3, to = whole.run_ns / 2;
  const ScheduleLog part = LogOf(run, {.from_ns = from, .to_ns = to});
  EXPECT_EQ(part.begin_ns, from);
  EXPECT_EQ(part.end_ns, to);
  EXPECT_EQ(part.run_ns, whole.run_ns);
  EXPECT_EQ(AccountsOf(part, from, to), AccountsOf(whole, from, to));
  // Who waits and where at the beginning is said first.
  std::map<int, std::pair<int, int64_t>> queued;
  for (const ScheduleEvent& e : whole.events) {
    if (e.kind != Kind::kOverhead && e.at_ns >= from) break;
    if (e.kind == Kind::kQueued) queued[e.task] = {e.cpu, e.value};
    if (e.kind == Kind::kRun) queued.erase(e.task);
  }
  for (const ScheduleEvent& e : part.events) {
    if (e.kind == Kind::kIdle) break;
    if (e.kind == Kind::kQueued) {
      ASSERT_TRUE(queued.contains(e.task));
      EXPECT_EQ(queued[e.task], (std::pair<int, int64_t>(e.cpu, e.value)));
      queued.erase(e.task);
    }
    if (queued.empty()) break;
  }
  EXPECT_TRUE(queued.empty());
}

TEST_P(ScheduleRecorderOn, AFullLogIsTheFirstPart) {
  const Subject run = Load(GetParam());
  const ScheduleLog whole = LogOf(run);
  const auto most = static_cast<int64_t>(whole.events.size() / 2);
  const ScheduleLog log = LogOf(run, {.max_events = most});
  EXPECT_TRUE(log.full);
  EXPECT_GT(log.end_ns, 0);
  EXPECT_LT(log.end_ns, log.run_ns);
  size_t same = 0;
  while (same < log.events.size() && log.events[same] == whole.events[same]) ++same;
  EXPECT_GE(static_cast<int64_t>(same), most);
  for (; same < log.events.size(); ++same) EXPECT_EQ(log.events[same].kind, Kind::kEvent);  // cut short
}

INSTANTIATE_TEST_SUITE_P(All, ScheduleRecorderOn,
                         testing::Values(Case{"hol", "server-5cpu", "fifo"}, Case{"hol", "server-5cpu", "cfs"},
                                         Case{"hol-8x2", "vm-2cpu", "shinjuku"}, Case{"schbench-2cpu", "vm-2cpu", "eevdf"},
                                         Case{"exp-2cpu", "vm-2cpu", "rr"}),
                         [](const auto& info) {
                           std::string name = std::string(info.param.workload) + "_" + info.param.policy;
                           std::replace_if(name.begin(), name.end(), [](char c) { return !isalnum(c); }, '_');
                           return name;
                         });

TEST(ScheduleRecorder, ALogThatWouldBeginAfterTheEndIsEmpty) {
  const Subject run = Load({"hol-8x2", "vm-2cpu", "fifo"});
  const ScheduleLog log = LogOf(run, {.from_ns = int64_t{1} << 50});
  EXPECT_TRUE(log.events.empty());
  EXPECT_EQ(log.begin_ns, log.run_ns);
  EXPECT_EQ(log.end_ns, log.run_ns);
}

TEST(SampleRecorder, SeesWhatTheMetricsAreMadeOf) {
  const Subject run = Load({"hol", "server-5cpu", "cfs"});
  SampleRecorder recorder({"latency", "fast.latency", "fast.start", "fast.nothing", "nobody.latency"});
  SimResult r = Simulate(run.workload, run.machine, run.policy, 3, {.observer = &recorder});
  ASSERT_EQ(r.outcome, Outcome::kOk);
  const Distributions d = recorder.Take();
  ASSERT_EQ(d.size(), 3u);
  EXPECT_EQ(static_cast<double>(d.at("latency").count), r.metrics.at("events") + r.metrics.at("incomplete"));
  EXPECT_EQ(d.at("latency").values[250], r.metrics.at("latency_p50"));  // QuantileAt(250) is 0.5
  EXPECT_EQ(d.at("fast.start").values[250], r.metrics.at("fast.start_p50"));
}

}  // namespace
}  // namespace ose
