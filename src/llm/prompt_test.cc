#include "llm/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "llm/ledger.h"

namespace ose {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kRoot = OSE_SOURCE_DIR;

PromptTemplates Shipped() {
  auto t = PromptTemplates::Load(kRoot + "/prompts", "");
  EXPECT_TRUE(t.ok()) << t.error().message;
  return *t;
}

PromptPolicy SmallPolicy(const std::string& title, double score, double throughput, double start) {
  PromptPolicy p;
  p.title = title;
  p.source = "struct Small : Policy<> {\n  void dispatch(s32 cpu) {\n    // EVOLVE-BLOCK-START dispatch\n    dsq_move_to_local(0);\n    // EVOLVE-BLOCK-END\n  }\n};\n";
  p.score = score;
  p.seeds = 8;
  p.metrics = {{.name = "throughput", .unit = "events/s", .better = Direction::kMaximize, .weight = 1, .value = {throughput, throughput - 2, throughput + 2}, .bound = 200.0},
               {.name = "fast.start_p95", .unit = "us", .better = Direction::kMinimize, .weight = 0.5, .value = {start, start - 10, start + 10}, .bound = 40.0},
               {.name = "overhead", .unit = "%", .better = Direction::kMinimize, .weight = 0, .value = {1.25, 1.2, 1.3}, .bound = {}},
               {.name = "switches_per_s", .unit = "1/s", .better = Direction::kMinimize, .weight = 0, .value = {4321, 4300, 4340}, .bound = {}}};
  return p;
}

// Everything that a prompt can hold, once.
PromptInput FullInput(PromptTask task) {
  PromptInput in;
  in.task = task;
  in.api = "(the API)";
  in.workload = "two groups of tasks\n";
  in.workload_file = "format = 1\n";
  in.machine = "five CPUs\n";
  in.parent = SmallPolicy("candidate 17", 12.5, 180, 400);
  in.profile = "useful 80%\nidle 20%\n";
  in.ancestry = {{.what = "candidate 17, by model/edit: shorter quantum", .diff = "--- before\n+++ after\n@@ -1 +1 @@\n-a\n+b\n", .before = 10, .after = 12.5, .failure = {}}};
  in.tried = {{.what = "candidate 20, by model/rewrite: two queues", .diff = {}, .before = 12.5, .after = 11, .failure = {}}};
  in.failures = {{.what = "candidate 19, by model/edit: a loop", .diff = {}, .before = 0, .after = 0, .failure = "failed (gate): no for"}};
  in.inspirations = {SmallPolicy("shinjuku (hand-written)", 11, 150, 300), SmallPolicy("fifo (hand-written)", 5, 100, 900)};
  in.notes = "Short quanta help.";
  in.stance = task == PromptTask::kRepair || task == PromptTask::kNotes ? "" : "theory";
  if (task == PromptTask::kRepair) {
    in.failed_source = "struct Small {};\n";
    in.failed_reason = "compile: 3:5: no member named 'qunatum'";
  }
  return in;
}

// The exact prompts are in tests/data/prompts/. After a change that is meant, write them anew with
// OSEVOLVE_UPDATE_GOLDEN=1 build/llm_test --gtest_filter='Prompt.*' and read the difference.
TEST(Prompt, IsExactlyThisForEachTask) {
  const PromptTemplates templates = Shipped();
  for (PromptTask task : {PromptTask::kEdit, PromptTask::kDiff, PromptTask::kRewrite, PromptTask::kCrossover, PromptTask::kTunables, PromptTask::kRepair, PromptTask::kNotes}) {
    auto prompt = BuildPrompt(templates, FullInput(task), 1'000'000);
    ASSERT_TRUE(prompt.ok()) << prompt.error().message;
    EXPECT_TRUE(prompt->given_up.empty());
    const std::string text = prompt->system + "\n=== user ===\n" + prompt->user;
    const std::string path = kRoot + "/tests/data/prompts/" + PromptTaskName(task) + ".txt";
    if (getenv("OSEVOLVE_UPDATE_GOLDEN")) ASSERT_TRUE(WriteFileAtomic(path, text).ok());
    auto golden = ReadFile(path);
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    EXPECT_EQ(text, *golden) << path;
  }
}

TEST(Prompt, SaysHowFarEachObjectiveIsFromItsBound) {
  auto prompt = BuildPrompt(Shipped(), FullInput(PromptTask::kEdit), 1'000'000);
  ASSERT_TRUE(prompt.ok());
  // 180 of 200 is 90%; 40 of 400 is 10%.
  EXPECT_THAT(prompt->user, HasSubstr("| throughput [events/s] | more | 1 | 180 ±2 | 200 | 90 |"));
  EXPECT_THAT(prompt->user, HasSubstr("| fast.start_p95 [us] | less | 0.5 | 400 ±10 | 40 | 10 |"));
  EXPECT_THAT(prompt->user, HasSubstr("Other metrics: overhead 1.25%; switches_per_s 4321 1/s."));
  EXPECT_THAT(prompt->user, HasSubstr("shinjuku (hand-written), score 11: better than the policy to improve in fast.start_p95 (300 against 400)"));
  EXPECT_THAT(prompt->user, HasSubstr("score 12.5 -> 11 (-12.00%)"));
}

TEST(Prompt, GivesUpTheLeastUsefulFirstAndNeverTheParent) {
  const PromptTemplates templates = Shipped();
  PromptInput in = FullInput(PromptTask::kEdit);
  in.inspirations[1].source = std::string(6000, 'x');
  auto whole = BuildPrompt(templates, in, 1'000'000);
  ASSERT_TRUE(whole.ok());
  auto less = BuildPrompt(templates, in, whole->tokens - 1);
  ASSERT_TRUE(less.ok());
  EXPECT_THAT(less->given_up, ElementsAre("all but one other policy"));
  EXPECT_THAT(less->user, Not(HasSubstr("fifo (hand-written)")));
  EXPECT_THAT(less->user, HasSubstr("shinjuku (hand-written)"));

  // The shortest form: binary search for the least window that still works.
  int64_t lo = 0, hi = whole->tokens;
  while (lo + 1 < hi) (BuildPrompt(templates, in, (lo + hi) / 2).ok() ? hi : lo) = (lo + hi) / 2;
  auto shortest = BuildPrompt(templates, in, hi);
  ASSERT_TRUE(shortest.ok());
  EXPECT_THAT(shortest->user, HasSubstr("dsq_move_to_local(0);"));
  EXPECT_THAT(shortest->user, HasSubstr("| throughput [events/s] |"));
  EXPECT_THAT(shortest->user, HasSubstr("# Your task"));
  EXPECT_THAT(shortest->user, Not(HasSubstr("Notes of this search")));
  auto none = BuildPrompt(templates, in, lo);
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, HasSubstr("window=N"));
}

