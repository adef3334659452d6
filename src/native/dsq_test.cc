#include "native/dsq.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "base/random.h"
#include "native/dsq_table.h"

namespace ose {
namespace {

struct TestTask {
  BasicDsq<TestTask>* dsq = nullptr;
  TestTask *prev = nullptr, *next = nullptr, *child = nullptr;
  uint64_t dsq_vtime_key = 0, dsq_seq = 0;
  const uint64_t* allowed = nullptr;
  int number = 0;
};

constexpr uint64_t kMasks[] = {~0ULL, 1, 2, 6};

std::vector<TestTask> Tasks(size_t n, Rng& rng) {
  std::vector<TestTask> tasks(n);
  for (size_t i = 0; i < n; ++i) tasks[i].number = static_cast<int>(i), tasks[i].allowed = &kMasks[rng.Below(4)];
  return tasks;
}

// Against the obvious: an ordered set of (vtime, arrival), shifted so that it does not wrap.
TEST(Dsq, VtimeQueueIsInOrderWhateverIsRemoved) {
  for (size_t n : {1, 2, 3, 8, 500}) {
    Rng rng = Rng::Stream(3, n);
    std::vector<TestTask> tasks = Tasks(n, rng);
    BasicDsq<TestTask> q(7);
    constexpr uint64_t kBase = ~0ULL - 20;  // keys wrap
    std::set<std::tuple<uint64_t, uint64_t, int>> want;
    std::vector<std::tuple<uint64_t, uint64_t, int>> at(n);
    uint64_t arrivals = 0;
    for (int step = 0; step < 20'000; ++step) {
      TestTask& t = tasks[rng.Below(n)];
      if (t.dsq) {
        TestTask& out = rng.Below(2) ? t : *q.Front();
        q.Remove(&out);
        EXPECT_EQ(out.dsq, nullptr);
        want.erase(at[static_cast<size_t>(out.number)]);
      } else {
        const uint64_t key = rng.Below(40);
        q.PushVtime(&t, kBase + key);
        at[static_cast<size_t>(t.number)] = {key, ++arrivals, t.number};
        want.insert(at[static_cast<size_t>(t.number)]);
      }
      ASSERT_EQ(q.size(), static_cast<int>(want.size()));
      ASSERT_EQ(q.is_vtime(), !want.empty());
      ASSERT_EQ(q.Front() ? q.Front()->number : -1, want.empty() ? -1 : std::get<2>(*want.begin()));
      const int cpu = static_cast<int>(rng.Below(3));
      int first = -1;
      for (auto& [key, arrival, number] : want)
        if (first < 0 && AllowedOn(&tasks[static_cast<size_t>(number)], cpu)) first = number;
      TestTask* found = q.FirstAllowedOn(cpu);
      ASSERT_EQ(found ? found->number : -1, first);
    }
  }
}

TEST(Dsq, FifoQueueKeepsBothEnds) {
  Rng rng(5);
  std::vector<TestTask> tasks = Tasks(20, rng);
  BasicDsq<TestTask> q(7);
  std::deque<int> want;
  for (int step = 0; step < 5000; ++step) {
    TestTask& t = tasks[rng.Below(tasks.size())];
    if (t.dsq) {
      q.Remove(&t);
      std::erase(want, t.number);
    } else if (rng.Below(2)) {
      q.PushFifo(&t, true);
      want.push_front(t.number);
    } else {
      q.PushFifo(&t, false);
      want.push_back(t.number);
    }
    ASSERT_EQ(q.size(), static_cast<int>(want.size()));
    ASSERT_EQ(q.Front() ? q.Front()->number : -1, want.empty() ? -1 : want.front());
    ASSERT_FALSE(q.is_vtime());
  }
}

TEST(DsqTable, FindsWhatWasMadeAndNothingElse) {
  DsqTable<BasicDsq<TestTask>> table;
  const uint64_t ids[] = {0, 5, 4095, 4096, 1ULL << 40};
  for (uint64_t id : ids) EXPECT_EQ(table.Find(id), nullptr);
  for (uint64_t id : ids) EXPECT_EQ(table.Create(id), 0);
  for (uint64_t id : ids) EXPECT_EQ(table.Create(id), -17);
  for (uint64_t id : ids) EXPECT_EQ(table.Find(id)->id, id);
  for (uint64_t id : {1, 4094, 4097}) EXPECT_EQ(table.Find(static_cast<uint64_t>(id)), nullptr);
  EXPECT_EQ(table.Create(1ULL << 63), -22);
  EXPECT_EQ(table.all().size(), 5u);
}

}  // namespace
}  // namespace ose
