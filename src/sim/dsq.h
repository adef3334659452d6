// Dsq: a dispatch queue, FIFO or ordered by vtime (kernel/sched/ext.c, struct
// scx_dispatch_q). A queue is of the kind of what is in it and may change kind when empty.
//
// Tasks are linked intrusively; a vtime queue is a binary heap on (vtime, arrival), with
// wrap-safe vtime comparison. No operation allocates after Reserve().
#ifndef OSEVOLVE_SIM_DSQ_H_
#define OSEVOLVE_SIM_DSQ_H_

#include <cstdint>
#include <vector>

#include "sim/task.h"

namespace ose {

class Dsq {
 public:
  explicit Dsq(uint64_t id = 0, int home_cpu = -1) : id(id), home_cpu(home_cpu) {}

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool is_vtime() const { return !heap_.empty(); }

  // Precondition of both: the task is in no queue, and the queue is empty or of that kind.
  void PushFifo(Task* t, bool head);
  void PushVtime(Task* t, uint64_t vtime);

  // First in order; null when empty.
  Task* Front() const { return heap_.empty() ? head_ : heap_.front(); }
  // First in order that may run on `cpu`; null when there is none.
  Task* FirstAllowedOn(int cpu) const;
  void Remove(Task* t);

  uint64_t id;
  int home_cpu;  // the CPU whose local queue this is, or -1

 private:
  static bool Before(const Task* a, const Task* b) {
    return a->dsq_vtime_key != b->dsq_vtime_key
               ? static_cast<int64_t>(a->dsq_vtime_key - b->dsq_vtime_key) < 0
               : a->dsq_seq < b->dsq_seq;
  }
  void Place(size_t i, Task* t) {
    heap_[i] = t;
    t->heap_pos = static_cast<int>(i);
  }
  void Up(size_t i, Task* t);
  void Down(size_t i, Task* t);

  Task *head_ = nullptr, *tail_ = nullptr;
  std::vector<Task*> heap_;
  int size_ = 0;
  uint64_t seq_ = 0;
};

inline bool AllowedOn(const Task* t, int cpu) {
  return t->allowed[static_cast<size_t>(cpu) / 64] >> (cpu % 64) & 1;
}

}  // namespace ose

#endif  // OSEVOLVE_SIM_DSQ_H_
