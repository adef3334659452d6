#include "sim/dsq.h"

namespace ose {

void Dsq::PushFifo(Task* t, bool head) {
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

void Dsq::PushVtime(Task* t, uint64_t vtime) {
  t->dsq = this;
  ++size_;
  t->dsq_vtime_key = vtime;
  t->dsq_seq = ++seq_;
  heap_.push_back(t);
  Up(heap_.size() - 1, t);
}

Task* Dsq::FirstAllowedOn(int cpu) const {
  if (heap_.empty()) {
    for (Task* t = head_; t; t = t->next)
      if (AllowedOn(t, cpu)) return t;
    return nullptr;
  }
  if (AllowedOn(heap_.front(), cpu)) return heap_.front();
  Task* best = nullptr;
  for (Task* t : heap_)
    if (AllowedOn(t, cpu) && (!best || Before(t, best))) best = t;
  return best;
}

void Dsq::Remove(Task* t) {
  --size_;
  t->dsq = nullptr;
  if (heap_.empty()) {
    (t->prev ? t->prev->next : head_) = t->next;
    (t->next ? t->next->prev : tail_) = t->prev;
    t->prev = t->next = nullptr;
    return;
  }
  auto i = static_cast<size_t>(t->heap_pos);
  Task* last = heap_.back();
  heap_.pop_back();
  if (i == heap_.size()) return;
  if (i > 0 && Before(last, heap_[(i - 1) / 2])) Up(i, last);
  else Down(i, last);
}

void Dsq::Up(size_t i, Task* t) {
  while (i > 0) {
    size_t parent = (i - 1) / 2;
    if (!Before(t, heap_[parent])) break;
    Place(i, heap_[parent]);
    i = parent;
  }
  Place(i, t);
}

void Dsq::Down(size_t i, Task* t) {
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

}  // namespace ose
