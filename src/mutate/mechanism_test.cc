// The operators that add mechanisms, on a policy with a block for everything that they may need.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "core/policy_source.h"
#include "mutate/mutator.h"
#include "mutate/patch.h"

namespace ose {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Mutator& TheMutator() {
  static std::unique_ptr<Mutator> mutator = std::move(Mutator::Create(OSE_SOURCE_DIR "/include")).value();
  return *mutator;
}

// A block on lines of its own.
std::string Block(const std::string& name, const std::string& content = "") { return "// EVOLVE-BLOCK-START " + name + "\n" + content + "// EVOLVE-BLOCK-END\n"; }

struct Parts {
  std::string enqueue = "    t.insert(kQueue, slice_ns, enq_flags);\n";
  std::string dispatch = "    if (!dsq_move_to_local(kQueue)) keep_running(slice_ns);\n";
  std::string hooks, tunables, task_state;
};

std::string Source(const Parts& parts = {}, bool roomy = true) {
  auto room = [&](const std::string& name, const std::string& content = "") { return roomy ? Block(name, content) : ""; };
  return "#include <osevolve/policy.h>\nusing namespace osevolve;\nTUNABLE(slice_ns, 5'000, 5'000, 5'000)\n" + room("tunables", parts.tunables) + "struct T {\n" +
         room("task_state", parts.task_state) + "};\nstruct C {\n" + room("cpu_state") +
         "};\nstruct P : Policy<T, C> {\n  static constexpr DsqId kQueue = 0;\n  s32 init() {\n    s32 error = dsq_create(kQueue);\n" + room("init") +
         "    return error;\n  }\n  void enqueue(Task t, u64 enq_flags) {\n" + Block("enqueue", parts.enqueue) + "  }\n  void dispatch(s32 cpu) {\n" +
         Block("dispatch", parts.dispatch) + "  }\n" + room("hooks", parts.hooks) + "};\nOSEVOLVE_POLICY(P, \"p\")\n";
}

// All children of 150 seeds.
std::set<std::string> Children(const std::string& op, const std::string& parent, int seeds = 150) {
  std::set<std::string> out;
  for (int seed = 0; seed < seeds; ++seed) {
    Rng rng(static_cast<uint64_t>(seed));
    Result<Mutation> m = TheMutator().Mutate(parent, op, {}, rng);
    if (!m.ok()) continue;
    EXPECT_FALSE(m->note.empty());
    EXPECT_EQ(m->note.find('\n'), std::string::npos) << m->note;
    out.insert(m->source);
  }
  return out;
}

TEST(MechanismTest, PriorityTurnsFifoIntoAnOrder) {
  std::set<std::string> children = Children("priority", Source());
  // What the kernel counts anyway needs no state ...
  EXPECT_THAT(children, Contains(HasSubstr("  t.insert_vtime(kQueue, slice_ns, t.run_total(), enq_flags);\n")));
  EXPECT_THAT(children, Contains(HasSubstr("  t.insert_vtime(kQueue, slice_ns, (t.weight() > 100 ? 0 : 1ULL << 62) + now(), enq_flags);\n")));
  // ... and what is measured brings its field and its hook.
  EXPECT_THAT(children, Contains(testing::AllOf(
                            HasSubstr("insert_vtime(kQueue, slice_ns, (t.run_total() - t->run_at_wake), enq_flags)"),
                            HasSubstr("// EVOLVE-BLOCK-START task_state\n  u64 run_at_wake;  // run_total() when it was last woken\n// EVOLVE-BLOCK-END\n"),
                            HasSubstr("  void runnable(Task t, u64 enq_flags) {\n    if (enq_flags & kEnqWakeup) t->run_at_wake = t.run_total();\n  }\n"))));
}

TEST(MechanismTest, PriorityTakesATermAway) {
  Parts parts;
  parts.enqueue = "    t.insert_vtime(kQueue, slice_ns, now() + t.run_total(), enq_flags);\n";
  std::set<std::string> children = Children("priority", Source(parts));
  EXPECT_THAT(children, Contains(HasSubstr("insert_vtime(kQueue, slice_ns, now(), enq_flags)")));
  EXPECT_THAT(children, Contains(HasSubstr("insert_vtime(kQueue, slice_ns, t.run_total(), enq_flags)")));
}

TEST(MechanismTest, AFieldIsMeasuredOnce) {
  Parts parts;
  parts.task_state = "  u64 run_at_wake;\n";
  parts.hooks = "  void runnable(Task t, u64 enq_flags) {\n    if (enq_flags & kEnqWakeup) t->run_at_wake = t.run_total();\n  }\n";
  for (const std::string& c : Children("priority", Source(parts), 40))
    EXPECT_EQ(c.find("run_at_wake = "), c.rfind("run_at_wake = ")) << c;
}

TEST(MechanismTest, WithoutABlockNoState) {
  for (const char* op : {"priority", "slice", "preempt", "trial", "queue", "hook"})
    for (const std::string& c : Children(op, Source({}, false), 20)) EXPECT_THAT(c, Not(HasSubstr("run_at_wake"))) << op;
}

TEST(MechanismTest, Slice) {
  std::set<std::string> children = Children("slice", Source());
  EXPECT_THAT(children, Contains(HasSubstr("  t.insert(kQueue, kSliceInfinite, enq_flags);\n")));
  EXPECT_THAT(children, Contains(testing::ContainsRegex("  t.insert\\(kQueue, t.weight\\(\\) > 100 . .* : static_cast<u64>\\(slice_ns\\), enq_flags\\);\n")));
  EXPECT_THAT(children, Contains(testing::ContainsRegex("keep_running\\(dsq_nr_queued\\(kQueue\\) > 0 . .* : static_cast<u64>\\(slice_ns\\)\\);\n")));
  EXPECT_THAT(children, Contains(HasSubstr("static_cast<u64>(dsq_nr_queued(kQueue)) + 1)")));
}

TEST(MechanismTest, PlaceAddsTheHook) {
  std::set<std::string> children = Children("place", Source());
  EXPECT_THAT(children, Contains(HasSubstr("  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {\n"
                                           "    s32 cpu = t.allowed(prev) && claim_idle(prev) ? prev : t.pick_idle();\n"
                                           "    if (cpu < 0) return prev;\n    t.insert(kDsqLocal, kSliceDefault);\n    return cpu;\n  }\n")));
  Parts parts;
  parts.hooks = "  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {\n    return prev;\n  }\n";
  EXPECT_THAT(Children("place", Source(parts)), Contains(testing::ContainsRegex("u64 wake_flags\\) \\{\n    if \\(s32 near = t.pick_idle_in\\(prev, kSameLlc\\); near >= 0\\) \\{\n"
                                                                               "      t.insert\\(kDsqLocal, .*\\);\n      return near;\n    \\}\n    return prev;\n")));
}

TEST(MechanismTest, Preempt) {
  std::set<std::string> children = Children("preempt", Source());
  EXPECT_THAT(children, Contains(HasSubstr("    t.insert(kQueue, slice_ns, enq_flags);\n    if ((enq_flags & kEnqWakeup) != 0) {\n"
                                           "      s32 victim = t.allowed(t.cpu()) ? t.cpu() : -1;\n"
                                           "      if (victim >= 0) kick_cpu(victim, kKickPreempt);\n    }\n")));
  // Whoever has had the CPU longest: with the clock of each CPU.
  EXPECT_THAT(children, Contains(testing::AllOf(HasSubstr("u64 turn_began;  //"), HasSubstr("    cpu_state(t.cpu()).turn_began = now();\n"),
                                                HasSubstr("    cpu_state(t.cpu()).turn_began = 0;\n"), HasSubstr("if (victim >= 0) kick_cpu(victim, kKickPreempt);\n"))));
  // Kicks that are passed on.
  EXPECT_THAT(children, Contains(testing::ContainsRegex("START dispatch\n    if \\(dsq_nr_queued\\(kQueue\\) > 1\\) \\{\n")));
}

TEST(MechanismTest, Trial) {
  std::set<std::string> children = Children("trial", Source());
  EXPECT_THAT(children, Contains(testing::ContainsRegex("    if \\(\\(enq_flags & kEnqWakeup\\) != 0\\) \\{\n      s32 victim = t.allowed\\(t.cpu\\(\\)\\) \\? t.cpu\\(\\) : -1;\n"
                                                        "      if \\(victim >= 0\\) \\{\n        t.insert\\(local_on\\(victim\\), .*, enq_flags . kEnqPreempt\\);\n        return;\n")));
}

TEST(MechanismTest, Queue) {
  std::set<std::string> children = Children("queue", Source());
  EXPECT_THAT(children, Contains(testing::AllOf(HasSubstr("  static constexpr DsqId kSecond = 2000000;"), HasSubstr("    if (error == 0) error = dsq_create(kSecond);\n"),
                                                HasSubstr("    if (dsq_move_to_local(kSecond)) return;\n"), HasSubstr("      t.insert(kSecond, "))));
  EXPECT_THAT(children, Contains(testing::AllOf(HasSubstr("error = dsq_create(kOwn + static_cast<u64>(c));"), HasSubstr("if (dsq_move_to_local(kOwn + static_cast<u64>(cpu))) return;\n"),
                                                HasSubstr("      t.insert(kOwn + static_cast<u64>(t.cpu()), "))));
  EXPECT_THAT(children, Contains(HasSubstr("      t.insert(kDsqGlobal, ")));
  EXPECT_THAT(children, Contains(HasSubstr("      t.insert(local_on(shortest), ")));
  EXPECT_THAT(children, Contains(HasSubstr("    if (cpu_state(cpu).turn_began != 0 && ")));
}

TEST(MechanismTest, Hook) {
  std::set<std::string> children = Children("hook", Source());
  EXPECT_THAT(children, Contains(HasSubstr("  void tick(Task t) {\n    if (dsq_nr_queued(kQueue) > 0) t.set_slice(0);\n  }\n")));
  EXPECT_THAT(children, Contains(HasSubstr("t.insert_vtime(kQueue, slice_ns, t->virtual_time, enq_flags);")));
  EXPECT_THAT(children, Contains(testing::AllOf(HasSubstr("    if (dsq_nr_queued(kQueue) == 0 && before(now(), cpu_state(this_cpu()).stopped_at + "), HasSubstr(")) kick_cpu(this_cpu(), 0);\n"),
                                                HasSubstr("  void stopping(Task t, bool runnable) {\n    cpu_state(t.cpu()).stopped_at = now();\n  }\n"))));
}

TEST(MechanismTest, SimplifyRemovesWhatNobodyReads) {
  Parts parts;
  parts.tunables = "TUNABLE(spare_ns, 5, 1, 9)\n";
  parts.task_state = "  u64 spare;\n";
  parts.enqueue = "    u64 time = now();\n    t.insert(kQueue, slice_ns, enq_flags);\n";
  EXPECT_THAT(Children("simplify", Source(parts)), testing::SizeIs(3));
  parts.tunables = parts.task_state = "";
  EXPECT_THAT(Children("simplify", Source(parts)), testing::ElementsAre(Source()));
  EXPECT_THAT(Children("simplify", Source()), Not(Contains(Not(HasSubstr("t.insert(kQueue")))));
}

TEST(MechanismTest, SimplifyTakesASide) {
  Parts parts;
  parts.enqueue = "    t.insert(kQueue, t.weight() > 100 ? kSliceDefault : kSliceInfinite, enq_flags);\n";
  parts.dispatch = "    dsq_move_to_local(kQueue);\n";
  std::set<std::string> children = Children("simplify", Source(parts));
  EXPECT_THAT(children, Contains(HasSubstr("t.insert(kQueue, kSliceDefault, enq_flags);")));
  EXPECT_THAT(children, Contains(HasSubstr("t.insert(kQueue, kSliceInfinite, enq_flags);")));
}

TEST(MechanismTest, CompoundMakesSeveralSteps) {
  int made = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Rng rng(seed);
    Result<Mutation> m = TheMutator().Mutate(Source(), "compound", {}, rng);
    if (!m.ok()) continue;
    ++made;
    EXPECT_THAT(m->note, HasSubstr("; "));
    EXPECT_EQ(*Skeleton(m->source), *Skeleton(Source()));
  }
  EXPECT_GT(made, 5);
}

TEST(LogUniformTest, HasTwoDigitsAndEveryScale) {
  Rng rng(1);
  int below = 0;
  for (int i = 0; i < 1000; ++i) {
    int64_t v = LogUniform(rng, 1'000, 10'000'000);
    ASSERT_GE(v, 1'000);
    ASSERT_LE(v, 10'000'000);
    int64_t digits = v;
    while (digits >= 100 && digits % 10 == 0) digits /= 10;
    EXPECT_LT(digits, 100) << v;
    below += v < 100'000;
  }
  EXPECT_NEAR(below, 500, 60);
}

}  // namespace
}  // namespace ose
