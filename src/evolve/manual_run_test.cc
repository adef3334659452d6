#include "evolve/manual_run.h"

#include <gtest/gtest.h>

#include <set>

#include "base/file.h"
#include "core/exit_code.h"
#include "eval/local_evaluator.h"

namespace ose {
namespace {

constexpr char kWorkload[] = R"(format = 1
name = "small"
machine = "m"
horizon_ms = 300
[[objective]]
metric = "throughput"
[[group]]
name = "worker"
count = 6
repeat = true
program = [{ run_us = { exponential = 200 } }, { sleep_us = 50 }]
[[group]]
name = "hog"
count = 3
repeat = true
program = [{ run_us = 1000 }]
)";
constexpr char kMachine[] = "format = 1\nname = \"m\"\n[topology]\ncpus = 2\n";

std::string Policy(const std::string& slice, const std::string& enqueue = "t.insert(0, slice_ns, flags);", const std::string& before = "") {
  return "#include <osevolve/policy.h>\nusing namespace osevolve;\n" + before + "TUNABLE(slice_ns, " + slice +
         ", 100'000, 1'000'000'000)\n"
         "struct P : Policy<> {\n"
         "  s32 init() { return dsq_create(0); }\n"
         "  void enqueue(Task t, u64 flags) {\n"
         "    // EVOLVE-BLOCK-START enqueue\n    " + enqueue + "\n    // EVOLVE-BLOCK-END\n  }\n"
         "  void dispatch(s32 cpu) { dsq_move_to_local(0); }\n"
         "};\nOSEVOLVE_POLICY(P, \"p\")\n";
}

class ManualRunTest : public testing::Test {
 protected:
  ManualRunTest() : dir_(TempDir::Make("ose-manual").value()) {
    EvaluatorOptions o;
    o.include_dir = std::string(OSE_SOURCE_DIR) + "/include";
    o.program_dir = std::string(OSE_BINARY_DIR) + "/bin";
    o.workload_text = kWorkload;
    o.machine_text = kMachine;
    o.objectives = {{"throughput", Direction::kMaximize, 1}};
    o.bounds = [](uint64_t) { return Metrics{{"throughput", 10'000.0}}; };
    o.jobs = 2;
    auto e = LocalEvaluator::Create(std::move(o));
    EXPECT_TRUE(e.ok()) << e.error().message;
    evaluator_ = std::move(*e);
    seeds_ = {{"five", Policy("5'000'000")}, {"broken", "this is no policy\n"}, {"twenty", Policy("20'000'000")}};
  }

  RunDb Db(OpenMode mode) {
    auto db = RunDb::Open(JoinPath(dir_.path(), "run.db"), mode);
    if (!db.ok()) ADD_FAILURE() << db.error().message;
    return std::move(db).value();
  }
  ManualRun Run(RunDb& db) { return ManualRun({.seed = 7, .search_seeds = {1, 2, 3}}, seeds_, *evaluator_, db); }
  static std::string DumpOf(RunDb& db) {
    std::string all;
    EXPECT_TRUE(db.Dump([&](std::string_view line) { all += std::string(line) + "\n"; }).ok());
    return all;
  }

  TempDir dir_;
  std::unique_ptr<Evaluator> evaluator_;
  std::vector<SeedPolicy> seeds_;
};

TEST_F(ManualRunTest, EvaluatesTheSeedPoliciesFirst) {
  RunDb db = Db(OpenMode::kCreate);
  ManualRun run = Run(db);
  int last = -1, total = 0;
  Status opened = run.Open(nullptr, [&](int done, int of) { last = done, total = of; });
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(last, 2);  // before the last one
  EXPECT_EQ(total, 3);
  EXPECT_EQ(run.archive().members().size(), 2u);  // the broken one is recorded, not archived
  EXPECT_EQ(db.Count()->failed, 1);
  EXPECT_TRUE(run.CheckParent(0).ok());
  EXPECT_EQ(run.CheckParent(1).error().code, kExitUsage);
  EXPECT_EQ(run.CheckParent(3).error().code, kExitNotFound);
}

TEST_F(ManualRunTest, AFirstSeedPolicyThatFailsEndsIt) {
  seeds_[0].source = "neither is this\n";
  RunDb db = Db(OpenMode::kCreate);
  Status opened = Run(db).Open(nullptr, nullptr);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("five.cc"), std::string::npos) << opened.error().message;
}

TEST_F(ManualRunTest, SubmitGivesAVerdictOnEverything) {
  RunDb db = Db(OpenMode::kCreate);
  ManualRun run = Run(db);
  ASSERT_TRUE(run.Open(nullptr, nullptr).ok());

  auto good = run.Submit(0, Policy("5'000'000", "t.insert(0, slice_ns / 2, flags);"), "mcp", "half the slice");
  ASSERT_TRUE(good.ok()) << good.error().message;
  EXPECT_EQ(good->id, 3);
  EXPECT_EQ(good->evaluation.outcome, Outcome::kOk) << good->evaluation.diagnosis;
  ASSERT_TRUE(good->gain);
  EXPECT_NEAR(good->gain->mean, 100 * (good->evaluation.MeanScore() / good->parent.MeanScore() - 1), 1);
  EXPECT_TRUE(good->archived);
  EXPECT_FALSE(good->same_as);
  EXPECT_EQ(good->best, run.best() == 3);

  auto same = run.Submit(3, Policy("5'000'000", "t.insert(0, slice_ns / 2, flags);  // the same"), "mcp", "");
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->same_as, 3);
  EXPECT_FALSE(same->archived);

  auto compile = run.Submit(0, Policy("5'000'000", "t.insert(0, slice, flags);"), "mcp", "");
  ASSERT_TRUE(compile.ok());
  EXPECT_NE(compile->evaluation.outcome, Outcome::kOk);
  EXPECT_NE(compile->evaluation.diagnosis.find("slice"), std::string::npos);
  EXPECT_FALSE(compile->gain);

  auto outside = run.Submit(0, Policy("5'000'000", "t.insert(0, slice_ns, flags);", "inline constexpr u64 kMine = 3;\n"), "mcp", "");
  ASSERT_TRUE(outside.ok());
  EXPECT_EQ(outside->evaluation.outcome, Outcome::kGate);

  EXPECT_EQ(run.Submit(1, Policy("1"), "mcp", "").error().code, kExitUsage);
  EXPECT_EQ(run.Submit(99, Policy("1"), "mcp", "").error().code, kExitNotFound);
  EXPECT_EQ(db.Count()->candidates, 7);  // refused parents leave no trace

  EvolutionResult r = run.Summarize();
  EXPECT_EQ(r.evaluations, 7);
  EXPECT_EQ(r.duplicates, 1);
  EXPECT_EQ(r.failures, 3);
  ASSERT_EQ(r.ranking.size(), 3u);
  EXPECT_GE(r.ranking[0].score, r.ranking[1].score);
  EXPECT_EQ(r.ranking[0].id, run.best());
  for (const RankedCandidate& c : r.ranking)
    if (c.id == 3) EXPECT_EQ(c.root, 0);
}

TEST_F(ManualRunTest, PromptsTellWhatTheRunKnows) {
  RunDb db = Db(OpenMode::kCreate);
  auto good_source = Policy("5'000'000", "t.insert(0, 300'000, flags);");
  {
    ManualRun run = Run(db);
    ASSERT_TRUE(run.Open(nullptr, nullptr).ok());
    ASSERT_EQ(run.Submit(0, good_source, kMcpOp, "shorter slices")->evaluation.outcome, Outcome::kOk);
    ASSERT_EQ(run.Submit(3, Policy("5'000'000", "t.insert(0, 400'000, flags);"), kMcpOp, "a bit longer")->evaluation.outcome, Outcome::kOk);
    ASSERT_EQ(run.Submit(3, Policy("5'000'000", "t.insert(0, slice, flags);"), kMcpOp, "a slip")->evaluation.outcome, Outcome::kCompile);
    ASSERT_EQ(run.Submit(0, seeds_[0].source, "tunables", "no improvement")->same_as, 0);
  }
  ModelCall call;
  call.purpose = "notes";
  ASSERT_TRUE(db.BeginModelCall(call).ok());
  Status noted = db.SaveNote({.sequence = 0, .text = "- short slices help", .after_proposal = 4, .call = call.id});
  ASSERT_TRUE(noted.ok()) << noted.error().message;
  // The same from a run that is opened again.
  ManualRun run({.seed = 7, .search_seeds = {1, 2, 3}, .facts = {.api = "the api", .workload = "the workload", .machine = "the machine", .workload_file = "its file"}}, seeds_,
                *evaluator_, db);
  ASSERT_TRUE(run.Open(nullptr, nullptr).ok());
  auto in = run.MakePrompt(PromptTask::kEdit, 3);
  ASSERT_TRUE(in.ok()) << in.error().message;
  EXPECT_EQ(in->api + in->workload + in->machine + in->workload_file, "the apithe workloadthe machineits file");
  EXPECT_EQ(in->parent.source, good_source);
  EXPECT_EQ(in->parent.title, "candidate 3");
  EXPECT_EQ(in->parent.seeds, 3);
  ASSERT_FALSE(in->parent.metrics.empty());
  EXPECT_EQ(in->parent.metrics[0].name, "throughput");
  EXPECT_EQ(in->parent.metrics[0].bound, 10'000.0);
  EXPECT_LT(in->parent.metrics[0].value.lo, in->parent.metrics[0].value.hi);
  EXPECT_NE(in->profile.find("Schedule of small"), std::string::npos) << in->profile;
  ASSERT_EQ(in->ancestry.size(), 1u);
  EXPECT_EQ(in->ancestry[0].what, "candidate 3, by mcp: shorter slices");
  EXPECT_NE(in->ancestry[0].diff.find("+    t.insert(0, 300'000, flags);"), std::string::npos) << in->ancestry[0].diff;
  ASSERT_EQ(in->tried.size(), 2u);
  EXPECT_EQ(in->tried[0].what, "candidate 4, by mcp: a bit longer");
  EXPECT_GT(in->tried[0].before, 0);
  ASSERT_EQ(in->failures.size(), 1u);
  EXPECT_NE(in->failures[0].failure.find("slice"), std::string::npos);
  ASSERT_FALSE(in->inspirations.empty());
  EXPECT_EQ(in->inspirations[0].title, "twenty (hand-written)");  // the best of another root
  EXPECT_EQ(in->notes, "- short slices help");

  auto first = run.MakePrompt(PromptTask::kCrossover, 0);
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_TRUE(first->ancestry.empty());
  EXPECT_EQ(first->tried.size(), 1u);  // what an operator did in vain is not told
  EXPECT_EQ(run.MakePrompt(PromptTask::kEdit, 1).error().code, kExitUsage);
  EXPECT_EQ(run.MakePrompt(PromptTask::kEdit, 99).error().code, kExitNotFound);
}

TEST_F(ManualRunTest, NoPromptForWhatIsNotPossible) {
  std::string plain = Policy("5'000'000", "t.insert(0, 5'000'000, flags);");
  plain.erase(plain.find("TUNABLE"), plain.find("struct") - plain.find("TUNABLE"));
  seeds_ = {{"plain", plain}};
  RunDb db = Db(OpenMode::kCreate);
  ManualRun run = Run(db);
  ASSERT_TRUE(run.Open(nullptr, nullptr).ok());
  EXPECT_TRUE(run.MakePrompt(PromptTask::kEdit, 0).ok());
  EXPECT_EQ(run.MakePrompt(PromptTask::kTunables, 0).error().code, kExitUsage);
  EXPECT_EQ(run.MakePrompt(PromptTask::kCrossover, 0).error().code, kExitUsage);
}

TEST_F(ManualRunTest, GoesOnFromTheDatabase) {
  std::string before;
  int64_t best = 0;
  {
    RunDb db = Db(OpenMode::kCreate);
    ManualRun run = Run(db);
    ASSERT_TRUE(run.Open(nullptr, nullptr).ok());
    ASSERT_TRUE(run.Submit(2, Policy("20'000'000", "t.insert(0, slice_ns / 4, flags);"), "mcp", "").ok());
    // As after a kill between proposal and result.
    Proposal cut{.id = 4, .parents = {3}, .op = "mcp", .note = "", .source = Policy("20'000'000", "t.insert(0, slice_ns / 8, flags);")};
    ASSERT_TRUE(db.AppendProposal(cut).ok());
    best = run.best();
  }
  RunDb db = Db(OpenMode::kResume);
  ManualRun run = Run(db);
  int total = 0;
  ASSERT_TRUE(run.Open(nullptr, [&](int, int of) { total = of; }).ok());
  EXPECT_EQ(total, 1);  // only what was cut off
  EXPECT_EQ(db.LoadCandidate(4)->outcome, Outcome::kOk) << db.LoadCandidate(4)->diagnosis;
  EXPECT_EQ(run.archive().members().size(), 4u);
  EXPECT_TRUE(run.best() == best || run.best() == 4);
  auto next = run.Submit(4, Policy("20'000'000", "t.insert(0, slice_ns / 16, flags);"), "mcp", "");
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(next->id, 5);
}

TEST_F(ManualRunTest, ASearchGoesOnWithIt) {
  {
    RunDb db = Db(OpenMode::kCreate);
    ManualRun run = Run(db);
    ASSERT_TRUE(run.Open(nullptr, nullptr).ok());
    ASSERT_TRUE(run.Submit(0, Policy("5'000'000", "t.insert(0, slice_ns / 4, flags);"), "mcp", "").ok());
    // Cut off, and a child of the one right before it.
    Proposal cut{.id = 4, .parents = {3}, .op = "mcp", .note = "", .source = Policy("5'000'000", "t.insert(0, slice_ns / 8, flags);")};
    ASSERT_TRUE(db.AppendProposal(cut).ok());
  }
  RunDb db = Db(OpenMode::kResume);
  auto mutator = Mutator::Create(std::string(OSE_SOURCE_DIR) + "/include");
  ASSERT_TRUE(mutator.ok()) << mutator.error().message;
  EvolutionOptions options;
  options.seed = 7;
  options.max_evaluations = 8;
  options.search_seeds = {1, 2, 3};
  auto result = Evolution(options, seeds_, *evaluator_, **mutator, db).Run();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->evaluations, 8);
  EXPECT_EQ(result->resumed, 4);
  EXPECT_EQ(db.LoadCandidate(4)->outcome, Outcome::kOk);
  EXPECT_NE(db.LoadCandidate(7)->proposal.op, "mcp");
}

TEST_F(ManualRunTest, StoppedBetweenCandidatesItCanBeOpenedAgain) {
  const std::atomic<bool> stop = true;
  {
    RunDb db = Db(OpenMode::kCreate);
    ManualRun run = Run(db);
    EXPECT_EQ(run.Open(&stop, nullptr).error().code, kExitInterrupted);
  }
  RunDb db = Db(OpenMode::kResume);
  ManualRun run = Run(db);
  ASSERT_TRUE(run.Open(nullptr, nullptr).ok());
  EXPECT_EQ(run.archive().members().size(), 2u);
}

TEST_F(ManualRunTest, ParentsVary) {
  RunDb db = Db(OpenMode::kCreate);
  ManualRun run = Run(db);
  ASSERT_TRUE(run.Open(nullptr, nullptr).ok());
  std::set<int64_t> picked;
  for (int i = 0; i < 32; ++i) picked.insert(run.PickParent());
  EXPECT_EQ(picked, (std::set<int64_t>{0, 2}));
}

}  // namespace
}  // namespace ose
