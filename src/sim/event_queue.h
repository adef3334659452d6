// EventQueue: which source has the next event, and when.
//
// Every thing that can have a pending event (a CPU, a sleeping task, an arrival process) is a
// source with a fixed small id and at most one pending time. The queue is an indexed heap, so
// that moving or cancelling a source's time is O(log n) and leaves no garbage; with four children a
// node, those of a node being one cache line, since with a million sleeping tasks the way down
// is a chain of cache misses.
// Order: by time, then by the order of Set() calls: a total order, the same on every machine. A
// `tie_stride` other than 1 breaks ties otherwise, each stride in a way of its own.
// Nothing is allocated after construction.
#ifndef OSEVOLVE_SIM_EVENT_QUEUE_H_
#define OSEVOLVE_SIM_EVENT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace ose {

class EventQueue {
 public:
  // Sources are 0 .. sources - 1, fewer than 2^21. Times are not negative.
  // The stride is odd, so that it permutes the numbers of the calls.
  explicit EventQueue(int sources, uint64_t tie_stride = 1)
      : tie_stride_(tie_stride | 1),
        pos_(static_cast<size_t>(sources), -1), lines_((static_cast<size_t>(sources) + 3 + 3) / 4 + 1), heap_(lines_[0].entry + 3) {}
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  bool empty() const { return size_ == 0; }
  Nanos NextTime() const { return {heap_[0].time}; }
  int NextSource() const { return heap_[0].source(); }

  // Whether the source is the next one, and at this time.
  bool IsNext(int source, Nanos time) const { return pos_[static_cast<size_t>(source)] == 0 && heap_[0].time == time.v; }

  // Sets or moves the source's pending time.
  void Set(int source, Nanos time) {
    const int i = pos_[static_cast<size_t>(source)];
    const Entry e{time.v, ++seq_ * tie_stride_ << kSourceBits | static_cast<uint32_t>(source)};
    if (i < 0) return Up(size_++, e);
    if (i > 0 && e.Before(heap_[i])) Up(i, e);
    else Down(i, e);
  }

  // Set(), unless the source is pending at this very time already: keeps its place among ties.
  void SetIfMoved(int source, Nanos time) {
    const int i = pos_[static_cast<size_t>(source)];
    if (i < 0 || heap_[i].time != time.v) Set(source, time);
  }

  void Cancel(int source) {
    const int i = pos_[static_cast<size_t>(source)];
    if (i < 0) return;
    pos_[static_cast<size_t>(source)] = -1;
    const Entry last = heap_[--size_];
    if (i == size_) return;
    if (i > 0 && last.Before(heap_[(i - 1) / 4])) Up(i, last);
    else Down(i, last);
  }

 private:
  static constexpr int kSourceBits = 21;
  struct Entry {
    int64_t time;
    uint64_t order;  // the Set() call's place, then the source
    int source() const { return static_cast<int>(order & ((1u << kSourceBits) - 1)); }
    // As one number, without branches: which of two events comes first is a coin toss to a predictor.
    bool Before(const Entry& o) const { return Number() < o.Number(); }
    unsigned __int128 Number() const { return static_cast<unsigned __int128>(time) << 64 | order; }
  };
  struct alignas(64) Line {
    Entry entry[4];
  };

  // Up and Down keep the members that they need in locals: what they store might be one of them, for all the compiler knows.
  static void Place(Entry* heap, int* pos, int i, const Entry& e) {
    heap[i] = e;
    pos[static_cast<size_t>(e.source())] = i;
  }
  void Up(int i, Entry e) {
    Entry* const heap = heap_;
    int* const pos = pos_.data();
    while (i > 0) {
      const int parent = (i - 1) / 4;
      if (!e.Before(heap[parent])) break;
      Place(heap, pos, i, heap[parent]);
      i = parent;
    }
    Place(heap, pos, i, e);
  }
  void Down(int i, Entry e) {
    Entry* const heap = heap_;
    int* const pos = pos_.data();
    const int size = size_;
    for (;;) {
      const int first = 4 * i + 1;
      if (first >= size) break;
      int child = first;
      if (first + 3 < size) {
        const int a = first + heap[first + 1].Before(heap[first]);
        const int b = first + 2 + heap[first + 3].Before(heap[first + 2]);
        child = heap[b].Before(heap[a]) ? b : a;
      } else {
        if (first + 1 < size) child = heap[first + 1].Before(heap[child]) ? first + 1 : child;
        if (first + 2 < size) child = heap[first + 2].Before(heap[child]) ? first + 2 : child;
      }
      if (!heap[child].Before(e)) break;
      Place(heap, pos, i, heap[child]);
      i = child;
    }
    Place(heap, pos, i, e);
  }

  const uint64_t tie_stride_;
  std::vector<int> pos_;  // of each source in the heap, or -1
  std::vector<Line> lines_;
  Entry* heap_;  // in lines_, the root last in the first line
  int size_ = 0;
  uint64_t seq_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_EVENT_QUEUE_H_
