#include "sim/event_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "base/random.h"

namespace ose {
namespace {

TEST(EventQueue, IsOrderedByTimeAndThenByTheOrderOfSet) {
  for (int sources : {1, 2, 3, 4, 5, 6, 17, 300}) {
    EventQueue q(sources);
    std::set<std::pair<std::pair<int64_t, uint64_t>, int>> want;  // ((time, order), source)
    std::map<int, std::pair<int64_t, uint64_t>> pending;
    uint64_t order = 0;
    Rng rng = Rng::Stream(11, static_cast<uint64_t>(sources));
    auto drop = [&](int source) {
      auto it = pending.find(source);
      if (it == pending.end()) return;
      want.erase({it->second, source});
      pending.erase(it);
    };
    for (int step = 0; step < 5000; ++step) {
      const int source = static_cast<int>(rng.Below(static_cast<uint64_t>(sources)));
      const auto time = static_cast<int64_t>(rng.Below(50));
      switch (rng.Below(4)) {
        case 0:
          q.Cancel(source);
          drop(source);
          break;
        case 1:
          if (auto it = pending.find(source); it != pending.end() && it->second.first == time) {
            q.SetIfMoved(source, {time});
            break;
          }
          [[fallthrough]];
        default:
          q.SetIfMoved(source, {time + 1});  // certainly moved by the Set() that follows
          q.Set(source, {time});
          drop(source);
          pending[source] = {time, ++order};
          want.insert({pending[source], source});
      }
      ASSERT_EQ(q.empty(), want.empty());
      if (want.empty()) continue;
      ASSERT_EQ(q.NextTime().v, want.begin()->first.first);
      ASSERT_EQ(q.NextSource(), want.begin()->second);
    }
  }
}

TEST(EventQueue, BreaksTiesOtherwiseByStride) {
  auto order = [](uint64_t stride) {
    constexpr int kSources = 40;
    EventQueue q(kSources, stride);
    std::vector<int> out;
    for (int i = 0; i < kSources; ++i) q.Set(i, {i < 2 ? 5 - i : 7});
    while (!q.empty()) {
      out.push_back(q.NextSource());
      q.Cancel(out.back());
    }
    return out;
  };
  std::vector<int> in_order(40);
  for (int i = 0; i < 40; ++i) in_order[static_cast<size_t>(i)] = i < 2 ? 1 - i : i;
  EXPECT_EQ(order(1), in_order);
  std::set<std::vector<int>> seen = {in_order};
  for (uint64_t stride : {0x9e3779b97f4a7c15ULL, 0xd1b54a32d192ed03ULL, 0x8cb92ba72f3d8dd7ULL}) {
    const std::vector<int> got = order(stride);
    EXPECT_TRUE(seen.insert(got).second);
    EXPECT_EQ(got[0], 1);  // time comes first
    EXPECT_EQ(got[1], 0);
    EXPECT_TRUE(std::is_permutation(got.begin(), got.end(), in_order.begin()));
    EXPECT_EQ(got, order(stride));
  }
}

}  // namespace
}  // namespace ose
