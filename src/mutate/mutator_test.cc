#include "mutate/mutator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "core/diff.h"
#include "core/policy_source.h"

namespace ose {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Mutator> MakeMutator() {
  return std::move(Mutator::Create(OSE_SOURCE_DIR "/include")).value();
}

std::vector<std::string> Baselines() {
  const std::string dir = OSE_SOURCE_DIR "/policies";
  std::vector<std::string> sources;
  const std::vector<std::string> names = *ListFiles(dir, ".cc");
  for (const std::string& name : names) sources.push_back(*ReadFile(JoinPath(dir, name)));
  return sources;
}

// A policy whose enqueue() is a block with the given lines.
std::string Source(const std::string& block,
                   const std::string& tunable = "TUNABLE(slice_ns, 5'000, 5'000, 5'000)") {
  return "#include <osevolve/policy.h>\nusing namespace osevolve;\n" + tunable +
         "\nstruct S { u64 used; };\nstruct P : Policy<S> {\n  u32 total;\n  void enqueue(Task t, u64 "
         "enq_flags) {\n"
         "    // EVOLVE-BLOCK-START enqueue\n" +
         block +
         "    // EVOLVE-BLOCK-END\n  }\n  void tick(Task t) {\n    // EVOLVE-BLOCK-START tick\n    // "
         "EVOLVE-BLOCK-END\n  }\n};\n"
         "OSEVOLVE_POLICY(P, \"p\")\n";
}

// What stands in the block `enqueue` of all children that 60 seeds make of `block`.
std::set<std::string> Children(const std::string& op, const std::string& parent,
                               const std::vector<std::string>& mates = {}) {
  static std::unique_ptr<Mutator> mutator = MakeMutator();
  std::set<std::string> out;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    Result<Mutation> m = mutator->Mutate(parent, op, mates, rng);
    if (!m.ok()) continue;
    EXPECT_EQ(m->op, op);
    EXPECT_FALSE(m->note.empty());
    EXPECT_EQ(m->note.find('\n'), std::string::npos);
    EvolveBlock b = (*ParseEvolveBlocks(m->source))[0];
    out.insert(m->source.substr(b.begin, b.end - b.begin));
  }
  return out;
}

using ::testing::Contains;
using ::testing::UnorderedElementsAre;

TEST(OperatorTest, Constant) {
  EXPECT_THAT(Children("constant", Source("    total = 7;\n")), Contains("    total = 14;\n"));
}

TEST(OperatorTest, Compare) {
  EXPECT_THAT(Children("compare", Source("    if (total < 7) total = t.weight();\n")),
              UnorderedElementsAre(
                  "    if (total > 7) total = t.weight();\n", "    if (total <= 7) total = t.weight();\n",
                  "    if (total >= 7) total = t.weight();\n", "    if (total == 7) total = t.weight();\n",
                  "    if (total != 7) total = t.weight();\n"));
}

TEST(OperatorTest, ArithmeticKeepsTheGrouping) {
  EXPECT_THAT(Children("arith", Source("    total = total + t.weight() * 3;\n")),
              UnorderedElementsAre(
                  "    total = total - (t.weight() * 3);\n", "    total = total * (t.weight() * 3);\n",
                  "    total = total + (t.weight() + 3);\n", "    total = total + (t.weight() - 3);\n"));
}

TEST(OperatorTest, Negate) {
  EXPECT_THAT(Children("negate", Source("    if (total < 7) total = 1;\n")),
              UnorderedElementsAre("    if (!(total < 7)) total = 1;\n"));
  EXPECT_THAT(Children("negate", Source("    if (!(enq_flags & kEnqWakeup)) total = 1;\n")),
              UnorderedElementsAre("    if (enq_flags & kEnqWakeup) total = 1;\n"));
}

TEST(OperatorTest, Delete) {
  EXPECT_THAT(Children("delete",
                       Source("    // Why.\n    total = 1;  // how\n    t.insert(kDsqGlobal, slice_ns);\n")),
              UnorderedElementsAre("    t.insert(kDsqGlobal, slice_ns);\n"));
}

