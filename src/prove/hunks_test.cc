#include "prove/hunks.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/exit_code.h"
#include "core/statements.h"

namespace ose {
namespace {

// A policy whose enqueue and running hooks hold these statements.
std::string Policy(const std::string& enqueue, const std::string& running = "", const std::string& slice = "5'000'000") {
  return "TUNABLE(slice_ns, " + slice + ", 0, 1'000'000'000)\nstruct P : Policy<> {\n  u64 last;\n  void enqueue(Task t, u64 flags) {\n    // EVOLVE-BLOCK-START enqueue\n" +
         enqueue + "    // EVOLVE-BLOCK-END\n  }\n  void running(Task t) {\n    // EVOLVE-BLOCK-START running\n" + running + "    // EVOLVE-BLOCK-END\n  }\n};\n";
}

PolicyDiff Diff(const std::string& before, const std::string& after) {
  auto d = PolicyDiff::Make(before, after);
  EXPECT_TRUE(d.ok()) << d.error().message;
  return std::move(*d);
}

std::vector<std::string> Tops(const PolicyDiff& d) {
  std::vector<std::string> out;
  for (int i : d.Tops()) {
    const DiffPiece& p = d.pieces()[static_cast<size_t>(i)];
    out.push_back(std::string(PieceKindName(p.kind)) + " " + SourceTree(p.after).Tokens(0, p.after.size()));
  }
  return out;
}

TEST(PolicyDiff, CommentsAndSpaceAreNoDifference) {
  EXPECT_TRUE(Diff(Policy("    a();\n"), Policy("    // why\n    a( );\n\n")).pieces().empty());
}

TEST(PolicyDiff, OneStatementAtATime) {
  const std::string before = Policy("    a();\n    t.insert(kQueue, slice_ns, flags);\n", "    last = now();\n");
  const std::string after = Policy("    t.insert(kQueue, slice_ns, flags | kEnqHead);\n    b();\n", "    last = now() + 1;\n", "1'000");
  const PolicyDiff d = Diff(before, after);
  EXPECT_EQ(Tops(d), (std::vector<std::string>{"tunable 1'000", "removed ", "replaced flags | kEnqHead", "added b ( ) ;", "replaced last = now ( ) + 1 ;"}));
  EXPECT_EQ(d.Without({}), after);
  EXPECT_EQ(d.Without({0, 1, 2, 3, 4, 5}), before);
  EXPECT_EQ(d.Without({0, 1}), Policy("    a();\n    t.insert(kQueue, slice_ns, flags | kEnqHead);\n    b();\n", "    last = now() + 1;\n"));
  EXPECT_EQ(d.Without({2, 3}), Policy("    t.insert(kQueue, slice_ns, flags);\n", "    last = now() + 1;\n", "1'000"));
  EXPECT_EQ(d.pieces()[2].context_before, "t.insert(kQueue, slice_ns, flags);");
  EXPECT_EQ(d.pieces()[2].function, "enqueue");
}

TEST(PolicyDiff, AHeadMayChangeWhileTheBodyStays) {
  const PolicyDiff d = Diff(Policy("    if (x) {\n      a();\n      b();\n    }\n"), Policy("    if (y) {\n      a();\n      c();\n      b();\n    }\n"));
  EXPECT_EQ(Tops(d), (std::vector<std::string>{"replaced if ( y ) {", "added c ( ) ;"}));
  EXPECT_EQ(d.Without({0}), Policy("    if (x) {\n      a();\n      c();\n      b();\n    }\n"));
}

TEST(PolicyDiff, PartsOfAnAddedBranch) {
  const PolicyDiff d = Diff(Policy("    a();\n"), Policy("    a();\n    if (x) {\n      b();\n    } else if (y) {\n      c();\n    } else {\n      e();\n    }\n"));
  ASSERT_EQ(d.Tops().size(), 1u);
  std::set<std::string> variants;
  for (int part : d.PartsOf(0)) variants.insert(d.Without({part}));
  EXPECT_TRUE(variants.contains(Policy("    a();\n    if (y) {\n      c();\n    } else {\n      e();\n    }\n")));
  EXPECT_TRUE(variants.contains(Policy("    a();\n    if (x) {\n      b();\n    } else {\n      e();\n    }\n")));
  EXPECT_TRUE(variants.contains(Policy("    a();\n    if (x) {\n      b();\n    } else if (y) {\n      c();\n    }\n")));
  EXPECT_TRUE(variants.contains(Policy("    a();\n    if (x) {\n    } else if (y) {\n      c();\n    } else {\n      e();\n    }\n")));
  EXPECT_EQ(d.Without({0}), Policy("    a();\n"));
}

TEST(PolicyDiff, ADeclarationGoesWithItsUses) {
  const PolicyDiff d = Diff(Policy("    a();\n"), Policy("    a();\n    u64 n = now();\n    f(n);\n    g();\n", "    f(n);\n"));
  // n of another function is another n.
  EXPECT_EQ(d.Closure({0}), (std::set<int>{0, 1}));
  EXPECT_EQ(d.Closure({1}), (std::set<int>{1}));
  EXPECT_EQ(d.Needs({1}), (std::set<int>{0, 1}));
  EXPECT_EQ(d.Needs({2}), (std::set<int>{2}));
  // The other way round: what used a declaration that is gone cannot come back without it.
  const PolicyDiff r = Diff(Policy("    u64 n = now();\n    f(n);\n    a();\n"), Policy("    a();\n"));
  EXPECT_EQ(r.Closure({1}), (std::set<int>{0, 1}));
  EXPECT_EQ(r.Closure({0}), (std::set<int>{0}));
  EXPECT_EQ(r.Needs({0}), (std::set<int>{0, 1}));
}

TEST(PolicyDiff, PartsDependOnEachOther) {
  const PolicyDiff d = Diff(Policy("    a();\n"), Policy("    a();\n    if (x) {\n      u64 n = 1;\n      f(n);\n      g();\n    }\n"));
  for (int part : d.PartsOf(0))
    if (d.pieces()[static_cast<size_t>(part)].declares == "n") {
      EXPECT_EQ(d.Without(d.Closure({part})), Policy("    a();\n    if (x) {\n      g();\n    }\n"));
    }
}

TEST(PolicyDiff, RefusesAnotherSkeleton) {
  auto d = PolicyDiff::Make(Policy(""), "struct Q {\n};\n");
  ASSERT_FALSE(d.ok());
  EXPECT_EQ(d.error().code, kExitUsage);
}

TEST(Hunks, ADeclarationJoinsItsOnlyUserAndIsSharedByMany) {
  const PolicyDiff d = Diff(Policy("    a();\n"), Policy("    u64 one = 1;\n    f(one);\n    u64 two = 2;\n    g(two);\n    h(two);\n    a();\n"));
  const std::vector<Hunk> hunks = Hunks(d);
  ASSERT_EQ(hunks.size(), 4u);
  EXPECT_EQ(hunks[0].pieces, (std::vector<int>{0, 1}));
  EXPECT_FALSE(hunks[0].shared);
  EXPECT_EQ(hunks[1].pieces, (std::vector<int>{2}));
  EXPECT_TRUE(hunks[1].shared);
  EXPECT_FALSE(hunks[2].shared);
}

// Whatever goes, the rest has balanced blocks and the skeleton of both.
TEST(PolicyDiff, EveryVariantHasTheSkeleton) {
  const std::string before = Policy("    bool idle = false;\n    if (idle) t.insert(kQueue, slice_ns, flags);\n    else f();\n", "    last += 1;\n");
  const std::string after = Policy(
      "    // note\n    for_each_cpu([&](s32 c) {\n      if (c > 1) {\n        last = 2;\n      } else {\n        last = 3;\n      }\n      return true;\n    });\n"
      "    if (last > 3) {\n      t.insert(kQueue, 5, flags);\n    } else if (last > 2) {\n      t.insert(kQueue, 6, flags);\n    } else {\n      t.insert(kQueue, 7, flags);\n    }\n",
      "    if (last > 5) {\n      last += 1;\n    }\n", "7");
  const PolicyDiff d = Diff(before, after);
  ASSERT_GT(d.pieces().size(), 10u);
  for (size_t i = 0; i < d.pieces().size(); ++i)
    for (size_t k = i; k < d.pieces().size(); ++k) {
      const std::string variant = d.Without(d.Closure({static_cast<int>(i), static_cast<int>(k)}));
      EXPECT_TRUE(SameSkeleton(before, variant)) << variant;
      EXPECT_EQ(std::count(variant.begin(), variant.end(), '{'), std::count(variant.begin(), variant.end(), '}')) << variant;
    }
}

}  // namespace
}  // namespace ose
