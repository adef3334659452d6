// A hosted policy: programs take turns, and a std::map knows the queue of each. For the user-space agent.
#include <osevolve/policy.h>
#define OSEVOLVE_HOSTED
#include <map>
using namespace osevolve;

TUNABLE(slice_ns, 5'000'000, 100'000, 1'000'000'000)

struct MapQueue : Policy<> {
  static constexpr DsqId kFirst = 1, kQueues = 64;

  s32 init() {
    for (DsqId q = 0; q < kQueues; ++q)
      if (s32 error = dsq_create(kFirst + q)) return error;
    return 0;
  }

  void enqueue(Task t, u64 enq_flags) {
    auto& queue = QueueOf()[t.tgid()];
    if (queue == 0) queue = kFirst + QueueOf().size() % kQueues;
    t.insert(queue, slice_ns, enq_flags);
    count(0);
  }

  void dispatch(s32 cpu) {
    // Programs take turns.
    auto& queues = QueueOf();
    auto next = queues.upper_bound(last);
    for (u64 n = 0; n < queues.size(); ++n, ++next) {
      if (next == queues.end()) next = queues.begin();
      if (!dsq_move_to_local(next->second)) continue;
      last = next->first;
      return;
    }
  }

 private:
  s32 last;

  static std::map<s32, DsqId>& QueueOf() {
    static std::map<s32, DsqId> queue_of;
    return queue_of;
  }
};

OSEVOLVE_POLICY(MapQueue, "map_queue")
