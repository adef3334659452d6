// BasicDsq: a dispatch queue, FIFO or ordered by vtime (kernel/sched/ext.c, struct
// scx_dispatch_q), of the host's tasks. A queue is of the kind of what is in it and may change
// kind when empty.
//
// Tasks are linked intrusively and nothing is ever allocated: a FIFO queue is a list, a vtime queue a
// pairing heap (Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", Algorithmica 1, 1986) on
// (vtime, arrival), with wrap-safe vtime comparison.
//
// A task T has the fields: BasicDsq<T>* dsq; T *prev, *next, *child; uint64_t dsq_vtime_key, dsq_seq;
// const uint64_t* allowed (a bit mask over CPUs).
#ifndef OSEVOLVE_NATIVE_DSQ_H_
#define OSEVOLVE_NATIVE_DSQ_H_

#include <cstddef>
#include <cstdint>
#include <utility>

namespace ose {

template <class T>
bool AllowedOn(const T* t, int cpu) {
  return t->allowed[static_cast<size_t>(cpu) / 64] >> (cpu % 64) & 1;
}

template <class T>
class BasicDsq {
 public:
  explicit BasicDsq(uint64_t id = 0, int home_cpu = -1) : id(id), home_cpu(home_cpu) {}

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool is_vtime() const { return root_; }

  // Precondition of both: the task is in no queue, and the queue is empty or of that kind.
  void PushFifo(T* t, bool head) {
    t->dsq = this;
    ++size_;
    if (head) {
      t->prev = nullptr;
      t->next = head_;
      (head_ ? head_->prev : tail_) = t;
      head_ = t;
    } else {
      t->next = nullptr;
      t->prev = tail_;
      (tail_ ? tail_->next : head_) = t;
      tail_ = t;
    }
  }
  void PushVtime(T* t, uint64_t vtime) {
    t->dsq = this;
    ++size_;
    t->dsq_vtime_key = vtime;
    t->dsq_seq = ++seq_;
    t->child = nullptr;
    root_ = root_ ? Meld(root_, t) : t;
  }

  // First in order; null when empty.
  T* Front() const { return root_ ? root_ : head_; }

  // First in order that may run on `cpu`; null when there is none.
  T* FirstAllowedOn(int cpu) const {
    if (root_) return AllowedOn(root_, cpu) ? root_ : FirstOfHeap(cpu);
    for (T* t = head_; t; t = t->next)
      if (AllowedOn(t, cpu)) return t;
    return nullptr;
  }

  void Remove(T* t) {
    --size_;
    t->dsq = nullptr;
    if (!root_) {
      (t->prev ? t->prev->next : head_) = t->next;
      (t->next ? t->next->prev : tail_) = t->prev;
    } else if (t == root_) {
      root_ = MeldAll(t->child);
    } else {
      (t->prev->child == t ? t->prev->child : t->prev->next) = t->next;
      if (t->next) t->next->prev = t->prev;
      if (T* rest = MeldAll(t->child)) root_ = Meld(root_, rest);
    }
    t->prev = t->next = t->child = nullptr;
  }

  uint64_t id;
  int home_cpu;  // the CPU whose local queue this is, or -1

 private:
  static bool Before(const T* a, const T* b) {
    return a->dsq_vtime_key != b->dsq_vtime_key ? static_cast<int64_t>(a->dsq_vtime_key - b->dsq_vtime_key) < 0
                                                : a->dsq_seq < b->dsq_seq;
  }

  // In the heap `next` is the next sibling and `prev` the one before or, of a first child, the parent.
  // Makes the later of two roots the first child of the other.
  static T* Meld(T* a, T* b) {
    if (Before(b, a)) std::swap(a, b);
    b->prev = a;
    b->next = a->child;
    if (a->child) a->child->prev = b;
    a->child = b;
    return a;
  }
  // Of siblings: neighbours first, then what came of them, from the last to the first.
  static T* MeldAll(T* first) {
    T* pairs = nullptr;  // linked by `next`, the last one first
    while (first) {
      T* a = first;
      T* b = a->next;
      first = b ? b->next : nullptr;
      T* pair = b ? Meld(a, b) : a;
      pair->next = pairs;
      pairs = pair;
    }
    T* root = pairs;
    if (!root) return nullptr;
    for (T* pair = pairs->next; pair;) {
      T* next = pair->next;
      root = Meld(root, pair);
      pair = next;
    }
    root->prev = root->next = nullptr;
    return root;
  }
  // Walks the heap, but not below a task that may run there or comes later than the best so far.
  T* FirstOfHeap(int cpu) const {
    T* best = nullptr;
    for (T* t = root_; t;) {
      bool below = t->child;
      if (best && !Before(t, best)) below = false;
      else if (AllowedOn(t, cpu)) best = t, below = false;
      if (below) {
        t = t->child;
        continue;
      }
      while (t && !t->next) {  // up: over the siblings before it to the parent
        while (t->prev && t->prev->child != t) t = t->prev;
        t = t->prev;
      }
      if (t) t = t->next;
    }
    return best;
  }

  T *head_ = nullptr, *tail_ = nullptr;
  T* root_ = nullptr;
  int size_ = 0;
  uint64_t seq_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_NATIVE_DSQ_H_
