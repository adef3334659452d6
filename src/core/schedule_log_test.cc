#include "core/schedule_log.h"

#include <gtest/gtest.h>

#include "core/exit_code.h"

namespace ose {
namespace {

using Kind = ScheduleEvent::Kind;

ScheduleLog Example() {
  ScheduleLog log;
  log.workload = "w";
  log.machine = "m";
  log.seed = (uint64_t{3} << 56) + 1;
  log.cpus = 2;
  log.groups = {{"a", 1}, {"b \"c\"", 3}};
  log.begin_ns = 10;
  log.end_ns = 4'000'000'000'000;
  log.run_ns = 5'000'000'000'000;
  log.full = true;
  log.events = {
      {.kind = Kind::kWakeup, .detail = 5, .cpu = 1, .task = 3, .other = -1, .at_ns = 10},
      {.kind = Kind::kQueued, .cpu = -1, .task = 3, .at_ns = 10, .value = INT64_MAX},
      {.kind = Kind::kRun, .cpu = 1, .task = 3, .at_ns = 10, .value = 2000},
      {.kind = Kind::kOverhead, .detail = 4, .cpu = 1, .at_ns = 500, .value = 1500},
      {.kind = Kind::kIdle, .cpu = 0, .at_ns = 20, .value = 1},
      {.kind = Kind::kStop, .detail = 4, .cpu = 1, .task = 3, .other = 0, .at_ns = 3'999'999'999'999},
      {.kind = Kind::kEvent, .detail = 1, .task = 0, .at_ns = 4'000'000'000'000, .value = 0, .start_ns = -1, .work_ns = 77},
  };
  return log;
}

TEST(ScheduleLog, TravelsUnchanged) {
  auto decoded = DecodeScheduleLog(EncodeScheduleLog(Example()));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(*decoded, Example());
}

TEST(ScheduleLog, NamesItsTasksGroupByGroup) {
  const ScheduleLog log = Example();
  EXPECT_EQ(log.TaskCount(), 4);
  EXPECT_EQ(log.TaskName(0), "a[0]");
  EXPECT_EQ(log.TaskName(3), "b \"c\"[2]");
  EXPECT_EQ(log.GroupOf(0), 0);
  EXPECT_EQ(log.GroupOf(1), 1);
}

// The worker that sends it runs code that nobody trusts.
TEST(ScheduleLog, IsRefusedWhenItContradictsItself) {
  auto refused = [](auto change) {
    ScheduleLog log = Example();
    change(log);
    auto decoded = DecodeScheduleLog(EncodeScheduleLog(log));
    return !decoded.ok() && decoded.error().code == kExitInternal;
  };
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[0].task = 4; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[0].task = -1; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[0].other = 4; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[1].cpu = -2; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[2].cpu = 2; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[2].value = 9; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[3].detail = kCostKinds; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[3].value = 0; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[3].at_ns = -5; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[5].at_ns = INT64_MAX; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[6].value = l.events[6].at_ns + 1; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.events[6].kind = static_cast<Kind>(kScheduleEventKinds); }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.cpus = 0; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.groups[0].tasks = -1; }));
  EXPECT_TRUE(refused([](ScheduleLog& l) { l.end_ns = 5; }));
  EXPECT_FALSE(refused([](ScheduleLog&) {}));
}

TEST(ScheduleLog, IsRefusedWhereverItIsCut) {
  const std::string whole = EncodeScheduleLog(Example());
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(DecodeScheduleLog(whole.substr(0, n)).ok()) << n;
}

}  // namespace
}  // namespace ose
