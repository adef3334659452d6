// EventQueue: which source has the next event, and when.
//
// Every thing that can have a pending event (a CPU, a sleeping task, an arrival process) is a
// source with a fixed small id and at most one pending time. The queue is an indexed binary
// heap, so that moving or cancelling a source's time is O(log n) and leaves no garbage.
// Order: by time, then by the order of Set() calls: a total order, the same on every machine.
#ifndef OSEVOLVE_SIM_EVENT_QUEUE_H_
#define OSEVOLVE_SIM_EVENT_QUEUE_H_

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace ose {

class EventQueue {
 public:
  explicit EventQueue(int sources) : pos_(static_cast<size_t>(sources), -1) {
    heap_.reserve(static_cast<size_t>(sources));
  }

  bool empty() const { return heap_.empty(); }
  Nanos NextTime() const { return {heap_.front().time}; }
  int NextSource() const { return heap_.front().source; }

  // Sets or moves the source's pending time.
  void Set(int source, Nanos time) {
    int i = pos_[static_cast<size_t>(source)];
    Entry e{time.v, ++seq_, source};
    if (i < 0) {
      i = static_cast<int>(heap_.size());
      heap_.push_back(e);
      Up(i, e);
    } else if (Less(e, heap_[static_cast<size_t>(i)])) {
      Up(i, e);
    } else {
      Down(i, e);
    }
  }

  // Set(), unless the source is pending at this very time already: keeps its place among ties.
  void SetIfMoved(int source, Nanos time) {
    int i = pos_[static_cast<size_t>(source)];
    if (i < 0 || heap_[static_cast<size_t>(i)].time != time.v) Set(source, time);
  }

  void Cancel(int source) {
    int i = pos_[static_cast<size_t>(source)];
    if (i < 0) return;
    pos_[static_cast<size_t>(source)] = -1;
    Entry last = heap_.back();
    heap_.pop_back();
    if (static_cast<size_t>(i) == heap_.size()) return;
    if (i > 0 && Less(last, heap_[static_cast<size_t>((i - 1) / 2)])) Up(i, last);
    else Down(i, last);
  }

 private:
  struct Entry {
    int64_t time;
    uint64_t seq;
    int source;
  };
  static bool Less(const Entry& a, const Entry& b) {
    return a.time != b.time ? a.time < b.time : a.seq < b.seq;
  }
  void Place(int i, const Entry& e) {
    heap_[static_cast<size_t>(i)] = e;
    pos_[static_cast<size_t>(e.source)] = i;
  }
  void Up(int i, Entry e) {
    while (i > 0) {
      int parent = (i - 1) / 2;
      if (!Less(e, heap_[static_cast<size_t>(parent)])) break;
      Place(i, heap_[static_cast<size_t>(parent)]);
      i = parent;
    }
    Place(i, e);
  }
  void Down(int i, Entry e) {
    const int n = static_cast<int>(heap_.size());
    for (;;) {
      int child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && Less(heap_[static_cast<size_t>(child + 1)], heap_[static_cast<size_t>(child)])) ++child;
      if (!Less(heap_[static_cast<size_t>(child)], e)) break;
      Place(i, heap_[static_cast<size_t>(child)]);
      i = child;
    }
    Place(i, e);
  }

  std::vector<Entry> heap_;
  std::vector<int> pos_;
  uint64_t seq_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_EVENT_QUEUE_H_
