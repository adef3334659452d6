#include "ast/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ose::ast {
namespace {

constexpr char kSource[] = R"policy(#include <osevolve/policy.h>
using namespace osevolve;
TUNABLE(x, 1, 0, 2)
s64 F(s64 a) {
  return a + x;  // sum
}
)policy";

std::unique_ptr<Parser> MakeParser() { return std::move(Parser::Create(OSE_SOURCE_DIR "/include")).value(); }

TEST(ParserTest, CursorsHaveByteRanges) {
  auto parser = MakeParser();
  auto unit = parser->Parse(kSource);
  ASSERT_TRUE(unit.ok());
  EXPECT_TRUE((*unit)->errors().empty());
  std::string sum, function;
  Walk((*unit)->root(), [&](CXCursor c, int) {
    auto range = (*unit)->RangeOf(c);
    if (!range) return false;
    if (clang_getCursorKind(c) == CXCursor_BinaryOperator && (*unit)->Text(*range).starts_with("a"))
      sum = (*unit)->Text(*range);
    if (clang_getCursorKind(c) == CXCursor_FunctionDecl && Spelling(c) == "F") {
      function = (*unit)->Text(*range);
      EXPECT_EQ((*unit)->PlaceOf(range->begin).line, 4);
      EXPECT_EQ((*unit)->PlaceOf(range->end - 1).line, 6);
      EXPECT_EQ(TypeSpelling(clang_getCursorType(c)), "s64 (s64)");
    }
    return true;
  });
  EXPECT_EQ(sum, "a + x");
  EXPECT_THAT(function, ::testing::StartsWith("s64 F(s64 a) {"));
}

TEST(ParserTest, Tokens) {
  auto parser = MakeParser();
  auto unit = parser->Parse(kSource);
  size_t begin = std::string(kSource).find("a + x");
  std::vector<std::string> texts;
  for (const Token& t : (*unit)->Tokens({begin, begin + 5})) texts.emplace_back(t.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"a", "+", "x"}));
}

TEST(ParserTest, ErrorsHaveAPlace) {
  auto parser = MakeParser();
  auto unit = parser->Parse("#include <osevolve/policy.h>\nint f() {\n  return y;\n}\n");
  ASSERT_TRUE(unit.ok());
  ASSERT_EQ((*unit)->errors().size(), 1u);
  EXPECT_EQ((*unit)->errors()[0].line, 3);
  EXPECT_EQ((*unit)->errors()[0].column, 10);
  EXPECT_THAT((*unit)->errors()[0].message, ::testing::HasSubstr("undeclared identifier 'y'"));
}

TEST(ParserTest, VisibleUndefinedBehaviourIsAnError) {
  auto parser = MakeParser();
  EXPECT_FALSE((*parser->Parse("int f(int x) { if (x) return 1; }"))->errors().empty());
  EXPECT_FALSE((*parser->Parse("int f(int x) { return x / 0; }"))->errors().empty());
  EXPECT_FALSE((*parser->Parse("int& f() { int x = 1; return x; }"))->errors().empty());
}

TEST(ParserTest, MissingHeader) {
  auto parser = Parser::Create("/nowhere");
  ASSERT_FALSE(parser.ok());
  EXPECT_THAT(parser.error().message, ::testing::HasSubstr("osevolve/policy.h"));
}

}  // namespace
}  // namespace ose::ast
