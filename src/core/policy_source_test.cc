#include "core/policy_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace ose {
namespace {

using ::testing::HasSubstr;

constexpr char kPolicy[] = R"policy(// TUNABLE(not_me, 1, 0, 2) in a comment
#include <osevolve/policy.h>
const char* s = "TUNABLE(nor_me, 1, 0, 2)";
const char* r = R"(TUNABLE(nor_me, 1, 0, 2) // EVOLVE-BLOCK-START x
)";
TUNABLE(slice_ns, 20'000'000, 100'000, 1'000'000'000)
TUNABLE(bias , /* low */ -5,
        -0x10, 0x7F)
void f() {
  // EVOLVE-BLOCK-START enqueue
  a(b[1]);
  // EVOLVE-BLOCK-END
  keep();
  // EVOLVE-BLOCK-START
  // EVOLVE-BLOCK-END block
}
)policy";

TEST(PolicySourceTest, ParsesTunables) {
  auto t = ParseTunables(kPolicy);
  ASSERT_TRUE(t.ok()) << t.error().message;
  ASSERT_EQ(t->size(), 2u);
  EXPECT_EQ((*t)[0].name, "slice_ns");
  EXPECT_EQ((*t)[0].default_value, 20'000'000);
  EXPECT_EQ((*t)[0].max, 1'000'000'000);
  EXPECT_EQ((*t)[0].line, 6);
  EXPECT_EQ((*t)[1].default_value, -5);
  EXPECT_EQ((*t)[1].min, -16);
  EXPECT_EQ((*t)[1].max, 127);
  EXPECT_EQ(
      std::string_view(kPolicy).substr((*t)[1].default_begin, (*t)[1].default_end - (*t)[1].default_begin),
      "-5");
}

TEST(PolicySourceTest, RefusesBadTunables) {
  auto error = [](const char* s) {
    auto t = ParseTunables(s);
    return t.ok() ? std::string("ok") : t.error().message;
  };
  EXPECT_THAT(error("TUNABLE(a, 5, 0, 3)"), HasSubstr("default 5 is outside [0, 3]"));
  EXPECT_THAT(error("\nTUNABLE(a, 5, 9, 3)"), HasSubstr("line 2: TUNABLE a: min 9 is above max 3"));
  EXPECT_THAT(error("TUNABLE(a, 1, 0, 3) TUNABLE(a, 1, 0, 3)"), HasSubstr("declared twice"));
  EXPECT_THAT(error("TUNABLE(a, 2 * 3, 0, 9)"), HasSubstr("integer literals"));
  EXPECT_THAT(error("TUNABLE(a, 010, 0, 9)"), HasSubstr("integer literals"));
  EXPECT_THAT(error("TUNABLE(a, 1u, 0, 9)"), HasSubstr("integer literals"));
  EXPECT_THAT(error("TUNABLE(a, -9223372036854775808, -1, 9)"), HasSubstr("integer literals"));
  EXPECT_THAT(error("TUNABLE(a, 1, 0, 9, 3)"), HasSubstr("four arguments"));
  EXPECT_THAT(error("TUNABLE"), HasSubstr("needs a name"));
  EXPECT_EQ(error("TUNABLE(a, 9223372036854775807, -9223372036854775807, 9223372036854775807)"), "ok");
}

TEST(PolicySourceTest, SetsTunablesInTheirOwnSpelling) {
  auto set = [](const char* s, Tunables v) {
    auto r = SetTunables(s, v);
    return r.ok() ? *r : r.error().message;
  };
  EXPECT_EQ(set("TUNABLE(a, 20'000, 0, 90'000)", {{"a", 1500}}), "TUNABLE(a, 1'500, 0, 90'000)");
  EXPECT_EQ(set("TUNABLE(a, 20000, 0, 90000)", {{"a", 50000}}), "TUNABLE(a, 50000, 0, 90000)");
  EXPECT_EQ(set("TUNABLE(a, 5, 0, 90000)", {{"a", 50000}}), "TUNABLE(a, 50'000, 0, 90000)");
  EXPECT_EQ(set("TUNABLE(a, 0x10, 0, 0xff)", {{"a", 32}}), "TUNABLE(a, 0x20, 0, 0xff)");
  EXPECT_EQ(set("TUNABLE(a,  5 , -9, 9) // x", {{"a", -2}}), "TUNABLE(a,  -2 , -9, 9) // x");
  EXPECT_THAT(set("TUNABLE(slice, 5, 0, 9)", {{"slcie", 2}}),
              HasSubstr("no TUNABLE 'slcie'; did you mean 'slice'?"));
  EXPECT_THAT(set("TUNABLE(a, 5, 0, 9)", {{"a", 10}}), HasSubstr("10 is outside [0, 9]"));
}

TEST(PolicySourceTest, NormalizedSourceForgetsDefaultsOnly) {
  auto child = SetTunables(kPolicy, {{"slice_ns", 123456}, {"bias", 77}});
  ASSERT_TRUE(child.ok());
  EXPECT_NE(*child, kPolicy);
  EXPECT_EQ(*NormalizedSource(*child), *NormalizedSource(kPolicy));
  EXPECT_THAT(*NormalizedSource(kPolicy), HasSubstr("TUNABLE(slice_ns, 100'000, 100'000, 1'000'000'000)"));
  EXPECT_THAT(*NormalizedSource(kPolicy), HasSubstr("TUNABLE(nor_me, 1, 0, 2)"));
}

TEST(PolicySourceTest, ParsesBlocks) {
  auto b = ParseEvolveBlocks(kPolicy);
  ASSERT_TRUE(b.ok()) << b.error().message;
  ASSERT_EQ(b->size(), 2u);
  EXPECT_EQ((*b)[0].name, "enqueue");
  EXPECT_EQ((*b)[0].line, 10);
  EXPECT_EQ(std::string_view(kPolicy).substr((*b)[0].begin, (*b)[0].end - (*b)[0].begin), "  a(b[1]);\n");
  EXPECT_EQ((*b)[1].name, "block");
  EXPECT_EQ((*b)[1].begin, (*b)[1].end);
}

TEST(PolicySourceTest, RefusesBadBlocks) {
  auto error = [](const char* s) {
    auto b = ParseEvolveBlocks(s);
    return b.ok() ? std::string("ok") : b.error().message;
  };
  EXPECT_THAT(error("// EVOLVE-BLOCK-START a\n"),
              HasSubstr("line 1: evolve block 'a' has no EVOLVE-BLOCK-END"));
  EXPECT_THAT(error("// EVOLVE-BLOCK-END\n"), HasSubstr("without a START"));
  EXPECT_THAT(error("// EVOLVE-BLOCK-START a\n// EVOLVE-BLOCK-START b\n"), HasSubstr("do not nest"));
  EXPECT_THAT(
      error("// EVOLVE-BLOCK-START a\n// EVOLVE-BLOCK-END\n// EVOLVE-BLOCK-START a\n// EVOLVE-BLOCK-END\n"),
      HasSubstr("two evolve blocks 'a'"));
  EXPECT_THAT(error("// EVOLVE-BLOCK-START a\n// EVOLVE-BLOCK-END b\n"), HasSubstr("this END names 'b'"));
  EXPECT_THAT(error("x; // EVOLVE-BLOCK-START a\n// EVOLVE-BLOCK-END\n"), HasSubstr("line of its own"));
  EXPECT_THAT(error("// EVOLVE-BLOCK-BEGIN a\n"), HasSubstr("is no marker"));
  EXPECT_THAT(error("// EVOLVE-BLOCK-START a b\n// EVOLVE-BLOCK-END\n"),
              HasSubstr("cannot name an evolve block"));
  EXPECT_THAT(error("// EVOLVE-BLOCK-START a\n} void g() {\n// EVOLVE-BLOCK-END\n"),
              HasSubstr("line 2: '}' closes"));
  EXPECT_THAT(error("// EVOLVE-BLOCK-START a\nf(;\n// EVOLVE-BLOCK-END\n"), HasSubstr("lacks a closing ')'"));
  EXPECT_EQ(error("// EVOLVE-BLOCK-START a\nf(\"{\", '('); // {\n// EVOLVE-BLOCK-END\n"), "ok");
}

TEST(PolicySourceTest, SkeletonIsWhatMayNotChange) {
  auto tuned = SetTunables(kPolicy, {{"bias", 3}});
  auto child = ReplaceBlock(*tuned, "enqueue", "  TUNABLE_like(1);\n  if (x) { y(); }");
  ASSERT_TRUE(child.ok()) << child.error().message;
  EXPECT_THAT(*child, HasSubstr("if (x) { y(); }\n  // EVOLVE-BLOCK-END"));
  EXPECT_EQ(*Skeleton(*child), *Skeleton(kPolicy));
  std::string edited = *child;
  edited.replace(edited.find("keep"), 4, "lose");
  EXPECT_NE(*Skeleton(edited), *Skeleton(kPolicy));
}

TEST(PolicySourceTest, ReplaceBlockGuardsTheStructure) {
  auto error = [](const char* name, const char* content) {
    auto r = ReplaceBlock(kPolicy, name, content);
    return r.ok() ? std::string("ok") : r.error().message;
  };
  EXPECT_THAT(error("enqeue", ""), HasSubstr("did you mean 'enqueue'?"));
  EXPECT_NE(error("enqueue", "/* runs on"), "ok");
  EXPECT_NE(error("enqueue", "// EVOLVE-BLOCK-END\n// EVOLVE-BLOCK-START evil\n"), "ok");
  EXPECT_NE(error("enqueue", "}"), "ok");
}

TEST(PolicySourceTest, ShippedPoliciesParse) {
  const std::string dir = OSE_SOURCE_DIR "/policies";
  auto names = ListFiles(dir, ".cc");
  ASSERT_TRUE(names.ok());
  for (const std::string& name : *names) {
    auto source = ReadFile(JoinPath(dir, name));
    ASSERT_TRUE(source.ok());
    auto skeleton = Skeleton(*source);
    EXPECT_TRUE(skeleton.ok()) << name << ": " << skeleton.error().message;
    EXPECT_FALSE(ParseEvolveBlocks(*source)->empty()) << name;
  }
}

TEST(FormatNumberTest, Separators) {
  EXPECT_EQ(FormatNumber(0, true), "0");
  EXPECT_EQ(FormatNumber(-999, true), "-999");
  EXPECT_EQ(FormatNumber(-1000, true), "-1'000");
  EXPECT_EQ(FormatNumber(1234567, true), "1'234'567");
  EXPECT_EQ(FormatNumber(1234567, false), "1234567");
}

}  // namespace
}  // namespace ose
