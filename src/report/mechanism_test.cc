#include "report/mechanism.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

using Texts = std::vector<std::string>;
const Tunables kTunables = {{"slice_ns", 20'000'000}};

Texts Actions(const std::string& code) { return MechanismOf(code, kTunables).actions; }

TEST(Mechanism, SaysWhereATaskGoesAndForHowLong) {
  EXPECT_EQ(Actions("t.insert(kDsqLocal, 1'250, enq_flags | kEnqHead);"), (Texts{"puts the task into the local queue of its CPU, at its head, with a slice of 1.25 us"}));
  EXPECT_EQ(Actions("t.insert(local_on(v), slice_ns, f | kEnqPreempt);"), (Texts{"puts the task into the local queue of CPU `v`, preempting what runs there, with a slice of slice_ns (20 ms)"}));
  EXPECT_EQ(Actions("t.insert_vtime(kQueue, kSliceInfinite, key, f);"), (Texts{"puts the task into queue `kQueue` in the order of `key` without a time limit"}));
  EXPECT_EQ(Actions("kick_cpu(cpu, kKickIdle); kick_cpu(v, kKickPreempt); keep_running(0);"),
            (Texts{"wakes CPU `cpu` if it is idle", "preempts CPU `v`", "lets the running task go on for what is left of the old one"}));
}

TEST(Mechanism, SaysWhatIsReadAndWritten) {
  const Mechanism m = MechanismOf("u64 key = t.run_total() + now();\nif (enq_flags & kEnqWakeup) last = key;\ncpu_state(c).n += 1;\nif (a == b) f();", kTunables);
  EXPECT_EQ(m.reads, (Texts{"the CPU time that the task has used", "the time", "whether the task just woke up"}));
  EXPECT_EQ(m.actions, (Texts{"sets `last` to `key`", "changes `n`"}));
  EXPECT_TRUE(MechanismOf("// t.insert(0, 1);\ng(\"now()\");", kTunables).actions.empty());
}

ExplainedChange Change(const std::string& kind, const std::string& before, const std::string& after) {
  ExplainedChange c;
  c.kind = kind;
  c.function = kind == "tunable" ? "" : "enqueue";
  c.before = before;
  c.after = after;
  return c;
}

TEST(DescribeChanges, TellsTheDifference) {
  EXPECT_EQ(DescribeChanges({Change("replaced", "t.insert(0, slice_ns, f);", "t.insert(0, 5'000, f);")}, kTunables),
            "enqueue: puts the task into queue `0` with a slice of 5 us (before: puts the task into queue `0` with a slice of slice_ns (20 ms))");
  EXPECT_EQ(DescribeChanges({Change("removed", "t.set_vtime(t.vtime() + 1);", "")}, kTunables), "enqueue: no longer sets the task's vtime to `t.vtime() + 1`; no longer looks at the task's vtime");
  EXPECT_EQ(DescribeChanges({Change("added", "", "if (odd) frob(2);")}, kTunables), "enqueue: `if (odd) frob(2);`");
  ExplainedChange tunable = Change("tunable", "20'000'000", "5'000");
  tunable.context = "slice_ns";
  EXPECT_EQ(DescribeChanges({tunable}, kTunables), "slice_ns 20 ms -> 5 us");
  tunable.context = "levels";
  EXPECT_EQ(DescribeChanges({tunable}, kTunables), "levels 20'000'000 -> 5'000");
  ExplainedChange guard = Change("guard", "", "if (a && b) {\n  x();\n}");
  guard.context = "if (a && b) {";
  EXPECT_EQ(DescribeChanges({guard}, kTunables), "enqueue: only under `a && b`");
}

TEST(QuoteCode, IsOneShortLine) {
  EXPECT_EQ(QuoteCode("  a = b;  // why\n\n  c();"), "a = b; c();");
  EXPECT_EQ(QuoteCode("abcdefghij", 8), "abcde...");
}

}  // namespace
}  // namespace ose
