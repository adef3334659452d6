// The worker's own defence, with objects that no gate has seen.
#include "worker/server.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace ose {
namespace {

constexpr char kWorkload[] = R"(format = 1
name = "small"
machine = "m"
horizon_ms = 20
[[objective]]
metric = "throughput"
[[group]]
name = "worker"
count = 3
repeat = true
program = [{ run_us = 200 }, { sleep_us = 50 }]
)";
constexpr char kMachine[] = "format = 1\nname = \"m\"\n[topology]\ncpus = 2\n";

WorkerReply RunObject(const std::string& object, WorkerLimits limits = {.cpu_ms = 500, .wall_ms = 20'000, .memory_mb = 256}) {
  WorkerServer server;
  Status loaded = server.Load({.slot = 0, .workload = kWorkload, .machine = kMachine});
  EXPECT_TRUE(loaded.ok()) << loaded.error().message;
  return server.Run({.object = object, .tunables = {}, .steps = {{.slot = 0, .checked = true, .report = true, .seeds = {1, 2}}}, .limits = limits});
}

std::string Shipped(const std::string& name) { return std::string(OSE_BINARY_DIR) + "/policies/" + name + ".so"; }
std::string Hostile(const std::string& name) { return std::string(OSE_BINARY_DIR) + "/tests/policies/" + name + ".so"; }

TEST(WorkerServer, RunsAPolicyOnEverySeed) {
  WorkerReply r = RunObject(Shipped("fifo"));
  ASSERT_EQ(r.outcome, Outcome::kOk) << r.diagnosis;
  ASSERT_EQ(r.results.size(), 2u);
  EXPECT_EQ(r.results[1].seed, 2u);
  EXPECT_GT(r.results[0].metrics.at("throughput"), 0);
}

TEST(WorkerServer, ProfilesWhenAsked) {
  WorkerServer server;
  ASSERT_TRUE(server.Load({.slot = 0, .workload = kWorkload, .machine = kMachine}).ok());
  WorkerRun run{.object = Shipped("cfs"), .tunables = {}, .steps = {{.slot = 0, .checked = false, .report = true, .seeds = {1, 2}}}, .limits = {}};
  WorkerReply plain = server.Run(run);
  run.steps[0].watch.profile = true;
  WorkerReply profiled = server.Run(run);
  ASSERT_EQ(profiled.outcome, Outcome::kOk) << profiled.diagnosis;
  ASSERT_EQ(profiled.results.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_FALSE(plain.results[i].profile);
    EXPECT_EQ(plain.results[i].metrics, profiled.results[i].metrics);
    ASSERT_TRUE(profiled.results[i].profile);
    EXPECT_EQ(profiled.results[i].profile->seed, i + 1);
    EXPECT_EQ(profiled.results[i].profile->time_ns, 20'000'000);
    EXPECT_EQ(profiled.results[i].profile->workload, "small");
  }
}

TEST(WorkerServer, LogsAndKeepsDistributionsWhenAsked) {
  WorkerServer server;
  ASSERT_TRUE(server.Load({.slot = 0, .workload = kWorkload, .machine = kMachine}).ok());
  WorkerRun run{.object = Shipped("cfs"), .tunables = {}, .steps = {{.slot = 0, .checked = false, .report = true, .seeds = {1, 2}}}, .limits = {}};
  const WorkerReply plain = server.Run(run);
  run.steps[0].watch.log = ScheduleLogOptions{.from_ns = 1'000'000, .to_ns = 2'000'000};
  const WorkerReply logged = server.Run(run);
  run.steps[0].watch = {.distributions = {"latency", "nothing"}};
  const WorkerReply sampled = server.Run(run);
  ASSERT_EQ(logged.outcome, Outcome::kOk) << logged.diagnosis;
  ASSERT_EQ(sampled.outcome, Outcome::kOk) << sampled.diagnosis;
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(plain.results[i].metrics, logged.results[i].metrics);
    EXPECT_EQ(plain.results[i].metrics, sampled.results[i].metrics);
    EXPECT_FALSE(plain.results[i].log);
    EXPECT_TRUE(plain.results[i].distributions.empty());
    ASSERT_TRUE(logged.results[i].log);
    EXPECT_EQ(logged.results[i].log->seed, i + 1);
    EXPECT_EQ(logged.results[i].log->begin_ns, 1'000'000);
    EXPECT_EQ(logged.results[i].log->end_ns, 2'000'000);
    EXPECT_EQ(logged.results[i].log->run_ns, 20'000'000);
    EXPECT_FALSE(logged.results[i].log->events.empty());
    ASSERT_EQ(sampled.results[i].distributions.size(), 1u);
    EXPECT_EQ(sampled.results[i].distributions.at("latency").values[250], plain.results[i].metrics.at("latency_p50"));
  }
}

struct HostileCase {
  const char* policy;
  Outcome outcome;
};
class HostileObject : public testing::TestWithParam<HostileCase> {};

TEST_P(HostileObject, IsContainedAndNamed) {
  WorkerReply r = RunObject(Hostile(GetParam().policy));
  EXPECT_STREQ(OutcomeName(r.outcome), OutcomeName(GetParam().outcome)) << r.diagnosis;
  EXPECT_TRUE(r.diagnosis.starts_with("the policy ")) << r.diagnosis;
  EXPECT_TRUE(r.results.empty());
  // Nothing is left behind.
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
}

INSTANTIATE_TEST_SUITE_P(All, HostileObject,
                         testing::Values(HostileCase{"crash", Outcome::kCrash}, HostileCase{"endless", Outcome::kTimeout},
                                         HostileCase{"deep", Outcome::kMemory}, HostileCase{"opens", Outcome::kSandbox},
                                         HostileCase{"forks", Outcome::kSandbox}, HostileCase{"sockets", Outcome::kSandbox},
                                         HostileCase{"signals", Outcome::kSandbox}),
                         [](const auto& info) { return std::string(info.param.policy); });

TEST(WorkerServer, AMemoryBombIsContained) {
  // The map fails at the limit and the policy then writes through the error code: a crash, with
  // the machine's memory untouched.
  WorkerReply r = RunObject(Hostile("memory"));
  EXPECT_TRUE(r.outcome == Outcome::kCrash || r.outcome == Outcome::kMemory) << OutcomeName(r.outcome) << ": " << r.diagnosis;
}

TEST(WorkerServer, AnObjectThatIsNoPolicyIsRefused) {
  WorkerReply r = RunObject("/nonexistent/p.so");
  EXPECT_EQ(r.outcome, Outcome::kCompile);
  EXPECT_NE(r.diagnosis.find("cannot load policy object"), std::string::npos) << r.diagnosis;
}

TEST(WorkerServer, AnUnknownTunableIsRefused) {
  WorkerServer server;
  ASSERT_TRUE(server.Load({.slot = 0, .workload = kWorkload, .machine = kMachine}).ok());
  WorkerReply r = server.Run({.object = Shipped("fifo"), .tunables = {{"nothing", 1}}, .steps = {{.slot = 0, .checked = false, .report = true, .seeds = {1}}}, .limits = {}});
  EXPECT_EQ(r.outcome, Outcome::kGate);
}

TEST(WorkerServer, AnEmptySlotIsNamed) {
  WorkerServer server;
  EXPECT_EQ(server.Run({.object = Shipped("fifo"), .tunables = {}, .steps = {{.slot = 3, .checked = false, .report = true, .seeds = {1}}}, .limits = {}}).outcome,
            Outcome::kInternal);
}

}  // namespace
}  // namespace ose
