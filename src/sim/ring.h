// Ring: a first-in, first-out queue in one block of memory, which grows when more are waiting than ever
// before and never by what has passed through.
#ifndef OSEVOLVE_SIM_RING_H_
#define OSEVOLVE_SIM_RING_H_

#include <bit>
#include <cstddef>
#include <vector>

namespace ose {

template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  void Reserve(size_t n) {
    if (n > slots_.size()) Grow(std::bit_ceil(n));
  }
  void Push(const T& x) {
    if (size_ == slots_.size()) Grow(size_ ? 2 * size_ : 16);
    slots_[(head_ + size_++) & (slots_.size() - 1)] = x;
  }
  // Precondition: not empty.
  T Pop() {
    T x = slots_[head_];
    head_ = (head_ + 1) & (slots_.size() - 1);
    --size_;
    return x;
  }

 private:
  void Grow(size_t n) {
    std::vector<T> bigger(n);
    for (size_t i = 0; i < size_; ++i) bigger[i] = slots_[(head_ + i) & (slots_.size() - 1)];
    slots_.swap(bigger);
    head_ = 0;
  }

  std::vector<T> slots_;  // a power of two of them
  size_t head_ = 0, size_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_SIM_RING_H_