TEST(Prompt, CrossoverKeepsItsSecondParent) {
  PromptInput in = FullInput(PromptTask::kCrossover);
  in.inspirations[0].source = std::string(9000, 'y');
  auto whole = BuildPrompt(Shipped(), in, 1'000'000);
  ASSERT_TRUE(whole.ok());
  auto less = BuildPrompt(Shipped(), in, whole->tokens - 60);
  ASSERT_TRUE(less.ok());
  EXPECT_THAT(less->user, HasSubstr("yyyyyyyy"));
}

// Who answers with the whole file must find it whole.
TEST(Prompt, CodeStaysToTheLetter) {
  PromptInput in = FullInput(PromptTask::kEdit);
  in.parent.source = "// one\n\n\n\n// two";
  in.profile.clear();
  auto prompt = BuildPrompt(Shipped(), in, 1'000'000);
  ASSERT_TRUE(prompt.ok());
  EXPECT_THAT(prompt->user, HasSubstr("```cpp\n// one\n\n\n\n// two\n```\n"));
  EXPECT_THAT(prompt->user.substr(prompt->user.find("# What it achieves")), Not(HasSubstr("\n\n\n")));
}

// A source that contains a fence or a placeholder changes nothing around it.
TEST(Prompt, TextsAreData) {
  PromptInput in = FullInput(PromptTask::kEdit);
  in.parent.source = "// ``` {{api}} {{nonsense\n";
  auto prompt = BuildPrompt(Shipped(), in, 1'000'000);
  ASSERT_TRUE(prompt.ok());
  EXPECT_THAT(prompt->user, HasSubstr("// ``` {{api}} {{nonsense"));
  EXPECT_THAT(prompt->user, Not(HasSubstr("(the API)")));
}

