// The ablation on real processes: gate, compiler, worker.
#include "prove/explain.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "core/exit_code.h"
#include "core/seeds.h"
#include "eval/local_evaluator.h"
#include "evolve/testing.h"
#include "prove/minimize.h"

namespace ose {
namespace {

std::string Policy(const std::string& slice, const std::string& enqueue) {
  return "#include <osevolve/policy.h>\nusing namespace osevolve;\nTUNABLE(slice_ns, " + slice +
         ", 100'000, 1'000'000'000)\n"
         "struct P : Policy<> {\n"
         "  s32 init() { return dsq_create(0); }\n"
         "  s32 select_cpu(Task t, s32 prev, u64 wake_flags) { return prev; }\n"
         "  void enqueue(Task t, u64 flags) {\n"
         "    // EVOLVE-BLOCK-START enqueue\n" + enqueue + "    // EVOLVE-BLOCK-END\n  }\n"
         "  void dispatch(s32 cpu) { dsq_move_to_local(0); }\n"
         "};\nOSEVOLVE_POLICY(P, \"p\")\n";
}
const std::string kInsert = "    t.insert(0, slice_ns, flags);\n", kNeutral = "    if (t.nr_wakeups() > 1'000'000) {\n      count(1);\n    }\n";
const std::string kSeed = Policy("100'000'000", kInsert);

class ExplainTest : public testing::Test {
 protected:
  static std::unique_ptr<Evaluator> Make() {
    EvaluatorOptions o = JobsProblem(OSE_SOURCE_DIR, OSE_BINARY_DIR);
    o.jobs = 1;
    auto e = LocalEvaluator::Create(std::move(o));
    EXPECT_TRUE(e.ok()) << e.error().message;
    return std::move(*e);
  }
  static Result<Explanation> Run(const std::string& seed, const std::string& policy) {
    auto evaluator = Make();
    ExplainOptions options;
    options.seeds = MakeSeeds(SeedFamily::kSelect, 1, 4);
    options.minimize_seeds = MakeSeeds(SeedFamily::kSearch, 1, 4);
    return Explain(options, seed, policy, *evaluator);
  }
  static double Gain(const Evaluation& from, const Evaluation& to) { return PairedGainPct(from.Scores(), to.Scores()).mean; }
};

TEST_F(ExplainTest, DropsTheNeutralAndMeasuresTheOther) {
  auto e = Run(kSeed, Policy("1'000'000", kNeutral + kInsert));
  ASSERT_TRUE(e.ok()) << e.error().message;
  EXPECT_EQ(e->source, Policy("1'000'000", kInsert));
  ASSERT_EQ(e->dropped.size(), 1u);
  EXPECT_EQ(e->dropped[0].kind, "added");
  EXPECT_EQ(e->dropped[0].line, 9);
  ASSERT_EQ(e->hunks.size(), 1u);
  EXPECT_EQ(e->hunks[0].changes[0].context, "slice_ns");
  EXPECT_EQ(e->hunks[0].changes[0].before, "100'000'000");
  // All is due to it: without it the policy is the seed policy, alone it is the policy.
  EXPECT_EQ(e->hunks[0].without->Scores(), e->seed.Scores());
  EXPECT_EQ(e->hunks[0].alone->Scores(), e->policy.Scores());
  EXPECT_EQ(e->minimized.Scores(), e->policy.Scores());
  EXPECT_GT(Gain(e->seed, e->policy), 100);
}

TEST_F(ExplainTest, AChangeThatOthersNeedIsNotMeasuredByItself) {
  auto e = Run(kSeed, Policy("100'000'000", "    u64 ran = t.run_total();\n    if (ran > 500'000) t.set_slice(1);\n    t.insert(0, ran > 1'000'000 ? 2'000'000 : 500'000, flags);\n"));
  ASSERT_TRUE(e.ok()) << e.error().message;
  ASSERT_FALSE(e->hunks.empty());
  for (const ExplainedHunk& h : e->hunks) {
    EXPECT_EQ(h.shared, !h.without);
    if (!h.shared) EXPECT_EQ(h.without->outcome, Outcome::kOk) << h.without->diagnosis;
  }
}

// Neither can go alone: the task would be inserted twice or not at all.
TEST_F(ExplainTest, ChangesThatOnlyRunTogetherAreJoined) {
  const std::string before = "    if (flags & kEnqWakeup) {\n      t.insert(0, 20'000'000, flags);\n    }\n    if (!(flags & kEnqWakeup)) {\n      t.insert(0, slice_ns, flags);\n    }\n";
  const std::string after = "    if (t.run_total() < 1'000'000) {\n      t.insert(0, 20'000'000, flags);\n    }\n    if (!(t.run_total() < 1'000'000)) {\n      t.insert(0, 300'000, flags);\n    }\n";
  auto e = Run(Policy("100'000'000", before), Policy("100'000'000", after));
  ASSERT_TRUE(e.ok()) << e.error().message;
  bool joined = false;
  for (const ExplainedHunk& h : e->hunks) {
    joined |= h.changes.size() > 1;
    EXPECT_EQ(h.without->outcome, Outcome::kOk) << h.without->diagnosis;
  }
  EXPECT_TRUE(joined);
}

TEST_F(ExplainTest, SaysWhatIsWrongWithItsInput) {
  auto same = Run(kSeed, Policy("100'000'000", "    // the same\n" + kInsert));
  ASSERT_FALSE(same.ok());
  EXPECT_EQ(same.error().code, kExitUsage);
  EXPECT_NE(same.error().message.find("does not differ"), std::string::npos);
  auto lost = Run(kSeed, Policy("100'000'000", ""));
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().code, kExitPolicyRule);
  EXPECT_NE(lost.error().message.find("policy.cc"), std::string::npos);
}

TEST_F(ExplainTest, MinimizeKeepsWhatHelps) {
  auto evaluator = Make();
  MinimizeOptions options;
  options.seeds = MakeSeeds(SeedFamily::kSearch, 1, 4);
  const Minimized m = Minimize(options, kSeed, Policy("100'000'000", kNeutral + "    t.insert(0, 1'000'000, flags);\n" + kNeutral), *evaluator);
  EXPECT_EQ(m.source, Policy("100'000'000", "    t.insert(0, 1'000'000, flags);\n"));
  EXPECT_EQ(m.steps, 2);
}

TEST(NoWorse, NeedsTheMeanAndTheInterval) {
  EXPECT_TRUE(NoWorse({0, 0, 0}, 0));
  EXPECT_TRUE(NoWorse({0.5, -1, 2}, 0));
  EXPECT_TRUE(NoWorse({-0.05, -0.3, 0.2}, 0.1));
  EXPECT_TRUE(NoWorse({-0.05, -0.06, -0.04}, 0.1));    // shown, but small
  EXPECT_FALSE(NoWorse({-0.05, -0.12, -0.01}, 0.1));   // shown, and may be too much
  EXPECT_FALSE(NoWorse({-0.2, -0.5, 0.1}, 0.1));
}

}  // namespace
}  // namespace ose
