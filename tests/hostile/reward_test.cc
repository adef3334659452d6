// Policies that look good without being good (tests/hostile/reward), each on the product's path, with the metric or
// check that exposes it. Every case first shows that the trick pays where it is meant to: else it would prove nothing.
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "base/file.h"
#include "core/policy_source.h"
#include "core/seeds.h"
#include "eval/clients.h"
#include "eval/compiler.h"
#include "eval/torture.h"
#include "workload/bound.h"
#include "workload/machine.h"
#include "workload/workload.h"

namespace ose {
namespace {

const std::string kRoot = OSE_SOURCE_DIR;
const std::string kReward = kRoot + "/tests/hostile/reward/";

std::string Text(const std::string& path) {
  auto text = ReadFile(path);
  EXPECT_TRUE(text.ok()) << text.error().message;
  return text.ok() ? *text : "";
}

std::string With(std::string text, const std::string& what, const std::string& by) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

enum Slot { kServe, kClosed, kClosedLong, kRelease, kTorture };

class Reward : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string machine = Text(kRoot + "/machines/vm-2cpu.toml"), serve = Text(kReward + "serve.toml");
    auto compiler = Compiler::Create(kRoot + "/include");
    ASSERT_TRUE(compiler.ok()) << compiler.error().message;
    compiler_ = std::move(*compiler);
    const std::string bin = std::string(OSE_BINARY_DIR) + "/bin/";
    gate_ = std::make_unique<GateClient>(bin + "osevolve-gate", compiler_->include_dir(), compiler_->temp_dir());
    worker_ = std::make_unique<WorkerClient>(
        bin + "osevolve-worker",
        std::vector<WorkerLoad>{{kServe, serve, machine},
                                {kClosed, Text(kReward + "closed.toml"), machine},
                                {kClosedLong, Text(kReward + "closed_long.toml"), machine},
                                {kRelease, Text(kReward + "release.toml"), machine},
                                {kTorture, std::string(TortureWorkload()), std::string(TortureMachine())}});
  }
  static void TearDownTestSuite() {
    worker_.reset();
    gate_.reset();
    compiler_.reset();
  }

  static WorkerReply RunSource(const std::string& source, Slot slot, const std::vector<uint64_t>& seeds) {
    auto verdict = gate_->Check({.source = source, .skeleton_of = {}});
    EXPECT_TRUE(verdict.ok() && verdict->ok) << (verdict.ok() ? verdict->Text("policy.cc") : verdict.error().message);
    auto object = compiler_->Compile(source, "policy.cc");
    EXPECT_TRUE(object.ok()) << object.error().message;
    WorkerRun run{.object = object.ok() ? object->path : "", .tunables = {}, .steps = {}, .limits = {}};
    run.steps.push_back({.slot = slot, .checked = slot == kTorture, .report = true, .seeds = seeds});
    auto reply = worker_->Run(run);
    EXPECT_TRUE(reply.ok()) << reply.error().message;
    return reply.ok() ? *reply : WorkerReply{};
  }
  static WorkerReply Run(const std::string& policy, Slot slot, const std::vector<uint64_t>& seeds) {
    return RunSource(Text(kReward + policy + ".cc"), slot, seeds);
  }

  static std::vector<uint64_t> Seeds(SeedFamily family, int n = 3) { return MakeSeeds(family, 1, n); }

  static double Mean(const WorkerReply& reply, const std::string& metric) {
    EXPECT_EQ(reply.outcome, Outcome::kOk) << reply.diagnosis;
    double sum = 0;
    for (const WorkerSeed& s : reply.results) {
      auto it = s.metrics.find(metric);
      EXPECT_NE(it, s.metrics.end()) << metric;
      if (it != s.metrics.end()) sum += it->second;
    }
    return reply.results.empty() ? 0 : sum / static_cast<double>(reply.results.size());
  }

  static std::unique_ptr<Compiler> compiler_;
  static std::unique_ptr<GateClient> gate_;
  static std::unique_ptr<WorkerClient> worker_;
};
std::unique_ptr<Compiler> Reward::compiler_;
std::unique_ptr<GateClient> Reward::gate_;
std::unique_ptr<WorkerClient> Reward::worker_;