TEST(PromptTemplates, OverridesAndTheirErrors) {
  auto dir = TempDir::Make("prompts");
  ASSERT_TRUE(dir.ok());
  auto write = [&](const char* name, const std::string& text) { ASSERT_TRUE(WriteFileAtomic(JoinPath(dir->path(), name), text).ok()); };
  write("edit.md", "Only this.\n");
  write("stance-mine.md", "My way.\n");
  auto t = PromptTemplates::Load(kRoot + "/prompts", dir->path());
  ASSERT_TRUE(t.ok()) << t.error().message;
  EXPECT_EQ(t->Text("edit"), "Only this.\n");
  EXPECT_THAT(t->stances(), testing::Contains("mine"));
  EXPECT_NE(t->hash(), Shipped().hash());

  write("edit.md", "line\n{{worklod}}\n");
  t = PromptTemplates::Load(kRoot + "/prompts", dir->path());
  ASSERT_FALSE(t.ok());
  EXPECT_THAT(t.error().message, HasSubstr("edit.md:2: unknown placeholder {{worklod}}; did you mean 'workload'?"));
  write("edit.md", "{{workload\n");
  EXPECT_FALSE(PromptTemplates::Load(kRoot + "/prompts", dir->path()).ok());
  write("edit.md", "fine\n");
  write("edti.md", "what is this\n");
  t = PromptTemplates::Load(kRoot + "/prompts", dir->path());
  ASSERT_FALSE(t.ok());
  EXPECT_THAT(t.error().message, HasSubstr("did you mean 'edit'?"));
}

TEST(ApiReference, HoldsWhatAPolicyMaySeeAndNoPlumbing) {
  auto header = ReadFile(kRoot + "/include/osevolve/policy.h");
  ASSERT_TRUE(header.ok());
  const std::string api = ApiReference(*header);
  for (const char* seen : {"dsq_move_to_local", "keep_running", "pick_idle_in", "insert_vtime", "for_each_cpu", "kEnqWakeup", "RULES OF THE MODULE",
                           "void dispatch(s32 cpu)", "kMaxTaskState", "udiv"})
    EXPECT_THAT(api, HasSubstr(seen));
  for (const char* hidden : {"OSV_SERVICES", "OsvPolicy", "osv_tun_", "OSV_INLINE", "OSV_BPF_HOOK", "__start_osv_tunables"}) EXPECT_THAT(api, Not(HasSubstr(hidden)));
  EXPECT_LT(EstimateTokens(api), 9000);
  EXPECT_THAT(api, testing::MatchesRegex("osevolve/policy.h, abridged \\([0-9a-f]{8}\\)\n\n```cpp\n(.|\n)*```\n"));
}

TEST(Notes, AreTrimmedPrintableAndBounded) {
  EXPECT_EQ(NotesFromReply("<think>hm\n</think>\n\n- one\x1b[31m\r\n- two  \n", 100), "- one[31m\n- two");
  EXPECT_EQ(NotesFromReply(" \n", 100), "");
  EXPECT_EQ(NotesFromReply(std::string(50, 'a'), 10), "aaaaaaaaaa [...]");
}

}  // namespace
}  // namespace ose
