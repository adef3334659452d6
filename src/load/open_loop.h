// OpenLoop: the requests of one group with arrivals, and the threads that wait for them.
//
// As in the model (sim/engine.h) a request that finds threads idle goes to the one that became idle last, and it is a
// timer that wakes it: no thread is needed that would get in the way. Timers run for the next request and for those that
// may come before a thread that was woken gets a CPU (kSoon): the last to become idle awaits the first of them, the one
// before it the second, and so on. Who becomes idle moves all of them on by one.
//
// Times are since the origin, an absolute time of MonoNs(). Threads: as said at the calls.
#ifndef OSEVOLVE_LOAD_OPEN_LOOP_H_
#define OSEVOLVE_LOAD_OPEN_LOOP_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "workload/draw.h"

namespace ose {

class OpenLoop {
 public:
  struct Request {
    Nanos arrival{0};
    uint64_t number = 0;  // from 0, in the order of arrival
  };
  struct Taken {
    std::optional<Request> request;  // none: stopped
    bool slept = false;
  };

  // All three are called with the lock held. Whose timer is started, for which request: often the one that it will take.
  std::function<void(int thread, const Request&)> on_awaited = [](int, const Request&) {};
  std::function<void(const Request&)> on_taken = [](const Request&) {};
  // Once: no more requests come before the horizon.
  std::function<void()> on_exhausted = [] {};

  // Before the threads start. An error names the limit that is too low.
  Status Open(ArrivalProcess arrivals, int threads, Nanos horizon);
  void Begin(int64_t origin) { origin_ = origin; }

  // For `thread`, which is called by no other: its next request, when that has arrived. A signal, with `stopped` set
  // before, ends the wait; what was due by then is taken all the same.
  Taken Take(int thread, const std::function<bool()>& stopped);

  // After all threads have ended: the arrivals up to `end` that nobody took.
  std::vector<Nanos> Left(Nanos end);

 private:
  // A tick of 4 ms is how long a thread may well wait for its CPU. Each timer costs a system call per request, so they are few.
  static constexpr Nanos kSoon = Nanos::Millis(6);
  static constexpr size_t kAhead = 8;
  struct Thread {
    Fd timer;
    std::optional<uint64_t> awaits;  // the number of the request that its timer is set for
    std::optional<Request> request;
  };
  void Draw();
  void Advance();
  Request Pop();
  void Settle();
  void Await();
  void SetTimer(int thread, Nanos due);  // negative: off

  std::mutex mutex_;
  std::optional<ArrivalProcess> arrivals_;
  Nanos horizon_{0};
  int64_t origin_ = 0;
  std::deque<Request> next_;  // not taken yet, up to kAhead
  bool drawn_all_ = false;
  uint64_t number_ = 0;       // of the next one to be drawn
  std::vector<Thread> threads_;
  std::vector<int> idle_;     // the last one became idle last, and awaits the first of next_
};

}  // namespace ose

#endif  // OSEVOLVE_LOAD_OPEN_LOOP_H_
