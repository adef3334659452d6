#include "lab/measure.h"

#include <gtest/gtest.h>

#include "base/subprocess.h"
#include "core/exit_code.h"

namespace ose {
namespace {

constexpr char kSysbench[] = R"(sysbench 1.0.20 (using system LuaJIT 2.1.0-beta3)

Running the test with following options:
Number of threads: 4

CPU speed:
    events per second:   312.66

General statistics:
    total time:                          5.0139s
    total number of events:              1568

Latency (ms):
         min:                                    3.05
         avg:                                   12.78
         max:                                   40.12
         95th percentile:                       21.11
         sum:                                20038.49
)";

TEST(Bench, ReadsSysbench) {
  auto m = ParseBench(BenchOutput::kSysbench, kSysbench);
  ASSERT_TRUE(m.ok());
  EXPECT_DOUBLE_EQ((*m)["throughput"], 312.66);
  EXPECT_DOUBLE_EQ((*m)["events"], 1568);
  EXPECT_DOUBLE_EQ((*m)["latency_mean"], 12780);
  EXPECT_DOUBLE_EQ((*m)["latency_p95"], 21110);
  EXPECT_DOUBLE_EQ((*m)["latency_max"], 40120);
  EXPECT_FALSE(ParseBench(BenchOutput::kSysbench, "FATAL: no").ok());
}

TEST(Bench, ReadsSecondsAndLoad) {
  EXPECT_DOUBLE_EQ(ParseBench(BenchOutput::kSeconds, "Running in process mode\nTime: 1.250\n")->at("span"), 1.25e6);
  EXPECT_DOUBLE_EQ(ParseBench(BenchOutput::kSeconds, "\n     Total time: 0.500 [sec]\n")->at("span"), 0.5e6);
  EXPECT_FALSE(ParseBench(BenchOutput::kSeconds, "Time: soon").ok());
  EXPECT_DOUBLE_EQ(ParseBench(BenchOutput::kLoad, R"({"metrics": {"throughput": 2.5}})")->at("throughput"), 2.5);
  EXPECT_FALSE(ParseBench(BenchOutput::kLoad, "{}").ok());
}

TEST(Bench, ReadsRedis) {
  const std::string csv = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n"
                          "\"GET\",\"55865.92\",\"0.235\",\"0.056\",\"0.223\",\"0.319\",\"0.391\",\"5.815\"\n";
  auto m = ParseBench(BenchOutput::kRedis, csv);
  ASSERT_TRUE(m.ok());
  EXPECT_DOUBLE_EQ(m->at("throughput"), 55865.92);
  EXPECT_DOUBLE_EQ(m->at("client.latency_p50"), 223);
  EXPECT_DOUBLE_EQ(m->at("client.latency_p99"), 391);
  EXPECT_DOUBLE_EQ(m->at("client.latency_max"), 5815);
  EXPECT_FALSE(ParseBench(BenchOutput::kRedis, csv.substr(0, 120)).ok());
}

MeasurePlan Plan(std::vector<std::string> command) {
  MeasurePlan plan;
  plan.policies = {{.name = "kernel"}, {.name = "other"}};
  plan.seeds = {5, 18446744073709551615u};
  plan.command = std::move(command);
  plan.output = BenchOutput::kLoad;
  return plan;
}

std::string Bash(const std::string& script) {
  CommandOptions run;
  run.argv = {"bash", "-c", script};
  auto result = RunCommand(run);
  return result.ok() ? result->out : "";
}

TEST(Measure, TheScriptRunsEachPolicyOnceASeed) {
  MeasurePlan plan = Plan({"printf", R"({"metrics": {"throughput": %s}})", "{seed}"});
  const std::string script = MeasureScript(plan);
  auto rows = ParseMeasured(plan, Bash(script));
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  ASSERT_EQ(rows->size(), 2u);
  for (Evaluation& e : *rows) {
    ASSERT_EQ(e.seeds.size(), 2u);
    EXPECT_EQ(e.seeds[1].seed, plan.seeds[1]);
    EXPECT_DOUBLE_EQ(e.seeds[0].metrics["throughput"], 5);
  }
  // The order rotates.
  EXPECT_LT(script.find("run 0 5 "), script.find("run 1 5 "));
  EXPECT_LT(script.find("run 1 18446744073709551615 "), script.find("run 0 18446744073709551615 "));
}

TEST(Measure, AQuoteInAWordIsAWord) {
  MeasurePlan plan = Plan({"echo", R"({"metrics": {"a'b $HOME": 1}})"});
  auto rows = ParseMeasured(plan, Bash(MeasureScript(plan)));
  ASSERT_TRUE(rows.ok());
  EXPECT_TRUE((*rows)[0].seeds[0].metrics.contains("a'b $HOME"));
}

TEST(Measure, AFailingRunIsItsPolicysOutcome) {
  MeasurePlan plan = Plan({"bash", "-c", "[ {seed} = 5 ] || { echo 'error: the kernel ejected x: runnable task stall' >&2; exit 36; }; echo '{\"metrics\":{}}'"});
  auto rows = ParseMeasured(plan, Bash(MeasureScript(plan)));
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ((*rows)[0].outcome, Outcome::kStall);
  EXPECT_NE((*rows)[0].diagnosis.find("runnable task stall"), std::string::npos);
  plan.command = {"bash", "-c", "echo refused >&2; exit 36"};
  EXPECT_EQ((*ParseMeasured(plan, Bash(MeasureScript(plan))))[0].outcome, Outcome::kVerifier);
  plan.command = {"false"};
  EXPECT_EQ((*ParseMeasured(plan, Bash(MeasureScript(plan))))[0].outcome, Outcome::kInternal);
}

TEST(Measure, OutputThatIsCutOffIsRefused) {
  MeasurePlan plan = Plan({"echo", R"({"metrics": {"throughput": 1}})"});
  const std::string whole = Bash(MeasureScript(plan));
  ASSERT_TRUE(ParseMeasured(plan, whole).ok());
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(ParseMeasured(plan, whole.substr(0, n)).ok()) << n;
  EXPECT_FALSE(ParseMeasured(plan, "hello\n" + whole).ok());
}

}  // namespace
}  // namespace ose
