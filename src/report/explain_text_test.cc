#include "report/explain_text.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace ose {
namespace {

Evaluation Eval(std::vector<double> scores) {
  Evaluation e;
  for (size_t i = 0; i < scores.size(); ++i) e.seeds.push_back({i + 1, {{"latency_p99", 1000 / scores[i]}, {"throughput", 50.0}}, scores[i]});
  return e;
}

ExplainedChange Slice() {
  ExplainedChange c;
  c.kind = "tunable";
  c.before = "20'000'000";
  c.after = "5'000'000";
  c.context = "slice_ns";
  c.line = 3;
  return c;
}

// Two changes that each double the score.
Explanation Two() {
  Explanation e;
  e.seed = Eval({10, 20, 30});
  e.policy = e.minimized = Eval({40, 80, 120});
  e.tolerance_pct = 0.1;
  for (int i = 0; i < 2; ++i) {
    ExplainedHunk h;
    h.changes = {Slice()};
    h.without = h.alone = Eval({20, 40, 60});
    e.hunks.push_back(h);
  }
  return e;
}

ExplainHead Head() {
  ExplainHead h;
  h.policy = "best";
  h.seed_policy = "fifo";
  h.workload = "w";
  h.machine = "m";
  h.seeds = "select:3";
  h.cpus = 2;
  h.objectives = {{"latency_p99", Direction::kMinimize, 1}};
  return h;
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

TEST(Interaction, IndependentEffectsMultiply) {
  const auto i = InteractionOf(Two());
  ASSERT_TRUE(i);
  EXPECT_NEAR(i->single_pct.mean, 300, 1e-9);
  EXPECT_NEAR(i->whole_pct.mean, 300, 1e-9);
  EXPECT_NEAR(i->excess_pct.mean, 0, 1e-9);
  EXPECT_TRUE(Has(ExplainText(Head(), Two()), "no interaction is shown"));
}

TEST(Interaction, IsSaidWhichWayItGoes) {
  Explanation need = Two();  // each is worth nothing without the other
  for (ExplainedHunk& h : need.hunks) h.without = Eval({10, 20, 31});
  EXPECT_TRUE(Has(ExplainText(Head(), need), "they need each other"));
  Explanation stand_in = Two();  // each is as good as both
  for (ExplainedHunk& h : stand_in.hunks) h.without = Eval({40, 80, 119});
  EXPECT_TRUE(Has(ExplainText(Head(), stand_in), "stand in for each other"));
  Explanation one = Two();
  one.hunks.pop_back();
  EXPECT_FALSE(InteractionOf(one));
}

TEST(ExplainText, SaysWhatWasMeasuredAndNoMore) {
  Explanation e = Two();
  e.hunks[1].without = Eval({40, 80, 120});
  e.hunks[1].alone->outcome = Outcome::kRule;
  const std::string text = ExplainText(Head(), e);
  EXPECT_TRUE(Has(text, "1. slice_ns 20 ms -> 5 ms (line 3)\n   latency_p99 30.6 -> 15.3 us (-50% [-50, -50]); score +100% [+100, +100]: pays\n   alone in fifo: score +100%")) << text;
  EXPECT_TRUE(Has(text, "latency_p99 15.3 us unchanged; score +0.0% [+0.0, +0.0]: does nothing\n   alone in fifo it fails (rule)")) << text;
  EXPECT_FALSE(Has(text, "throughput")) << "it did not move";
  e.hunks[0].without = Eval({20, 100, 120});
  EXPECT_TRUE(Has(ExplainText(Head(), e), "no effect shown"));
  e.hunks[0].without->outcome = Outcome::kStall;
  e.hunks[0].without->diagnosis = "task 3 starved";
  EXPECT_TRUE(Has(ExplainText(Head(), e), "cannot be left out: task 3 starved"));
}

TEST(ExplainText, NumbersFollowTheRankingAndLeaveOutSharedDeclarations) {
  Explanation e = Two();
  e.hunks[0].without = Eval({39, 79, 119});
  e.hunks[0].goes_with = {1};
  e.hunks[0].needs = {1, 2};
  ExplainedHunk shared;
  shared.shared = true;
  shared.changes = {Slice()};
  shared.changes[0].kind = "added";
  shared.changes[0].after = "u64 key = now();";
  e.hunks.push_back(shared);
  const std::string text = ExplainText(Head(), e);
  EXPECT_TRUE(Has(text, "measured together with change 1, which cannot stay without it")) << text;
  EXPECT_TRUE(Has(text, "alone in fifo, with change 1, which it needs: score")) << text;
  EXPECT_TRUE(Has(text, "Declarations that several of them use, nothing by themselves: `u64 key = now();`")) << text;
  EXPECT_FALSE(Has(text, "3. ")) << text;
}

TEST(ExplainMarkdown, HasLineageCommandAndDiff) {
  ExplainHead h = Head();
  h.header = "// Evolved.\n";
  h.lineage = {{8, "seed", "fifo", 1.5}, {22, "crossover", "took | from 7", std::nullopt}};
  h.simplified = true;
  h.command = "osevolve explain --run runs/x";
  h.diff = "-a\n+b\n";
  const std::string page = ExplainMarkdown(h, Two());
  for (const char* part : {"# best\n", "```\n// Evolved.\n```", "- candidate 8, seed: fifo (score on the search seeds 1.5)\n", "- candidate 22, crossover: took | from 7 (score on the search seeds not measured)",
                           "without what did not help", "```\nosevolve explain --run runs/x\n```", "```diff\n-a\n+b\n```", "| latency_p99, us |"})
    EXPECT_TRUE(Has(page, part)) << part << "\n" << page;
}

TEST(ExplainJson, NamesFailuresInPlaceOfNumbers) {
  Explanation e = Two();
  e.hunks[1].without->outcome = Outcome::kRule;
  e.hunks[1].without->diagnosis = "lost";
  const nlohmann::json j = ExplainJson(Head(), e);
  EXPECT_NEAR(j["hunks"][0]["effect"]["gain_pct"].get<double>(), 100, 1e-9);
  EXPECT_EQ(j["hunks"][0]["verdict"], "pays");
  EXPECT_EQ(j["hunks"][1]["effect"]["outcome"], "rule");
  EXPECT_FALSE(j["hunks"][1].contains("verdict"));
  EXPECT_FALSE(j.contains("lineage"));
}

}  // namespace
}  // namespace ose
