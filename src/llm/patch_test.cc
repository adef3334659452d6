#include "llm/patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "core/policy_source.h"

namespace ose {
namespace {

using testing::HasSubstr;

std::string Shipped(const std::string& name) {
  auto text = ReadFile(OSE_SOURCE_DIR "/policies/" + name + ".cc");
  EXPECT_TRUE(text.ok());
  return *text;
}

constexpr char kBase[] =
    "#include <osevolve/policy.h>\n"
    "using namespace osevolve;\n"
    "TUNABLE(slice_ns, 5'000'000, 1'000, 20'000'000)\n"
    "TUNABLE(mode, 0, 0, 3)\n"
    "struct P : Policy<> {\n"
    "  void enqueue(Task t, u64 flags) {\n"
    "    // EVOLVE-BLOCK-START enqueue\n"
    "    t.insert(0, slice_ns, flags);\n"
    "    count(1);\n"
    "    // EVOLVE-BLOCK-END\n"
    "  }\n"
    "  void dispatch(s32 cpu) {\n"
    "    // EVOLVE-BLOCK-START dispatch\n"
    "    dsq_move_to_local(0);\n"
    "    count(1);\n"
    "    // EVOLVE-BLOCK-END\n"
    "  }\n"
    "};\n"
    "OSEVOLVE_POLICY(P, \"p\")\n";

std::string Edit(const std::string& search, const std::string& replace, const std::string& block = "") {
  return "<<<<<<< SEARCH" + (block.empty() ? "" : " " + block) + "\n" + search + (search.empty() ? "" : "\n") +
         "=======\n" + replace + (replace.empty() ? "" : "\n") + ">>>>>>> REPLACE\n";
}

struct Case {
  const char* name;
  std::string reply;
  PatchKind asked;
  PatchOutcome want;
  std::string has;  // in the source when ok, else in the reason
};

TEST(Patch, Cases) {
  const std::string insert = "    t.insert(0, slice_ns, flags);", better = "    t.insert(0, 1'000'000, flags);";
  const std::vector<Case> cases = {
      {"exact edit", Edit(insert, better), PatchKind::kEdit, PatchOutcome::kOk, "1'000'000"},
      {"in a fence", "Words.\n```cpp\n" + Edit(insert, better) + "```\n", PatchKind::kEdit, PatchOutcome::kOk,
       "1'000'000"},
      {"CRLF", "<<<<<<< SEARCH\r\n" + insert + "\r\n=======\r\n" + better + "\r\n>>>>>>> REPLACE\r\n", PatchKind::kEdit,
       PatchOutcome::kOk, "flags);\n    count"},
      {"trailing blanks", Edit(insert + "   ", better), PatchKind::kEdit, PatchOutcome::kOk, "1'000'000"},
      {"other indentation", Edit("t.insert(0, slice_ns, flags);", "if (mode) t.insert(0, 7, flags);"), PatchKind::kEdit,
       PatchOutcome::kOk, "    if (mode) t.insert(0, 7, flags);"},
      {"other spacing", Edit("t.insert(0,  slice_ns,\tflags);", "t.insert(0, 7, flags);"), PatchKind::kEdit,
       PatchOutcome::kOk, "    t.insert(0, 7, flags);"},
      {"blank lines", Edit("t.insert(0, slice_ns, flags);\n\ncount(1);", "t.insert(0, 7, flags);"), PatchKind::kEdit,
       PatchOutcome::kOk, "    t.insert(0, 7, flags);\n    // EVOLVE-BLOCK-END"},
      {"deletion", Edit("    t.insert(0, slice_ns, flags);\n    count(1);", "    t.insert(0, slice_ns, flags);"),
       PatchKind::kEdit, PatchOutcome::kOk, "flags);\n    // EVOLVE-BLOCK-END"},
      {"pure deletion", Edit("    dsq_move_to_local(0);", ""), PatchKind::kEdit, PatchOutcome::kOk,
       "dispatch\n    count(1);"},
      {"tunable line",
       Edit("TUNABLE(slice_ns, 5'000'000, 1'000, 20'000'000)", "TUNABLE(slice_ns, 2'000'000, 1'000, 20'000'000)"),
       PatchKind::kEdit, PatchOutcome::kOk, "2'000'000"},
      {"markers as context",
       Edit("    // EVOLVE-BLOCK-START dispatch\n    dsq_move_to_local(0);",
            "    // EVOLVE-BLOCK-START dispatch\n    dsq_move_to_local(1);"),
       PatchKind::kEdit, PatchOutcome::kOk, "dsq_move_to_local(1)"},
      {"two edits", Edit(insert, better) + Edit("    dsq_move_to_local(0);", "    dsq_move_to_local(1);"),
       PatchKind::kEdit, PatchOutcome::kOk, "dsq_move_to_local(1)"},
      {"equal edits for equal places", Edit("    count(1);", "    count(2);") + Edit("    count(1);", "    count(2);"),
       PatchKind::kEdit, PatchOutcome::kOk, "dsq_move_to_local(0);\n    count(2);"},
      {"the same edit twice, one place", Edit(insert, better) + Edit(insert, better), PatchKind::kEdit,
       PatchOutcome::kOk, "1'000'000"},
      {"place chosen by its block", Edit("    count(1);", "    count(3);", "dispatch"), PatchKind::kEdit,
       PatchOutcome::kOk, "local(0);\n    count(3);"},
      {"insertion by block", Edit("", "    count(9);", "dispatch"), PatchKind::kEdit, PatchOutcome::kOk,
       "dispatch\n    count(9);"},
      {"after thinking aloud", "<think>" + Edit(insert, "nonsense") + "</think>" + Edit(insert, better),
       PatchKind::kEdit, PatchOutcome::kOk, "1'000'000"},
      {"several places", Edit("    count(1);", "    count(2);"), PatchKind::kEdit, PatchOutcome::kAmbiguous,
       "in block enqueue; line 15, in block dispatch"},
      {"overlap", Edit(insert, better) + Edit(insert + "\n    count(1);", ""), PatchKind::kEdit,
       PatchOutcome::kAmbiguous, "same lines"},
      {"no match", Edit("    t.insert(0, slize_ns, flags);", better), PatchKind::kEdit, PatchOutcome::kNoMatch,
       "|     t.insert(0, slice_ns, flags);"},
      {"second of two does not match", Edit(insert, better) + Edit("    nothing_like_it();", "x"), PatchKind::kEdit,
       PatchOutcome::kNoMatch, "edit 2 of 2"},
      {"insertion nowhere", Edit("", "    count(9);"), PatchKind::kEdit, PatchOutcome::kNoMatch, "name the block"},
      {"outside", Edit("struct P : Policy<> {", "struct P : Policy<int> {"), PatchKind::kEdit, PatchOutcome::kOutside,
       "Policy<int>"},
      {"an include", Edit("#include <osevolve/policy.h>", "#include <osevolve/policy.h>\n#include </etc/passwd>"),
       PatchKind::kEdit, PatchOutcome::kOutside, "/etc/passwd"},
      {"a marker inside a block", Edit(insert, insert + "\n    // EVOLVE-BLOCK-END\n    // EVOLVE-BLOCK-START more"),
       PatchKind::kEdit, PatchOutcome::kOutside, ""},
      {"brackets", Edit(insert, "    if (mode) {"), PatchKind::kEdit, PatchOutcome::kBadStructure, ""},
      {"white space only", Edit(insert, "    t.insert(0,   slice_ns, flags);"), PatchKind::kEdit,
       PatchOutcome::kNoChange, ""},
      {"comment only", Edit(insert, insert + "  // why"), PatchKind::kEdit, PatchOutcome::kNoChange, ""},
      {"cut off", "<<<<<<< SEARCH\n" + insert + "\n=======\n", PatchKind::kEdit, PatchOutcome::kNoPatch, "cut off"},
      {"prose", "I would shorten the slice.", PatchKind::kEdit, PatchOutcome::kNoPatch, "SEARCH"},
      {"nothing", "", PatchKind::kRewrite, PatchOutcome::kNoPatch, "EVOLVE-BLOCK"},

      {"diff",
       "```diff\n--- a\n+++ b\n@@ -7,3 +7,3 @@\n     // EVOLVE-BLOCK-START enqueue\n-    t.insert(0, slice_ns, "
       "flags);\n+    t.insert(0, 8, flags);\n     count(1);\n```\n",
       PatchKind::kDiff, PatchOutcome::kOk, "t.insert(0, 8, flags)"},
      {"diff with wrong numbers", "@@ -700,3 +1 @@\n-    dsq_move_to_local(0);\n+    dsq_move_to_local(4);\n",
       PatchKind::kDiff, PatchOutcome::kOk, "dsq_move_to_local(4)"},
      {"diff without leading blank",
       "@@\n    // EVOLVE-BLOCK-START dispatch\n-    dsq_move_to_local(0);\n+    dsq_move_to_local(4);\n",
       PatchKind::kDiff, PatchOutcome::kOk, "dsq_move_to_local(4)"},
      {"diff for an edit", "@@\n-    dsq_move_to_local(0);\n+    dsq_move_to_local(4);\n", PatchKind::kEdit,
       PatchOutcome::kOk, "dsq_move_to_local(4)"},
      {"diff of other lines", "@@\n-    dsq_move_to_global(0);\n+    x();\n", PatchKind::kDiff, PatchOutcome::kNoMatch,
       "nearest"},
      {"diff outside", "@@\n-using namespace osevolve;\n+using namespace std;\n", PatchKind::kDiff,
       PatchOutcome::kOutside, "std"},

      {"blocks", "```cpp\n// EVOLVE-BLOCK-START dispatch\ndsq_move_to_local(2);\n// EVOLVE-BLOCK-END\n```\n",
       PatchKind::kRewrite, PatchOutcome::kOk, "dsq_move_to_local(2)"},
      {"whole file",
       "```cpp\n" + std::string(kBase).replace(std::string(kBase).find("local(0)"), 8, "local(5)") + "```\n",
       PatchKind::kRewrite, PatchOutcome::kOk, "local(5)"},
      {"whole file, other spacing outside",
       "```cpp\n" +
           std::string(kBase).replace(std::string(kBase).find("local(0)"), 8, "local(5)").replace(0, 0, "\n// mine\n") +
           "```\n",
       PatchKind::kRewrite, PatchOutcome::kOk, "local(5)"},
      {"whole file, changed outside",
       "```cpp\n" + std::string(kBase).replace(std::string(kBase).find("u64 flags"), 9, "u32 flags") + "```\n",
       PatchKind::kRewrite, PatchOutcome::kOutside, "u32 flags"},
      {"unknown block", "```cpp\n// EVOLVE-BLOCK-START dispach\nx();\n// EVOLVE-BLOCK-END\n```\n", PatchKind::kRewrite,
       PatchOutcome::kOutside, "dispatch"},
      {"elision", "```cpp\n// EVOLVE-BLOCK-START dispatch\n// ... rest unchanged\n// EVOLVE-BLOCK-END\n```\n",
       PatchKind::kRewrite, PatchOutcome::kBadStructure, "in full"},
      {"two versions",
       "```cpp\n// EVOLVE-BLOCK-START dispatch\na();\n// EVOLVE-BLOCK-END\n```\n```cpp\n// EVOLVE-BLOCK-START "
       "dispatch\nb();\n// EVOLVE-BLOCK-END\n```\n",
       PatchKind::kRewrite, PatchOutcome::kAmbiguous, "twice"},
      {"snippet beside blocks",
       "```cpp\nfoo();\n```\n```cpp\n// EVOLVE-BLOCK-START dispatch\ndsq_move_to_local(2);\n// EVOLVE-BLOCK-END\n```\n",
       PatchKind::kRewrite, PatchOutcome::kOk, "dsq_move_to_local(2)"},
      {"open fence", "```cpp\n// EVOLVE-BLOCK-START dispatch\ndsq_move", PatchKind::kRewrite, PatchOutcome::kNoPatch,
       "cut off"},

      {"tunables", "```\nslice_ns = 3'000'000\nmode = 2\n```\n", PatchKind::kTunables, PatchOutcome::kOk,
       "TUNABLE(mode, 2, 0, 3)"},
      {"tunables bare", "slice_ns: 3_000_000\n", PatchKind::kTunables, PatchOutcome::kOk, "3'000'000"},
      {"tunables as macros", "```cpp\nTUNABLE(mode, 1, 0, 3)\n```\n", PatchKind::kTunables, PatchOutcome::kOk,
       "TUNABLE(mode, 1"},
      {"tunables as JSON", "```json\n{\"slice_ns\": 4000000, \"mode\": 3}\n```\n", PatchKind::kTunables,
       PatchOutcome::kOk, "TUNABLE(mode, 3"},
      {"unknown tunable", "```\nslize_ns = 3\n```\n", PatchKind::kTunables, PatchOutcome::kBadTunable,
       "did you mean 'slice_ns'"},
      {"out of range", "```\nmode = 4\n```\n", PatchKind::kTunables, PatchOutcome::kBadTunable, "0 to 3"},
      {"no number", "```\nmode = many\n```\n", PatchKind::kTunables, PatchOutcome::kBadTunable, "integer"},
      {"same value", "```\nmode = 0\n```\n", PatchKind::kTunables, PatchOutcome::kNoChange, ""},
      {"two values", "```\nmode = 1\nmode = 2\n```\n", PatchKind::kTunables, PatchOutcome::kAmbiguous, "two values"},
      {"a block name that is a word", Edit(insert, better, "in the file"), PatchKind::kEdit, PatchOutcome::kOk,
       "1'000'000"},
      {"several places, the hunk's line decides", "@@ -15,1 +15,1 @@\n-    count(1);\n+    count(4);\n",
       PatchKind::kDiff, PatchOutcome::kOk, "local(0);\n    count(4);"},
      {"several places, no line", "@@\n-    count(1);\n+    count(4);\n", PatchKind::kDiff, PatchOutcome::kAmbiguous,
       "line 9, in block enqueue"},
      {"two hunks, a line each",
       "@@ -9 +9 @@\n-    count(1);\n+    count(4);\n@@ -15 +15 @@\n-    count(1);\n+    "
       "count(5);\n",
       PatchKind::kDiff, PatchOutcome::kOk, "flags);\n    count(4);"},
      {"a diff with no @@", "```diff\n--- a\n+++ b\n-    dsq_move_to_local(0);\n+    dsq_move_to_local(4);\n```\n",
       PatchKind::kDiff, PatchOutcome::kOk, "local(4)"},
      {"prose after a bare diff", "@@\n-    dsq_move_to_local(0);\n+    dsq_move_to_local(4);\n\nThat is all.\n",
       PatchKind::kDiff, PatchOutcome::kOk, "local(4)"},
      {"a diff with markers where an edit was asked",
       "```diff\n@@\n     // EVOLVE-BLOCK-START dispatch\n-    "
       "dsq_move_to_local(0);\n+    dsq_move_to_local(4);\n```\n",
       PatchKind::kEdit, PatchOutcome::kOk, "local(4)"},
      {"asked first: the diff",
       Edit(insert, better) + "\n@@\n-    dsq_move_to_local(0);\n+    "
                              "dsq_move_to_local(4);\n",
       PatchKind::kDiff, PatchOutcome::kOk, "local(4)"},
      {"context keeps the policy's spelling",
       Edit("TUNABLE(mode, 0,  0, 3)\nstruct P : Policy<> {\nvoid enqueue(Task t, "
            "u64 flags) {\n// EVOLVE-BLOCK-START enqueue\nt.insert(0, slice_ns, flags);",
            "TUNABLE(mode, 0,  0, 3)\nstruct P : "
            "Policy<> {\nvoid enqueue(Task t, u64 flags) {\n// EVOLVE-BLOCK-START enqueue\nt.insert(0, 7, flags);"),
       PatchKind::kEdit, PatchOutcome::kOk, "    t.insert(0, 7, flags);"},
      {"edits that share context",
       Edit(insert + "\n    count(1);", better + "\n    count(1);") +
           Edit(insert + "\n    count(1);\n    // EVOLVE-BLOCK-END",
                insert + "\n    count(2);\n    // EVOLVE-BLOCK-END"),
       PatchKind::kEdit, PatchOutcome::kOk, "1'000'000, flags);\n    count(2);"},
      {"outside, with its line", Edit("using namespace osevolve;", "using namespace std;"), PatchKind::kEdit,
       PatchOutcome::kOutside, "line 2, outside"},
      {"elision in an edit", Edit(insert, "    // ... existing code ...\n    x();"), PatchKind::kEdit,
       PatchOutcome::kBadStructure, "leaves lines out"},
      {"range of a tunable", Edit("TUNABLE(mode, 0, 0, 3)", "TUNABLE(mode, 0, 0, 9)"), PatchKind::kEdit,
       PatchOutcome::kOutside, "line 4"},
      {"tunable edited beyond its range", Edit("TUNABLE(mode, 0, 0, 3)", "TUNABLE(mode, 5, 0, 3)"), PatchKind::kEdit,
       PatchOutcome::kBadTunable, "outside [0, 3]"},
      {"insertion into an unknown block", Edit("", "x();", "dispach"), PatchKind::kEdit, PatchOutcome::kNoMatch,
       "did you mean 'dispatch'"},
      {"wider marks, words after =",
       "<<<<<<<<< SEARCH\n" + insert + "\n========= with\n" + better + "\n>>>>>>>>> REPLACE done\n", PatchKind::kEdit,
       PatchOutcome::kOk, "1'000'000"},
      {"only the end of thinking", "a\n" + Edit(insert, "nonsense") + "</think>\n" + Edit(insert, better),
       PatchKind::kEdit, PatchOutcome::kOk, "1'000'000"},
      {"nothing but white space outside", Edit("using namespace osevolve;", "using namespace  osevolve;"),
       PatchKind::kEdit, PatchOutcome::kOutside, "line 2"},
      {"whole file with an included header", "```cpp\n#include <vector>\n" + std::string(kBase) + "```\n",
       PatchKind::kRewrite, PatchOutcome::kOutside, "line 1 of the policy"},
      {"nested JSON", "```json\n{\"tunables\": {\"mode\": 1, \"slice_ns\": \"4'000'000\"}}\n```\n",
       PatchKind::kTunables, PatchOutcome::kOk, "TUNABLE(mode, 1, 0, 3)"},
      {"JSON with a fraction", "```json\n{\"mode\": 1.5}\n```\n", PatchKind::kTunables, PatchOutcome::kBadTunable,
       "integer"},
      {"the range of the suggestion", "```\nmodes = 2\n```\n", PatchKind::kTunables, PatchOutcome::kBadTunable,
       "It takes 0 to 3."},
      {"unknown and no number", "```\nslize_ns = 3ms\n```\n", PatchKind::kTunables, PatchOutcome::kBadTunable,
       "slice_ns"},
      {"prose with a colon", "mode: that is the question\n", PatchKind::kEdit, PatchOutcome::kNoPatch, "SEARCH"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    PatchResult r = ApplyReply(c.reply, c.asked, kBase);
    EXPECT_STREQ(PatchOutcomeName(r.outcome), PatchOutcomeName(c.want)) << r.reason << "\n" << r.source;
    EXPECT_THAT(r.ok() ? r.source : r.reason, HasSubstr(c.has));
    if (r.ok())
      EXPECT_EQ(*Skeleton(r.source), *Skeleton(kBase));
    else
      EXPECT_NE(r.reason, "");
  }
}

TEST(Patch, OnRealPolicies) {
  PatchResult r =
      ApplyReply("SUMMARY: preempted requests first\n" +
                     Edit("if (!arrives) {\n  s32 idle = t.pick_idle();", "if (true) {\n  s32 idle = t.pick_idle();"),
                 PatchKind::kEdit, Shipped("shinjuku"));
  ASSERT_TRUE(r.ok()) << r.reason;
  EXPECT_THAT(r.source, HasSubstr("    if (true) {\n      s32 idle = t.pick_idle();"));
  EXPECT_EQ(r.summary, "preempted requests first");
  r = ApplyReply("```\nsched_latency_ns = 3000000\n```", PatchKind::kTunables, Shipped("cfs"));
  ASSERT_TRUE(r.ok()) << r.reason;
  EXPECT_THAT(r.source, HasSubstr("TUNABLE(sched_latency_ns, 3'000'000,"));
}

TEST(Patch, EveryBlockOfEveryShippedPolicyCanBeRewrittenAndEdited) {
  for (const char* name : {"cfs", "shinjuku", "rr", "fifo"}) {
    const std::string base = Shipped(name);
    auto blocks = ParseEvolveBlocks(base);
    ASSERT_TRUE(blocks.ok());
    for (const EvolveBlock& b : *blocks) {
      SCOPED_TRACE(std::string(name) + " " + b.name);
      const std::string text = base.substr(b.begin, b.end - b.begin);
      const std::string fence =
          "```cpp\n// EVOLVE-BLOCK-START " + b.name + "\n;;\n" + text + "// EVOLVE-BLOCK-END\n```\n";
      PatchResult r = ApplyReply(fence, PatchKind::kRewrite, base);
      ASSERT_TRUE(r.ok()) << r.reason;
      EXPECT_EQ(*Skeleton(r.source), *Skeleton(base));
      EXPECT_EQ(r.source, *ReplaceBlock(base, b.name, ";;\n" + text));
      if (text.empty()) continue;  // an edit has nothing to search for there
      r = ApplyReply("<<<<<<< SEARCH\n" + text + "=======\n;;\n" + text + ">>>>>>> REPLACE\n", PatchKind::kEdit, base);
      ASSERT_TRUE(r.ok()) << r.reason;
      EXPECT_EQ(r.source, *ReplaceBlock(base, b.name, ";;\n" + text));
      std::string whole = base;
      whole.insert(b.begin, ";;\n");
      EXPECT_EQ(ApplyReply("```cpp\n" + whole + "```\n", PatchKind::kRewrite, base).source, whole);
      EXPECT_EQ(ApplyReply("```cpp\n" + base + "```\n", PatchKind::kRewrite, base).outcome, PatchOutcome::kNoChange);
    }
  }
}

TEST(Patch, ReasonsShowTheNearestLines) {
  PatchResult r = ApplyReply(Edit("    cpu_state(t->cpu).curr_yielded = 2;\n    t.set_slice(0);", "x();"),
                             PatchKind::kEdit, Shipped("cfs"));
  EXPECT_EQ(r.outcome, PatchOutcome::kNoMatch);
  EXPECT_THAT(r.reason, HasSubstr("edit 1 of 1: this SEARCH text is not in the policy"));
  EXPECT_THAT(r.reason, HasSubstr("in block yield"));
  EXPECT_THAT(r.reason, HasSubstr("|     cpu_state(t->cpu).curr_yielded = 1;"));
  EXPECT_EQ(r.reason.find("\n\n"), std::string::npos);
}

TEST(Patch, TooLarge) {
  std::string many;
  for (int i = 0; i < 300'000; ++i) many += "x;\n";
  EXPECT_EQ(ApplyReply(Edit("    dsq_move_to_local(0);", many), PatchKind::kEdit, kBase).outcome,
            PatchOutcome::kTooLarge);
  std::string edits;
  for (int i = 0; i < 201; ++i) edits += Edit("    dsq_move_to_local(0);", std::to_string(i) + ";");
  EXPECT_EQ(ApplyReply(edits, PatchKind::kEdit, kBase).outcome, PatchOutcome::kTooLarge);
}

TEST(Patch, Summaries) {
  const std::string edit = Edit("    dsq_move_to_local(0);", "    dsq_move_to_local(1);");
  EXPECT_EQ(ApplyReply("**Summary:** one\ntwo\n" + edit, PatchKind::kEdit, kBase).summary, "one");
  EXPECT_EQ(ApplyReply("I move it. It is better.\n" + edit, PatchKind::kEdit, kBase).summary, "I move it.");
  EXPECT_EQ(ApplyReply(Edit("dsq_move_to_local(0);", "dsq_move_to_local(1);"), PatchKind::kEdit, kBase).summary, "");
  EXPECT_LE(ApplyReply("SUMMARY: " + std::string(999, 'a'), PatchKind::kEdit, kBase).summary.size(), 200u);
}

// The policy that the examples speak of.
TEST(Patch, TheExamplesOfTheInstructionsApply) {
  const std::string base =
      "TUNABLE(slice_ns, 5'000'000, 1'000, 20'000'000)\n"
      "struct P {\n"
      "  void enqueue() {\n"
      "    // EVOLVE-BLOCK-START enqueue\n"
      "    t.insert(kQueue, slice_ns, enq_flags);\n"
      "    // EVOLVE-BLOCK-END\n"
      "  }\n"
      "  void dispatch() {\n"
      "    // EVOLVE-BLOCK-START dispatch\n"
      "    if (!dsq_move_to_local(kQueue)) keep_running(slice_ns);\n"
      "    // EVOLVE-BLOCK-END\n"
      "  }\n"
      "};\n";
  for (PatchKind kind : {PatchKind::kEdit, PatchKind::kDiff, PatchKind::kRewrite, PatchKind::kTunables}) {
    PatchResult r = ApplyReply(PatchInstructions(kind), kind, base);
    EXPECT_TRUE(r.ok()) << PatchKindName(kind) << ": " << r.reason;
    EXPECT_EQ(r.kind, kind);
    EXPECT_THAT(PatchInstructions(kind), HasSubstr("SUMMARY: "));
  }
}

TEST(Patch, AnyBytesAreHandled) {
  using namespace std::string_literals;
  for (const std::string& reply : {std::string(5 << 20, '<'), std::string(3 << 20, '`'),
                                   "\0\xff\xfe<<<<<<< SEARCH\n\xff\n=======\n\0\n>>>>>>> REPLACE\n"s,
                                   std::string(1 << 20, '\n')}) {
    PatchResult r = ApplyReply(reply, PatchKind::kEdit, kBase);
    EXPECT_FALSE(r.ok());
    EXPECT_LT(r.reason.size(), 10'000u);
  }
  // What is long because it repeats itself, on a policy that does so, too.
  std::string same, base = kBase;
  for (int i = 0; i < 40'000; ++i) same += "  x;\n";
  base.insert(base.find("    dsq_move_to_local(0);"), same);
  for (const std::string& search : {same.substr(0, 100'000) + "y;", std::string("x;"), same.substr(0, 100'000)}) {
    std::string reply;
    for (int i = 0; i < 30; ++i) reply += Edit(search, std::to_string(i));
    PatchResult r = ApplyReply(reply, PatchKind::kEdit, base);
    EXPECT_FALSE(r.ok());
    EXPECT_LT(r.reason.size(), 10'000u);
  }
  PatchResult r = ApplyReply("Use \x1b[31mred\x1b[0m ideas. Then more.\n", PatchKind::kEdit, kBase);
  EXPECT_EQ(r.summary.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace ose
