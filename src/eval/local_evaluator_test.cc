// The whole pipeline on real processes: gate, compiler, worker.
#include "eval/local_evaluator.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace ose {
namespace {

constexpr char kWorkload[] = R"(format = 1
name = "small"
machine = "m"
horizon_ms = 2500
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

std::string Policy(const std::string& enqueue, const std::string& dispatch = "dsq_move_to_local(0);",
                   const std::string& before = "") {
  return "#include <osevolve/policy.h>\nusing namespace osevolve;\n" + before +
         "TUNABLE(slice_ns, 5'000'000, 100'000, 1'000'000'000)\n"
         "struct P : Policy<> {\n"
         "  s32 init() { return dsq_create(0); }\n"
         "  void enqueue(Task t, u64 flags) {\n"
         "    // EVOLVE-BLOCK-START enqueue\n    " + enqueue + "\n    // EVOLVE-BLOCK-END\n  }\n"
         "  void dispatch(s32 cpu) {\n    // EVOLVE-BLOCK-START dispatch\n    " + dispatch +
         "\n    // EVOLVE-BLOCK-END\n  }\n"
         "};\nOSEVOLVE_POLICY(P, \"p\")\n";
}
const std::string kGood = Policy("t.insert(0, slice_ns, flags);");

EvaluatorOptions Options(int jobs) {
  EvaluatorOptions o;
  o.include_dir = std::string(OSE_SOURCE_DIR) + "/include";
  o.program_dir = std::string(OSE_BINARY_DIR) + "/bin";
  o.workload_text = kWorkload;
  o.machine_text = kMachine;
  o.objectives = {{"throughput", Direction::kMaximize, 1}};
  o.bounds = [](uint64_t) { return Metrics{{"throughput", 10'000.0}}; };
  o.jobs = jobs;
  return o;
}

// An upgrade, or somebody at work on the header, while a search runs.
TEST(LocalEvaluator, AHeaderThatChangesMeanwhileIsNotSeen) {
  auto dir = TempDir::Make("header");
  ASSERT_TRUE(dir.ok());
  const std::string copy = dir->path() + "/osevolve/policy.h";
  ASSERT_TRUE(MakeDirs(dir->path() + "/osevolve").ok());
  ASSERT_TRUE(WriteFileAtomic(copy, *ReadFile(std::string(OSE_SOURCE_DIR) + "/include/osevolve/policy.h")).ok());
  EvaluatorOptions o = Options(1);
  o.include_dir = dir->path();
  auto evaluator = LocalEvaluator::Create(std::move(o));
  ASSERT_TRUE(evaluator.ok()) << evaluator.error().message;
  EXPECT_EQ((*evaluator)->Evaluate({.source = kGood, .file = "p.cc", .seeds = {1}, .skeleton_of = {}}).outcome, Outcome::kOk);
  ASSERT_TRUE(WriteFileAtomic(copy, "#error\n").ok());
  const Evaluation e = (*evaluator)->Evaluate({.source = Policy("t.insert(0, 2 * slice_ns, flags);"), .file = "p.cc", .seeds = {1}, .skeleton_of = {}});
  EXPECT_EQ(e.outcome, Outcome::kOk) << e.diagnosis;
}

// The bounds are of the options' workload: a lighter one may do more without having forged anything.
TEST(LocalEvaluator, AnotherWorkloadIsNotHeldAgainstTheBound) {
  EvalJob job{.source = kGood, .file = "p.cc", .seeds = {1}, .skeleton_of = {}};
  auto first = LocalEvaluator::Create(Options(1));
  ASSERT_TRUE(first.ok()) << first.error().message;
  const Evaluation base = (*first)->Evaluate(job);
  ASSERT_EQ(base.outcome, Outcome::kOk) << base.diagnosis;
  const double bound = base.seeds[0].metrics.at("throughput") * 1.01;
  EvaluatorOptions o = Options(1);
  o.bounds = [bound](uint64_t) { return Metrics{{"throughput", bound}}; };
  auto evaluator = LocalEvaluator::Create(std::move(o));
  ASSERT_TRUE(evaluator.ok()) << evaluator.error().message;
  job.workload = kWorkload;
  job.workload.replace(job.workload.find("run_us = 1000"), 13, "run_us = 500");
  const Evaluation e = (*evaluator)->Evaluate(job);
  ASSERT_EQ(e.outcome, Outcome::kOk) << e.diagnosis;
  EXPECT_GT(e.seeds[0].metrics.at("throughput"), bound);
  EXPECT_EQ(e.seeds[0].score, 0);
}

class LocalEvaluatorTest : public testing::Test {
 protected:
  // Only the test of the limit may meet it: with a sanitizer on a busy machine a run takes fifty times its time.
  static constexpr int64_t kRoomyMs = 120'000;
  static std::unique_ptr<Evaluator> Make(int jobs = 2, int64_t cpu_ms = kRoomyMs) {
    EvaluatorOptions o = Options(jobs);
    o.limits = {.cpu_ms = cpu_ms, .wall_ms = 4 * cpu_ms, .memory_mb = 256};
    auto e = LocalEvaluator::Create(std::move(o));
    EXPECT_TRUE(e.ok()) << e.error().message;
    return std::move(*e);
  }
  static Evaluation Run(const std::string& source, std::vector<uint64_t> seeds = {1, 2, 3}, int64_t cpu_ms = kRoomyMs) {
    return Make(2, cpu_ms)->Evaluate({.source = source, .file = "p.cc", .seeds = std::move(seeds), .skeleton_of = {}});
  }
  static void ExpectFailure(const std::string& source, Outcome outcome, const std::string& message, int64_t cpu_ms = kRoomyMs) {
    Evaluation e = Run(source, {1, 2, 3}, cpu_ms);
    EXPECT_STREQ(OutcomeName(e.outcome), OutcomeName(outcome)) << e.diagnosis;
    EXPECT_NE(e.diagnosis.find(message), std::string::npos) << e.diagnosis;
    EXPECT_NE(e.diagnosis.find("p.cc"), std::string::npos) << e.diagnosis;
  }
};

TEST_F(LocalEvaluatorTest, ScoresAGoodPolicyOnEverySeed) {
  Evaluation e = Run(kGood);
  ASSERT_EQ(e.outcome, Outcome::kOk) << e.diagnosis;
  ASSERT_EQ(e.seeds.size(), 3u);
  for (const SeedResult& s : e.seeds) {
    EXPECT_GT(s.score, 1);
    EXPECT_NEAR(s.score, s.metrics.at("throughput") / 100, 1e-9);
  }
}

TEST_F(LocalEvaluatorTest, ResultsDependNeitherOnJobsNorOnTheCache) {
  auto one = Make(1), two = Make(2);
  Evaluation a = one->Evaluate({.source = kGood, .file = "p.cc", .seeds = {1, 2}, .skeleton_of = {}});
  two->Evaluate({.source = kGood, .file = "p.cc", .seeds = {2}, .skeleton_of = {}});
  Evaluation b = two->Evaluate({.source = kGood, .file = "p.cc", .seeds = {1, 2}, .skeleton_of = {}});
  ASSERT_EQ(a.outcome, Outcome::kOk) << a.diagnosis;
  EXPECT_EQ(a.object_hash, b.object_hash);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(a.seeds[i].metrics, b.seeds[i].metrics);
}

// A job of many seeds is done in parts when there are several threads.
TEST(LocalEvaluator, ManySeedsSayTheSameInPartsAndInOnePiece) {
  std::vector<uint64_t> seeds(19);
  for (size_t i = 0; i < seeds.size(); ++i) seeds[i] = 100 + i;
  std::vector<Evaluation> good, lost;
  for (int jobs : {1, 3}) {
    auto evaluator = LocalEvaluator::Create(Options(jobs));
    ASSERT_TRUE(evaluator.ok()) << evaluator.error().message;
    good.push_back((*evaluator)->Evaluate({.source = kGood, .file = "p.cc", .seeds = seeds, .skeleton_of = {}}));
    lost.push_back((*evaluator)->Evaluate({.source = Policy("if (t.nr_wakeups() < 3) t.insert(0, slice_ns, flags);"), .file = "p.cc", .seeds = seeds, .skeleton_of = {}}));
  }
  ASSERT_EQ(good[0].outcome, Outcome::kOk) << good[0].diagnosis;
  ASSERT_EQ(good[0].seeds.size(), seeds.size());
  ASSERT_EQ(good[1].seeds.size(), seeds.size());
  for (size_t i = 0; i < seeds.size(); ++i) {
    EXPECT_EQ(good[0].seeds[i].seed, seeds[i]);
    EXPECT_EQ(good[0].seeds[i].seed, good[1].seeds[i].seed);
    EXPECT_EQ(good[0].seeds[i].metrics, good[1].seeds[i].metrics);
  }
  EXPECT_EQ(lost[0].outcome, Outcome::kRule);
  EXPECT_EQ(lost[0].outcome, lost[1].outcome);
  EXPECT_EQ(lost[0].diagnosis, lost[1].diagnosis);
}

TEST_F(LocalEvaluatorTest, CandidatesThatDifferInTunablesOnlyShareTheirObject) {
  auto e = Make();
  std::string tuned = kGood;
  tuned.replace(tuned.find("5'000'000"), 9, "200'000");
  Evaluation a = e->Evaluate({.source = kGood, .file = "p.cc", .seeds = {1}, .skeleton_of = {}});
  Evaluation b = e->Evaluate({.source = tuned, .file = "p.cc", .seeds = {1}, .skeleton_of = {}});
  ASSERT_EQ(b.outcome, Outcome::kOk) << b.diagnosis;
  EXPECT_EQ(a.object_hash, b.object_hash);
}

TEST_F(LocalEvaluatorTest, TheQuickStageStopsAWeakCandidate) {
  auto e = Make();
  Evaluation weak = e->Evaluate({.source = kGood, .file = "p.cc", .seeds = {1, 2, 3}, .skeleton_of = {}, .quick_seeds = 1, .quick_score = 1e9});
  EXPECT_EQ(weak.seeds.size(), 1u);
  Evaluation strong = e->Evaluate({.source = kGood, .file = "p.cc", .seeds = {1, 2, 3}, .skeleton_of = {}, .quick_seeds = 1, .quick_score = 1});
  EXPECT_EQ(strong.seeds.size(), 3u);
}

TEST_F(LocalEvaluatorTest, ChangesOutsideTheEvolveBlocksAreRefused) {
  std::string changed = kGood;
  changed.replace(changed.find("dsq_create(0)"), 13, "dsq_create(1)");
  Evaluation e = Make()->Evaluate({.source = changed, .file = "p.cc", .seeds = {1}, .skeleton_of = kGood});
  EXPECT_STREQ(OutcomeName(e.outcome), "gate");
  EXPECT_NE(e.diagnosis.find("outside its evolve blocks"), std::string::npos);
}

TEST_F(LocalEvaluatorTest, NamesWhatDoesNotCompile) { ExpectFailure(Policy("t.insert(0, slice);"), Outcome::kCompile, "slice"); }

TEST_F(LocalEvaluatorTest, NamesWhatTheGateRefuses) {
  ExpectFailure(Policy("for (;;) { } t.insert(0, slice_ns);"), Outcome::kGate, "loop");
}

TEST_F(LocalEvaluatorTest, NamesALostTask) {
  ExpectFailure(Policy("if (t.pid() != 3) t.insert(0, slice_ns);"), Outcome::kRule, "insert it exactly once");
}

TEST_F(LocalEvaluatorTest, NamesAStarvedTask) {
  // The last in line for ever, while the others keep both CPUs busy.
  ExpectFailure(Policy("t.insert_vtime(0, slice_ns, t.pid() == 2 ? 1'000'000'000'000 : now());"), Outcome::kStall,
                "worker[1] (pid 2) failed to run for");
}

TEST_F(LocalEvaluatorTest, EndsAnEndlessLoop) {
  // Nested bounded loops are legal and take for ever.
  ExpectFailure(Policy("for_n(65536, [&](s32 a) { for_n(65536, [&](s32 b) { count(1, static_cast<u64>(a + b)); }); }); t.insert(0, slice_ns);"),
                Outcome::kTimeout, "", 2'000);
}

// By events, not by time: the same on every machine.
TEST_F(LocalEvaluatorTest, EndsARunaway) {
  auto evaluator = Make();
  EvalJob job{.source = kGood, .file = "p.cc", .seeds = {1}, .skeleton_of = {}};
  const Evaluation good = evaluator->Evaluate(job);
  ASSERT_EQ(good.outcome, Outcome::kOk) << good.diagnosis;
  ASSERT_GT(good.MostSimEvents(), 0u);
  job.max_events = 4 * good.MostSimEvents();
  job.source = Policy("t.insert(0, slice_ns, flags);", "dsq_move_to_local(0); kick_cpu(cpu == 0 ? 1 : 0, kKickPreempt);");
  const Evaluation runaway = evaluator->Evaluate(job);
  EXPECT_EQ(runaway.outcome, Outcome::kTimeout) << runaway.diagnosis;
  EXPECT_NE(runaway.diagnosis.find("rescheduled far too often"), std::string::npos) << runaway.diagnosis;
  // Without the limit it comes to its end: interrupts merge when they come faster than a CPU handles them.
  job.max_events = 0;
  const Evaluation whole = evaluator->Evaluate(job);
  EXPECT_EQ(whole.outcome, Outcome::kOk) << whole.diagnosis;
  // Exactly what a run takes is enough.
  job.source = Policy("t.insert(0, 2 * slice_ns, flags);");
  job.max_events = 0;
  const uint64_t events = evaluator->Evaluate(job).MostSimEvents();
  for (const bool enough : {false, true}) {
    job.max_events = enough ? events : events - 1;
    EXPECT_EQ(Make()->Evaluate(job).outcome, enough ? Outcome::kOk : Outcome::kTimeout);
  }
}

TEST_F(LocalEvaluatorTest, ProfilesASchedule) {
  auto e = Make();
  auto future = e->SubmitProfile(kGood, "p.cc", 7);
  auto p = future.get();
  ASSERT_TRUE(p.ok()) << p.error().message;
  EXPECT_EQ(p->workload, "small");
  EXPECT_EQ(p->seed, 7u);
  EXPECT_EQ(p->time_ns, 2'500'000'000);
  ASSERT_EQ(p->groups.size(), 2u);
  EXPECT_EQ(p->groups[1].name, "hog");
  Evaluation evaluated = e->Evaluate({.source = kGood, .file = "p.cc", .seeds = {7}, .skeleton_of = {}});
  ASSERT_EQ(evaluated.outcome, Outcome::kOk) << evaluated.diagnosis;
  EXPECT_NEAR(static_cast<double>(p->Total().useful_ns) / 5e9 * 100, evaluated.seeds[0].metrics.at("utilization"), 1e-9);
}

TEST_F(LocalEvaluatorTest, APolicyThatFailsHasItsDiagnosisForAProfile) {
  auto e = Make();
  const std::pair<std::string, const char*> cases[] = {{Policy("t.insert(0, slice);"), "slice"},
                                                       {Policy("for (;;) { } t.insert(0, slice_ns);"), "loop"},
                                                       {Policy("if (t.pid() != 3) t.insert(0, slice_ns);"), "insert it exactly once"}};
  for (auto& [source, what] : cases) {
    auto p = e->SubmitProfile(source, "p.cc", 1).get();
    ASSERT_FALSE(p.ok());
    EXPECT_NE(p.error().message.find(what), std::string::npos) << p.error().message;
    EXPECT_NE(p.error().message.find("p.cc"), std::string::npos) << p.error().message;
    EXPECT_EQ(p.error().code, e->ExitCode(e->Evaluate({.source = source, .file = "p.cc", .seeds = {1}, .skeleton_of = {}})));
  }
}

TEST_F(LocalEvaluatorTest, AStoppedEvaluatorLeavesNoPromiseBroken) {
  std::future<Evaluation> last;
  std::future<Result<ScheduleProfile>> profile;
  {
    auto e = Make(1);
    for (int i = 0; i < 20; ++i) last = e->Submit({.source = kGood, .file = "p.cc", .seeds = {1}, .skeleton_of = {}});
    profile = e->SubmitProfile(kGood, "p.cc", 1);
  }
  EXPECT_NO_THROW(last.get());
  EXPECT_NO_THROW(EXPECT_FALSE(profile.get().ok()));
}

}  // namespace
}  // namespace ose
