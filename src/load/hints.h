// HintBoard: where threads tell a policy in the kernel their hints. `osevolve-live run` offers a map by the
// environment (live/session.h); without one nothing is told.
#ifndef OSEVOLVE_LOAD_HINTS_H_
#define OSEVOLVE_LOAD_HINTS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace ose {

class HintBoard {
 public:
  HintBoard();  // reads OSEVOLVE_HINTS
  ~HintBoard();
  HintBoard(const HintBoard&) = delete;
  HintBoard& operator=(const HintBoard&) = delete;

  bool open() const { return hints_ != nullptr; }
  // From any thread, for any thread of this process.
  void Tell(pid_t thread, uint32_t hint);

 private:
  uint64_t* hints_ = nullptr;
  size_t entries_ = 0;
};

}  // namespace ose

#endif  // OSEVOLVE_LOAD_HINTS_H_
