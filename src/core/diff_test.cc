#include "core/diff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "base/random.h"

namespace ose {
namespace {

TEST(DiffTest, UnifiedDiff) {
  EXPECT_EQ(UnifiedDiff("a\nb\n", "a\nb\n", "x", "y"), "");
  EXPECT_EQ(UnifiedDiff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n", "old", "new"),
            "--- old\n+++ new\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  EXPECT_EQ(UnifiedDiff("a\nb\n", "a\nb", "x", "y"),
            "--- x\n+++ y\n@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n");
}

TEST(DiffTest, DiffLines) {
  EXPECT_EQ(DiffLines("", ""), 0);
  EXPECT_EQ(DiffLines("", "a\n"), 1);
  EXPECT_EQ(DiffLines("a\nb\nc\n", "a\nB\nc\n"), 2);
  EXPECT_EQ(DiffLines("a\nb\nc\n", "a\nc\n"), 1);
}

// Applies a unified diff the way patch does, to check that hunks say what they mean.
std::string Patch(const std::string& before, const std::string& diff) {
  std::vector<std::string> lines;
  std::istringstream in(before), d(diff);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::string out, line;
  size_t at = 0;
  while (std::getline(d, line)) {
    if (line.starts_with("---") || line.starts_with("+++")) continue;
    if (line.starts_with("@@")) {
      size_t start = std::stoul(line.substr(4));
      size_t count = line.find(',') < line.find(" +") ? std::stoul(line.substr(line.find(',') + 1)) : 1;
      for (size_t target = count == 0 ? start : start - 1; at < target; ++at) out += lines[at] + "\n";
    } else if (line[0] == '+') {
      out += line.substr(1) + "\n";
    } else {
      if (at >= lines.size() || lines[at] != line.substr(1)) return "hunk does not match: " + line;
      if (line[0] == ' ') out += lines[at] + "\n";
      ++at;
    }
  }
  for (; at < lines.size(); ++at) out += lines[at] + "\n";
  return out;
}

// Length of the shortest edit, from the table of longest common subsequences.
int ShortestEdit(const std::string& a, const std::string& b) {  // one character per line
  std::vector<std::vector<int>> lcs(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < b.size(); ++j)
      lcs[i + 1][j + 1] = a[i] == b[j] ? lcs[i][j] + 1 : std::max(lcs[i][j + 1], lcs[i + 1][j]);
  return static_cast<int>(a.size() + b.size()) - 2 * lcs[a.size()][b.size()];
}

TEST(DiffTest, RandomDiffsApplyAndAreShortest) {
  Rng rng(7);
  for (int round = 0; round < 300; ++round) {
    std::string before, after, short_before, short_after;
    int n = static_cast<int>(rng.Below(40));
    for (int i = 0; i < n; ++i) {
      char c = static_cast<char>('a' + rng.Below(8));
      if (rng.Below(4) != 0) before += c, before += '\n', short_before += c;
      if (rng.Below(4) != 0) after += c, after += '\n', short_after += c;
    }
    EXPECT_EQ(DiffLines(before, after), ShortestEdit(short_before, short_after));
    EXPECT_EQ(Patch(before, UnifiedDiff(before, after, "a", "b")), after) << before << "\n->\n" << after;
  }
}

}  // namespace
}  // namespace ose

namespace ose {
namespace {

TEST(Changes, AreTheHunksOfAShortestEditInBytes) {
  const std::string before = "a\nb\nc\nd\n", after = "a\nB\nc\nd\ne\n";
  std::vector<Change> c = Changes(before, after);
  ASSERT_EQ(c.size(), 2u);
  EXPECT_EQ(before.substr(c[0].before_begin, c[0].before_end - c[0].before_begin), "b\n");
  EXPECT_EQ(after.substr(c[0].after_begin, c[0].after_end - c[0].after_begin), "B\n");
  EXPECT_EQ(c[1].before_begin, c[1].before_end);
  EXPECT_EQ(after.substr(c[1].after_begin), "e\n");
  EXPECT_TRUE(Changes(before, before).empty());
}

}  // namespace
}  // namespace ose
