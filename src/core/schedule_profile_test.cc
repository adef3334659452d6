#include "core/schedule_profile.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/worker_protocol.h"

namespace ose {
namespace {

ScheduleProfile Example() {
  ScheduleProfile p;
  p.workload = "w\"\n";
  p.machine = "m";
  p.seed = UINT64_MAX;
  p.time_ns = INT64_MAX / 4;
  p.cpus = {{1, 2, 3}, {4, 5, 6}};
  p.overhead = {7, 8, 9, 10};
  p.idle_while_waiting_ns = 11;
  p.some_waiting_ns = 12;
  p.waiting_task_ns = 13;
  p.max_waiting = 14;
  p.some_idle_waiting_ns = 15;
  p.groups = {{.name = "g", .tasks = 16, .cpu_ns = 17, .waits = {18, 19, 20, 21, 22}, .wakeups = {23, 24, 25, 26, 27},
               .turns = {28, 29, 30, 31, 32}, .ends = {33, 34, 35, 36, 37}, .migrations = 38}};
  p.episodes = {{.task = "g[1]", .is_event = true, .begin_ns = 39, .end_ns = 40, .ended = false, .why = "why", .queue = "q", .cpu = 41,
                 .start_ns = 42, .work_ns = 43, .meanwhile = {{.cpu = 44, .who = "h[2]", .begin_ns = 45, .ns = 46, .turns = 47, .tasks = 48}}}};
  return p;
}

TEST(ScheduleProfile, SurvivesJson) {
  auto decoded = DecodeProfile(EncodeProfile(Example()));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(*decoded, Example());
}

TEST(ScheduleProfile, WhatIsNoneIsRefused) {
  for (const char* text : {"", "{}", "[1]", R"({"seed": "x"})"}) EXPECT_FALSE(DecodeProfile(text).ok()) << text;
}

TEST(ScheduleProfile, TravelsInAWorkerReply) {
  WorkerReply reply;
  reply.results = {{1, {{"a", 0.1}}, {2}, Example()}, {2, {}, {}, {}}};
  auto decoded = DecodeReply(EncodeReply(reply));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  ASSERT_EQ(decoded->results.size(), 2u);
  EXPECT_EQ(decoded->results[0].profile, Example());
  EXPECT_FALSE(decoded->results[1].profile);
}

TEST(ScheduleProfile, AWorkerRequestMayLeaveTheFlagOut) {
  WorkerRun run{.object = "/p.so", .tunables = {}, .steps = {{.slot = 1, .checked = false, .report = true, .seeds = {5}, .watch = {.profile = true}}}, .limits = {}};
  std::string text = EncodeRun(run);
  auto with = DecodeWorkerRequest(text);
  ASSERT_TRUE(with.ok()) << with.error().message;
  EXPECT_TRUE(std::get<WorkerRun>(*with).steps[0].watch.profile);
  const std::string flag = R"("profile":true,)";
  ASSERT_NE(text.find(flag), std::string::npos) << text;
  text.erase(text.find(flag), flag.size());
  auto without = DecodeWorkerRequest(text);
  ASSERT_TRUE(without.ok()) << without.error().message;
  EXPECT_FALSE(std::get<WorkerRun>(*without).steps[0].watch.profile);
}

// However many groups there are, whatever they are called, and with an empty profile.
TEST(ScheduleProfile, TheTextKeepsToItsSize) {
  ScheduleProfile p = Example();
  p.groups.resize(64, p.groups[0]);
  for (size_t i = 0; i < p.groups.size(); ++i) p.groups[i].name = std::string(5 * i, 'n');
  p.episodes.resize(3, p.episodes[0]);
  for (ProfileEpisode& e : p.episodes) {
    e.meanwhile.clear();
    for (int i = 0; i < 8; ++i) e.meanwhile.push_back({.cpu = i / 2, .who = i % 2 ? "others" : "one", .ns = 1, .turns = 1000, .tasks = 100});
  }
  std::string text = FormatProfile(p);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 60) << text;
  EXPECT_NE(text.find("(58 more groups)"), std::string::npos) << text;
  EXPECT_FALSE(FormatProfile({}).empty());
}

}  // namespace
}  // namespace ose