TEST(OperatorTest, Copy) {
  EXPECT_THAT(
      Children("copy", Source("    total += 1;\n    t.insert(kDsqGlobal, slice_ns);\n")),
      UnorderedElementsAre("    total += 1;\n    total += 1;\n    t.insert(kDsqGlobal, slice_ns);\n"));
}

TEST(OperatorTest, Move) {
  EXPECT_THAT(Children("move", Source("    // Why.\n    total += 1;\n    t->used = 1;\n    t->used = 2;\n")),
              Contains("    t->used = 1;\n    // Why.\n    total += 1;\n    t->used = 2;\n"));
}

TEST(OperatorTest, Swap) {
  EXPECT_THAT(Children("swap", Source("    total += 1;\n    t->used = 1;\n")),
              UnorderedElementsAre("    t->used = 1;\n    total += 1;\n"));
}

TEST(OperatorTest, Guard) {
  std::set<std::string> children =
      Children("guard", Source("    total += 1;\n    t.insert(kDsqGlobal, slice_ns);\n"));
  EXPECT_GT(children.size(), 10u);
  for (const std::string& c : children) {
    EXPECT_THAT(c, testing::StartsWith("    if ("));
    EXPECT_THAT(c, testing::EndsWith(") total += 1;\n    t.insert(kDsqGlobal, slice_ns);\n"));
  }
}

TEST(OperatorTest, BranchKeepsTheTaskQueued) {
  for (const std::string& c :
       Children("branch", Source("    t.insert(kDsqGlobal, slice_ns, enq_flags);\n"))) {
    EXPECT_THAT(c, testing::StartsWith("    if ("));
    EXPECT_THAT(c,
                testing::EndsWith("    } else {\n      t.insert(kDsqGlobal, slice_ns, enq_flags);\n    }\n"));
  }
}

TEST(OperatorTest, Call) {
  std::set<std::string> children = Children("call", Source("    t.insert(0, slice_ns, enq_flags);\n"));
  EXPECT_THAT(children, Contains("    t.insert(0, slice_ns, enq_flags | kEnqHead);\n"));
  EXPECT_THAT(children, Contains("    t.insert(kDsqLocal, slice_ns, enq_flags);\n"));
  EXPECT_THAT(children, Contains("    t.insert(0, slice_ns / 2, enq_flags);\n"));
  EXPECT_THAT(children, Contains("    t.insert_vtime(0, slice_ns, t.vtime(), enq_flags);\n"));
}

TEST(OperatorTest, Replace) {
  std::set<std::string> children = Children("replace", Source("    t->used = now();\n"));
  EXPECT_THAT(children, Contains("    t->used = t.vtime();\n"));
  EXPECT_THAT(children, Contains("    t->used = enq_flags;\n"));
}

TEST(OperatorTest, CrossBlock) {
  EXPECT_THAT(Children("cross_block", Source("    total = 1;\n"), {Source("    t->used = 2;\n")}),
              UnorderedElementsAre("    t->used = 2;\n"));
  // A tunable that the parent lacks becomes the parent's or a number.
  EXPECT_THAT(Children("cross_block", Source("    total = 1;\n"),
                       {Source("    t->used = quantum_ns;\n", "TUNABLE(quantum_ns, 5'000, 0, 9'000)")}),
              UnorderedElementsAre("    t->used = slice_ns;\n", "    t->used = 5'000LL;\n"));
  // Names that mean nothing here are not taken.
  EXPECT_TRUE(Children("cross_block", Source("    total = 1;\n"), {Source("    P::Unknown();\n")}).empty());
}

TEST(OperatorTest, Graft) {
  EXPECT_THAT(Children("graft", Source("    total = 1;\n"),
                       {Source("    t->used = 2;\n    t.insert(kDsqGlobal, 0);\n")}),
              UnorderedElementsAre("    t->used = 2;\n    total = 1;\n"));
}