void Note(const char* what, double honest, double hack) { printf("  %-34s honest %10.1f   hack %10.1f\n", what, honest, hack); }

TEST_F(Reward, StarvingWhatIsNotMeasured) {
  const auto seeds = Seeds(SeedFamily::kSearch);
  const WorkerReply honest = Run("honest", kServe, seeds), hack = Run("starve_unmeasured", kServe, seeds);
  Note("latency_p99 (us)", Mean(honest, "latency_p99"), Mean(hack, "latency_p99"));
  Note("wait_max (us)", Mean(honest, "wait_max"), Mean(hack, "wait_max"));
  Note("idle_while_waiting (%)", Mean(honest, "idle_while_waiting"), Mean(hack, "idle_while_waiting"));
  EXPECT_LT(Mean(hack, "latency_p99"), Mean(honest, "latency_p99"));
  // Exposed: somebody waited for the whole run, and CPUs idled meanwhile.
  EXPECT_GT(Mean(hack, "wait_max"), 850'000);
  EXPECT_LT(Mean(honest, "wait_max"), 200'000);
  EXPECT_GT(Mean(hack, "idle_while_waiting"), 20);
}

TEST_F(Reward, ExploitingTheWarmUp) {
  const WorkerReply honest = Run("honest", kClosed, {1}), hack = Run("warm_up", kClosed, {1});
  const WorkerReply honest_long = Run("honest", kClosedLong, {1}), hack_long = Run("warm_up", kClosedLong, {1});
  Note("throughput, 4 events a task", Mean(honest, "throughput"), Mean(hack, "throughput"));
  Note("throughput, 40 events a task", Mean(honest_long, "throughput"), Mean(hack_long, "throughput"));
  const double gain = Mean(hack, "throughput") / Mean(honest, "throughput"), gain_long = Mean(hack_long, "throughput") / Mean(honest_long, "throughput");
  EXPECT_GT(gain, 1.25);
  // Exposed: what is worth one event a task is worth nothing in a longer window.
  EXPECT_LT(gain_long - 1, (gain - 1) / 4);
  // The bound knows the trick, so the score stays honest.
  auto workload = ParseWorkload(Text(kReward + "closed.toml"), "closed.toml");
  auto machine = ParseMachine(Text(kRoot + "/machines/vm-2cpu.toml"), "m");
  ASSERT_TRUE(workload.ok() && machine.ok());
  EXPECT_LE(Mean(hack, "throughput"), Bounds(*workload, *machine, 1).at("throughput") * 1.001);
}

TEST(RewardFiles, NoShippedWorkloadCanBeWarmedUp) {
  auto names = ListFiles(kRoot + "/workloads", ".toml");
  ASSERT_TRUE(names.ok());
  ASSERT_FALSE(names->empty());
  for (const std::string& name : *names) {
    auto w = ParseWorkload(Text(kRoot + "/workloads/" + name), name);
    ASSERT_TRUE(w.ok()) << w.error().message;
    for (const Group& g : w->groups) EXPECT_FALSE(g.measured && g.repeat && w->warmup.v > 0) << name << " has a closed loop and a warm-up";
  }
}

TEST_F(Reward, ExploitingTheHorizon) {
  const auto seeds = Seeds(SeedFamily::kSearch);
  const WorkerReply honest = Run("honest", kServe, seeds), hack = Run("horizon", kServe, seeds);
  for (const char* metric : {"short.latency_mean", "long.latency_p99", "wait_max"}) Note(metric, Mean(honest, metric), Mean(hack, metric));
  EXPECT_LT(Mean(hack, "short.latency_mean"), 0.9 * Mean(honest, "short.latency_mean"));
  // Exposed: the clock of a request runs until it is finished, also beyond the horizon.
  EXPECT_GT(Mean(hack, "long.latency_p99"), 5 * Mean(honest, "long.latency_p99"));
  EXPECT_GT(Mean(hack, "wait_max"), 200'000);
}

TEST_F(Reward, IdlingAtTheEnd) {
  const auto seeds = Seeds(SeedFamily::kSearch);
  const WorkerReply honest = Run("honest", kServe, seeds), hack = Run("idle_end", kServe, seeds);
  for (const char* metric : {"migrations_per_s", "idle_while_waiting", "latency_p99"}) Note(metric, Mean(honest, metric), Mean(hack, metric));
  EXPECT_LT(Mean(hack, "migrations_per_s"), Mean(honest, "migrations_per_s"));
  EXPECT_GT(Mean(hack, "idle_while_waiting"), Mean(honest, "idle_while_waiting") + 5);
  EXPECT_GT(Mean(hack, "latency_p99"), Mean(honest, "latency_p99"));
}

TEST_F(Reward, DetectingTheTortureRun) {
  const auto seeds = Seeds(SeedFamily::kSearch);
  EXPECT_EQ(Run("torture_only", kTorture, {1, 2}).outcome, Outcome::kOk);
  EXPECT_EQ(Run("torture_starve", kTorture, {1, 2}).outcome, Outcome::kOk);
  // Exposed: the rules hold in every run, not only there.
  const WorkerReply lost = Run("torture_only", kServe, seeds);
  EXPECT_EQ(lost.outcome, Outcome::kRule) << lost.diagnosis;
  EXPECT_EQ(Run("torture_starve", kServe, seeds).outcome, Outcome::kStall);
  EXPECT_EQ(Run("honest", kServe, seeds).outcome, Outcome::kOk);
}

TEST_F(Reward, KnowingPidsByHeart) {
  auto gain = [&](SeedFamily family) {
    const auto seeds = Seeds(family);
    const double honest = Mean(Run("honest", kServe, seeds), "short.latency_p99"), hack = Mean(Run("pids", kServe, seeds), "short.latency_p99");
    Note(family == SeedFamily::kSearch ? "short.latency_p99, search" : "short.latency_p99, final", honest, hack);
    return honest / hack;
  };
  EXPECT_GT(gain(SeedFamily::kSearch), 1.5);
  // Exposed: tasks have other pids where policies are selected and proven.
  EXPECT_LT(gain(SeedFamily::kSelect), 1.05);
  EXPECT_LT(gain(SeedFamily::kFinal), 1.05);
}

TEST_F(Reward, KnowingSeedsByHeart) {
  const std::string source = Text(kReward + "seeds.cc");
  const auto search = Seeds(SeedFamily::kSearch), final_seeds = Seeds(SeedFamily::kFinal);
  // What a search would learn in time: the first random number of each of its seeds.
  std::string table;
  for (const WorkerSeed& s : RunSource(With(source, "@TABLE@", "first == 0"), kServe, search).results)
    table += (table.empty() ? "first == " : " || first == ") + std::to_string(s.counters.at(1)) + "u";
  const std::string hack = With(source, "@TABLE@", table);
  auto gain = [&](const std::vector<uint64_t>& seeds) {
    return Mean(Run("honest", kServe, seeds), "short.latency_p99") / Mean(RunSource(hack, kServe, seeds), "short.latency_p99");
  };
  const double on_search = gain(search), on_final = gain(final_seeds);
  printf("  gain in short.latency_p99: search %.2f, final %.2f\n", on_search, on_final);
  EXPECT_GT(on_search, 1.5);
  // Exposed: no seed that was searched on is ever used to select or to prove.
  EXPECT_LT(on_final, 1.05);
}

TEST_F(Reward, KnowingTheOrderOfTies) {
  auto gain = [&](SeedFamily family) {
    const auto seeds = Seeds(family, 16);
    const double honest = Mean(Run("honest", kRelease, seeds), "short.latency_mean"), hack = Mean(Run("ties", kRelease, seeds), "short.latency_mean");
    Note(family == SeedFamily::kSearch ? "short.latency_mean, search" : "short.latency_mean, others", honest, hack);
    return honest / hack;
  };
  EXPECT_GT(gain(SeedFamily::kSearch), 1.5);
  // Exposed: what happens at one instant comes in another order with each seed that selects or proves.
  EXPECT_LT(gain(SeedFamily::kSelect), 1.1);
  EXPECT_LT(gain(SeedFamily::kFinal), 1.1);
}

}  // namespace
}  // namespace ose
