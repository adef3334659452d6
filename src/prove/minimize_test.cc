#include "prove/minimize.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ose {
namespace {

const std::string kRoot =
    "a;\n"
    "// EVOLVE-BLOCK-START x\n"
    "  one();\n"
    "// EVOLVE-BLOCK-END\n";

std::string Block(const std::string& content) {
  return "a;\n// EVOLVE-BLOCK-START x\n" + content + "// EVOLVE-BLOCK-END\n";
}

bool Contains(const std::vector<std::string>& steps, const std::string& s) {
  return std::find(steps.begin(), steps.end(), s) != steps.end();
}

TEST(SimplerSources, UndoesAChange) {
  EXPECT_TRUE(Contains(SimplerSources(kRoot, Block("  two();\n")), kRoot));
}

TEST(SimplerSources, DeletesAnAddedStatement) {
  auto steps = SimplerSources(kRoot, Block("  one();\n  two();\n  three();\n"));
  EXPECT_TRUE(Contains(steps, Block("  one();\n  three();\n")));
  EXPECT_TRUE(Contains(steps, Block("  one();\n  two();\n")));
  EXPECT_FALSE(Contains(steps, Block("  two();\n  three();\n")));  // the root's own line stays
}

TEST(SimplerSources, TakesTheIfOffABlock) {
  auto steps = SimplerSources(kRoot, Block("  if (x) {\n    two();\n  }\n"));
  EXPECT_TRUE(Contains(steps, Block("  two();\n")));
  EXPECT_TRUE(Contains(steps, Block("")));
}

TEST(SimplerSources, KeepsEitherBranch) {
  auto steps = SimplerSources(kRoot, Block("  if (x) {\n    two();\n  } else {\n    three();\n  }\n"));
  EXPECT_TRUE(Contains(steps, Block("  two();\n")));
  EXPECT_TRUE(Contains(steps, Block("  three();\n")));
}

TEST(SimplerSources, NothingIsSimplerThanTheRoot) { EXPECT_TRUE(SimplerSources(kRoot, kRoot).empty()); }

}  // namespace
}  // namespace ose
