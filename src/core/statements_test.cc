#include "core/statements.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

std::vector<std::string> Texts(std::string_view text) {
  std::vector<std::string> out;
  for (const CodeStatement& s : SourceTree(text).Statements(0, text.size())) out.emplace_back(text.substr(s.begin, s.end - s.begin));
  return out;
}

TEST(Statements, AreWholeLinesWithTheCommentsBeforeThem) {
  EXPECT_EQ(Texts("// one\na = 1;  // rest\nb(); c();\n"), (std::vector<std::string>{"// one\na = 1;  // rest\n", "b();", " c();\n"}));
}

TEST(Statements, ABranchIsOneStatementWithAnArmForEachBody) {
  const std::string text = "if (a) {\n  x();\n  y();\n} else if (b) {\n} else {\n  z();\n}\nlast();\n";
  auto list = SourceTree(text).Statements(0, text.size());
  ASSERT_EQ(list.size(), 2u);
  ASSERT_EQ(list[0].arms.size(), 3u);
  EXPECT_EQ(list[0].arms[0].head, "if ( a ) {");
  EXPECT_EQ(list[0].arms[1].head, "else if ( b ) {");
  EXPECT_EQ(list[0].arms[0].body.size(), 2u);
  EXPECT_EQ(list[0].arms[1].body.size(), 0u);
  EXPECT_EQ(text.substr(list[0].arms[0].body_begin, list[0].arms[0].body_end - list[0].arms[0].body_begin), "  x();\n  y();\n");
  EXPECT_EQ(list[1].tokens, "last ( ) ;");
}

TEST(Statements, ALambdaHasABody) {
  const std::string text = "for_n(3, [&](s32 i) {\n  f(i);\n});\ns32 n = [&] { return 1; }();\nauto g = [&](u64 a) { return a; };\nif (c) d(); else e();\nend();\n";
  auto list = SourceTree(text).Statements(0, text.size());
  ASSERT_EQ(list.size(), 5u);
  ASSERT_EQ(list[0].arms.size(), 1u);
  EXPECT_EQ(list[0].arms[0].body[0].tokens, "f ( i ) ;");
  EXPECT_EQ(list[0].tail, ") ;");
  EXPECT_EQ(list[2].declares, "g");
  EXPECT_EQ(list[3].tokens, "if ( c ) d ( ) ; else e ( ) ;");
}

TEST(Statements, KnowsWhatIsDeclared) {
  const std::string text =
      "u64 a = 1;\nconst bool b{true};\nTaskRef<S>& c = d;\ne = 2;\nreturn f;\ng(h);\nt.insert(x);\n"
      "TUNABLE(k, 1, 0, 2)\nstruct M { u64 n; };\nvoid o(Task t) { p(); }\nunsigned long long q;\nu64 r[4];\n";
  std::vector<std::string> names;
  for (const CodeStatement& s : SourceTree(text).Statements(0, text.size())) names.push_back(s.declares);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c", "", "", "", "", "k", "M", "o", "q", "r"}));
}

TEST(Statements, FindsTheFunction) {
  const std::string text = "struct P : Policy<> {\n  void enqueue(Task t) {\n    if (a) { b(); }\n  }\n  u64 x;\n};\n";
  EXPECT_EQ(SourceTree(text).FunctionAt(text.find("b()")), "enqueue");
  EXPECT_EQ(SourceTree(text).FunctionAt(text.find("u64 x")), "");
}

TEST(Statements, SkeletonsDifferByCodeAlone) {
  const std::string a = "struct A {};\nvoid f() {\n// EVOLVE-BLOCK-START x\none();\n// EVOLVE-BLOCK-END\n}\n";
  const std::string b = "// Evolved.\nstruct A {};\nvoid f() {\n// EVOLVE-BLOCK-START x\ntwo();\n// EVOLVE-BLOCK-END\n}\n";
  EXPECT_TRUE(SameSkeleton(a, b));
  EXPECT_FALSE(SameSkeleton(a, "struct B {};\nvoid f() {\n// EVOLVE-BLOCK-START x\none();\n// EVOLVE-BLOCK-END\n}\n"));
  EXPECT_FALSE(SameSkeleton(a, "struct A {};\nvoid f() {\n// EVOLVE-BLOCK-START y\none();\n// EVOLVE-BLOCK-END\n}\n"));
}

}  // namespace
}  // namespace ose
