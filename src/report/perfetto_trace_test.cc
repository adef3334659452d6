#include "report/perfetto_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "report/trace_testing.h"

namespace ose {
namespace {

using Kind = ScheduleEvent::Kind;
using testing::ElementsAre;

uint8_t Detail(auto v) { return static_cast<uint8_t>(v); }

// Two CPUs. a[0] starts, wakes b[0] at 500, sleeps at 1000; b[0] is picked by cpu 1, pays a migration
// within its turn, is preempted by cpu 0 at 2000 and still waits at the end.
ScheduleLog Example() {
  ScheduleLog log;
  log.workload = "example";
  log.machine = "two";
  log.seed = 7;
  log.cpus = 2;
  log.groups = {{"a", 1}, {"b", 2}};
  log.end_ns = log.run_ns = 3000;
  log.events = {
      {.kind = Kind::kIdle, .cpu = 0, .at_ns = 0, .value = 1},
      {.kind = Kind::kIdle, .cpu = 1, .at_ns = 0, .value = 1},
      {.kind = Kind::kWakeup, .detail = Detail(WakeReason::kStart), .cpu = 0, .task = 0, .at_ns = 0},
      {.kind = Kind::kQueued, .cpu = -1, .task = 0, .at_ns = 0, .value = 3},
      {.kind = Kind::kQueued, .cpu = 0, .task = 0, .at_ns = 0, .value = -1},
      {.kind = Kind::kIdle, .cpu = 0, .at_ns = 0, .value = 0},
      {.kind = Kind::kOverhead, .detail = Detail(CostKind::kPolicy), .cpu = 0, .at_ns = 0, .value = 30},
      {.kind = Kind::kOverhead, .detail = Detail(CostKind::kSwitch), .cpu = 0, .at_ns = 30, .value = 70},
      {.kind = Kind::kRun, .cpu = 0, .task = 0, .at_ns = 0, .value = 100},
      {.kind = Kind::kWakeup, .detail = Detail(WakeReason::kWoken), .cpu = 0, .task = 1, .other = 0, .at_ns = 500},
      {.kind = Kind::kQueued, .cpu = -1, .task = 1, .at_ns = 500, .value = -1},
      {.kind = Kind::kOverhead, .detail = Detail(CostKind::kWakeup), .cpu = 0, .at_ns = 500, .value = 50},
      {.kind = Kind::kIdle, .cpu = 1, .at_ns = 600, .value = 0},
      {.kind = Kind::kRun, .cpu = 1, .task = 1, .at_ns = 600, .value = 600},
      {.kind = Kind::kOverhead, .detail = Detail(CostKind::kInterrupt), .cpu = 1, .at_ns = 1950, .value = 100},
      {.kind = Kind::kStop, .detail = Detail(TurnEnd::kSlept), .cpu = 0, .task = 0, .at_ns = 1000},
      {.kind = Kind::kEvent, .detail = 1, .task = 0, .at_ns = 1000, .value = 0, .start_ns = 100, .work_ns = 850},
      {.kind = Kind::kIdle, .cpu = 0, .at_ns = 1000, .value = 1},
      {.kind = Kind::kStop, .detail = Detail(TurnEnd::kPreempted), .cpu = 1, .task = 1, .other = 0, .at_ns = 2000},
      {.kind = Kind::kQueued, .cpu = -1, .task = 1, .at_ns = 2000, .value = -1},
      {.kind = Kind::kIdle, .cpu = 1, .at_ns = 2000, .value = 1},
      {.kind = Kind::kEvent, .detail = 0, .task = 1, .at_ns = 3000, .value = 500, .start_ns = 600, .work_ns = 1350},
  };
  return log;
}

std::vector<std::string> Lines(const std::vector<testing_trace::Slice>& slices) {
  std::vector<std::string> out;
  for (const auto& s : slices)
    out.push_back(std::string(static_cast<size_t>(s.depth), ' ') + s.name + " " + std::to_string(s.begin) + "-" + std::to_string(s.end));
  return out;
}

TEST(PerfettoTrace, ShowsWhatEachCpuAndTaskDid) {
  const testing_trace::Trace t = testing_trace::Read(PerfettoTrace(Example(), "mine"));
  EXPECT_THAT(Lines(t.On("cpu 0")), ElementsAre("policy 0-30", "switch 30-100", "a[0] 100-1000", " wake-up 500-550"));
  // The interrupt goes on when the turn has ended.
  EXPECT_THAT(Lines(t.On("cpu 1")), ElementsAre("b[0] 600-2000", " interrupt 1950-2000", "interrupt 2000-2050"));
  EXPECT_THAT(Lines(t.On("a[0]")), ElementsAre("runnable 0-100", "running 100-1000", " wakes b[0] 500-500", "sleeping 1000-3000"));
  EXPECT_THAT(Lines(t.On("b[0]")), ElementsAre("runnable 500-600", "running 600-2000", "runnable 2000-3000"));
  EXPECT_THAT(Lines(t.On("b[1]")), ElementsAre());
  EXPECT_EQ(t.On("cpu 0")[2].args.at("ended"), "slept");
  EXPECT_EQ(t.On("cpu 1")[0].args.at("ended"), "preempted");
  EXPECT_EQ(t.On("cpu 1")[0].args.at("by cpu"), "0");
  EXPECT_EQ(t.On("b[0]")[0].args.at("because"), "woken");
  EXPECT_EQ(t.On("b[0]")[0].args.at("by"), "a[0]");
  EXPECT_EQ(t.tracks.begin()->second.name, "CPUs: mine on example, two, seed 7");
}

TEST(PerfettoTrace, AnArrowLeadsFromTheWakerToTheWoken) {
  const testing_trace::Trace t = testing_trace::Read(PerfettoTrace(Example(), "mine"));
  ASSERT_EQ(t.flow_out.size(), 1u);
  EXPECT_EQ(t.slices[t.flow_out.begin()->second].name, "wakes b[0]");
  EXPECT_EQ(t.tracks.at(t.slices[t.flow_in.begin()->second].track).name, "b[0]");
}

TEST(PerfettoTrace, CountsWaitingTasksIdleCpusAndQueues) {
  const testing_trace::Trace t = testing_trace::Read(PerfettoTrace(Example(), "mine"));
  auto values = [&](const std::string& track) {
    std::vector<std::pair<int64_t, int64_t>> out;
    for (const auto& c : t.Counts(track)) out.emplace_back(c.at, c.value);
    return out;
  };
  using P = std::pair<int64_t, int64_t>;
  EXPECT_THAT(values("waiting tasks"), ElementsAre(P{0, 0}, P{500, 1}, P{600, 0}, P{2000, 1}));
  EXPECT_THAT(values("idle CPUs"), ElementsAre(P{0, 1}, P{600, 0}, P{1000, 1}, P{2000, 2}));
  EXPECT_THAT(values("global queue"), ElementsAre(P{500, 1}, P{600, 0}, P{2000, 1}));
  EXPECT_THAT(values("queue 3"), ElementsAre(P{0, 0}));
}

TEST(PerfettoTrace, EventsThatOverlapLieInLanes) {
  ScheduleLog log = Example();
  log.events.push_back({.kind = Kind::kEvent, .detail = 1, .task = 2, .at_ns = 3000, .value = 600, .start_ns = 2500, .work_ns = 5});
  const testing_trace::Trace t = testing_trace::Read(PerfettoTrace(log, "mine"));
  EXPECT_THAT(Lines(t.On("event")), ElementsAre("a 0-1000", " served by a[0] 100-1000", "b 500-3000", " served by b[0] 600-3000",
                                                "b 600-3000", " served by b[1] 2500-3000"));
  EXPECT_NE(t.On("event")[2].track, t.On("event")[4].track);
  EXPECT_EQ(t.On("event")[2].args.at("unfinished"), "when the trace ends");
  EXPECT_EQ(t.On("event")[2].args.at("work_ns"), "1350");
}

TEST(PerfettoTrace, ATurnThatIsCutBeforeItsFirstInstructionIsWaiting) {
  ScheduleLog log = Example();
  log.events = {{.kind = Kind::kWakeup, .detail = Detail(WakeReason::kTimer), .cpu = 0, .task = 0, .at_ns = 0},
                {.kind = Kind::kRun, .cpu = 0, .task = 0, .at_ns = 10, .value = 200},
                {.kind = Kind::kOverhead, .detail = Detail(CostKind::kSwitch), .cpu = 0, .at_ns = 10, .value = 190},
                {.kind = Kind::kStop, .detail = Detail(TurnEnd::kPreempted), .cpu = 0, .task = 0, .other = 1, .at_ns = 100},
                {.kind = Kind::kRun, .cpu = 1, .task = 0, .at_ns = 100, .value = 300}};
  const testing_trace::Trace t = testing_trace::Read(PerfettoTrace(log, "mine"));
  EXPECT_THAT(Lines(t.On("cpu 0")), ElementsAre("switch 10-200"));
  EXPECT_THAT(Lines(t.On("a[0]")), ElementsAre("runnable 0-300", "running 300-3000"));
}

// A reader other than this project's accepts exactly these bytes (docs/pictures.md). If a change is
// meant, look at the new trace in ui.perfetto.dev first.
TEST(PerfettoTrace, TheBytesOfASmallExample) {
  const std::string bytes = PerfettoTrace(Example(), "mine");
  EXPECT_EQ(bytes, PerfettoTrace(Example(), "mine"));
  EXPECT_EQ(Sha256Hex(bytes), "ca23450e4e430ab608d9dc95843d5d4a5913d64c97d2e6b97fae0a0438164409") << bytes.size();
}

}  // namespace
}  // namespace ose