TEST(MutatorTest, TunablesStayInRange) {
  auto mutator = MakeMutator();
  std::string parent = Source("",
                              "TUNABLE(a, 5, 0, 9)\nTUNABLE(b, 20'000, 1'000, 90'000'000)\nTUNABLE(c, -3, "
                              "-5, 5)\nTUNABLE(d, 1, 1, 1)");
  std::set<int64_t> seen;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Rng rng(seed);
    auto m = mutator->Mutate(parent, "tunable", {}, rng);
    ASSERT_TRUE(m.ok()) << m.error().message;
    auto t = ParseTunables(m->source);
    ASSERT_TRUE(t.ok()) << t.error().message;  // which checks the range
    seen.insert((*t)[1].default_value);
  }
  EXPECT_GT(seen.size(), 100u);
  EXPECT_LT(*seen.begin(), 5'000);
  EXPECT_GT(*seen.rbegin(), 10'000'000);
}

TEST(MutatorTest, SaysWhyThereIsNoChild) {
  auto mutator = MakeMutator();
  Rng rng(1);
  auto m = mutator->Mutate(Source(""), "comapre", {}, rng);
  ASSERT_FALSE(m.ok());
  EXPECT_THAT(m.error().message, HasSubstr("did you mean 'compare'?"));
  m = mutator->Mutate(Source(""), "compare", {}, rng);
  ASSERT_FALSE(m.ok());
  EXPECT_THAT(m.error().message, HasSubstr("finds nothing to change"));
  m = mutator->Mutate(Source("    nonsense();\n"), "compare", {}, rng);
  ASSERT_FALSE(m.ok());
  EXPECT_THAT(m.error().message, HasSubstr("undeclared identifier"));
}

TEST(MutatorTest, DeterministicWhateverIsCached) {
  auto a = MakeMutator(), b = MakeMutator();
  const std::vector<std::string> baselines = Baselines();
  for (size_t i = 0; i < baselines.size(); i += 5)
    for (const std::string& op : a->ops()) {
      Rng first(i), second(i);
      auto x = a->Mutate(baselines[i], op, baselines, first);
      std::unique_ptr<Mutator> fresh = i == 0 ? MakeMutator() : nullptr;
      auto y = (fresh ? *fresh : *b).Mutate(baselines[i], op, baselines, second);
      ASSERT_EQ(x.ok(), y.ok());
      if (x.ok()) EXPECT_EQ(x->source, y->source);
      EXPECT_EQ(first(), second());  // and draw the same numbers
    }
}

// 30 mutations of each baseline; OSE_LONG_TESTS=1 makes it 1000 (minutes).
TEST(MutatorTest, ChangesNothingOutsideBlocksAndTunables) {
  const uint64_t rounds = std::getenv("OSE_LONG_TESTS") ? 1000 : 30;
  auto mutator = MakeMutator();
  const std::vector<std::string> baselines = Baselines();
  for (const std::string& baseline : baselines) {
    const std::string skeleton = *Skeleton(baseline);
    std::string parent = baseline;
    int made = 0;
    for (uint64_t i = 0; i < rounds; ++i) {
      Rng rng = Rng::Stream(42, i);
      const std::string& op = mutator->ops()[rng.Below(mutator->ops().size())];
      auto m = mutator->Mutate(parent, op, baselines, rng);
      if (!m.ok()) continue;
      ++made;
      ASSERT_NE(m->source, parent);
      ASSERT_EQ(*Skeleton(m->source), skeleton) << op << "\n"
                                                << UnifiedDiff(parent, m->source, "parent", "child");
      // Walk away from the baseline, and start again before the policy is all noise.
      parent = i % 20 == 19 ? baseline : m->source;
    }
    EXPECT_GT(made, static_cast<int>(rounds / 2));
  }
}

}  // namespace
}  // namespace ose
