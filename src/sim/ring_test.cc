#include "sim/ring.h"

#include <gtest/gtest.h>

namespace ose {
namespace {

TEST(Ring, KeepsTheOrderWhileItGrowsAndTurns) {
  Ring<int> r;
  int in = 0, out = 0;
  for (int round = 1; round <= 40; ++round) {
    for (int i = 0; i < round; ++i) r.Push(in++);
    for (int i = 0; i < round - round % 3; ++i) EXPECT_EQ(r.Pop(), out++);
  }
  EXPECT_EQ(r.size(), static_cast<size_t>(in - out));
  while (!r.empty()) EXPECT_EQ(r.Pop(), out++);
  EXPECT_EQ(out, in);
}

}  // namespace
}  // namespace ose
