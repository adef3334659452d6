// BasicDsq: a dispatch queue, FIFO or ordered by vtime (kernel/sched/ext.c, struct
// scx_dispatch_q), of the host's tasks. A queue is of the kind of what is in it and may change
// kind when empty.
//
// Tasks are linked intrusively; a vtime queue is a binary heap on (vtime, arrival), with
// wrap-safe vtime comparison. No operation allocates after Reserve().
//
// A task T has the fields: BasicDsq<T>* dsq; T *prev, *next; int heap_pos; uint64_t
// dsq_vtime_key, dsq_seq; const uint64_t* allowed (a bit mask over CPUs).
#ifndef OSEVOLVE_NATIVE_DSQ_H_
#define OSEVOLVE_NATIVE_DSQ_H_

#include <cstddef>
#include <cstdint>
#include <vector>

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
  bool is_vtime() const { return !heap_.empty(); }
  // Room for so many tasks in vtime order; FIFO order needs none.
  void Reserve(size_t tasks) { heap_.reserve(tasks); }

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
    heap_.push_back(t);
    Up(heap_.size() - 1, t);
  }

  // First in order; null when empty.
  T* Front() const { return heap_.empty() ? head_ : heap_.front(); }

  // First in order that may run on `cpu`; null when there is none.
  T* FirstAllowedOn(int cpu) const {
    if (heap_.empty()) {
      for (T* t = head_; t; t = t->next)
        if (AllowedOn(t, cpu)) return t;
      return nullptr;
    }
    if (AllowedOn(heap_.front(), cpu)) return heap_.front();
    T* best = nullptr;
    for (T* t : heap_)
      if (AllowedOn(t, cpu) && (!best || Before(t, best))) best = t;
    return best;
  }

  void Remove(T* t) {
    --size_;
    t->dsq = nullptr;
    if (heap_.empty()) {
      (t->prev ? t->prev->next : head_) = t->next;
      (t->next ? t->next->prev : tail_) = t->prev;
      t->prev = t->next = nullptr;
      return;
    }
    auto i = static_cast<size_t>(t->heap_pos);
    T* last = heap_.back();
    heap_.pop_back();
    if (i == heap_.size()) return;
    if (i > 0 && Before(last, heap_[(i - 1) / 2])) Up(i, last);
    else Down(i, last);
  }

  uint64_t id;
  int home_cpu;  // the CPU whose local queue this is, or -1

 private:
  static bool Before(const T* a, const T* b) {
    return a->dsq_vtime_key != b->dsq_vtime_key ? static_cast<int64_t>(a->dsq_vtime_key - b->dsq_vtime_key) < 0
                                                : a->dsq_seq < b->dsq_seq;
  }
  void Place(size_t i, T* t) {
    heap_[i] = t;
    t->heap_pos = static_cast<int>(i);
  }
  void Up(size_t i, T* t) {
    while (i > 0) {
      size_t parent = (i - 1) / 2;
      if (!Before(t, heap_[parent])) break;
      Place(i, heap_[parent]);
      i = parent;
    }
    Place(i, t);
  }
  void Down(size_t i, T* t) {
    const size_t n = heap_.size();
    for (;;) {
      size_t child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && Before(heap_[child + 1], heap_[child])) ++child;
      if (!Before(heap_[child], t)) break;
      Place(i, heap_[child]);
      i = child;
    }
    Place(i, t);
  }

  T *head_ = nullptr, *tail_ = nullptr;
  std::vector<T*> heap_;
  int size_ = 0;
  uint64_t seq_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_NATIVE_DSQ_H_
