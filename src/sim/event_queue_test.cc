#include "sim/event_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

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

}  // namespace
}  // namespace ose
