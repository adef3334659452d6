#include "load/open_loop.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/exit_code.h"
#include "load/clock.h"

namespace ose {
namespace {

// As many open files as this process may have at all.
void RaiseLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Status OpenLoop::Open(ArrivalProcess arrivals, int threads, Nanos horizon) {
  arrivals_.emplace(std::move(arrivals));
  horizon_ = horizon;
  threads_.resize(static_cast<size_t>(threads));
  idle_.reserve(threads_.size());
  for (Thread& t : threads_) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (fd < 0 && errno == EMFILE) {
      RaiseLimit();
      fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    }
    if (fd < 0) return Error{kExitIo, fmt::format("cannot make a timer for each of {} threads that serve requests: {}; raise the limit of open files (ulimit -n)", threads, strerror(errno))};
    t.timer.reset(fd);
  }
  Draw();
  return {};
}

OpenLoop::Taken OpenLoop::Take(int thread, const std::function<bool()>& stopped) {
  Thread& me = threads_[static_cast<size_t>(thread)];
  Taken taken;
  std::unique_lock lock(mutex_);
  // What is due belongs to those that are idle already: their timer has woken them.
  Settle();
  if (!next_.empty() && idle_.empty() && Nanos{MonoNs() - origin_} >= next_.front().arrival) {
    taken.request = Pop();
    return taken;
  }
  idle_.push_back(thread);
  Await();
  taken.slept = true;
  while (!me.request && !stopped()) {
    lock.unlock();
    uint64_t expirations = 0;
    // Sleeps until the timer has fired since it was last set, or a signal comes.
    (void)!read(me.timer.get(), &expirations, sizeof expirations);
    lock.lock();
    Settle();
  }
  taken.request = std::exchange(me.request, std::nullopt);
  return taken;
}

std::vector<Nanos> OpenLoop::Left(Nanos end) {
  std::vector<Nanos> left;
  while (!next_.empty() && next_.front().arrival <= end) {
    left.push_back(next_.front().arrival);
    Advance();
  }
  return left;
}

void OpenLoop::Draw() {
  for (; !drawn_all_ && next_.size() < kAhead; ++number_) {
    const Nanos arrival = arrivals_->Next();
    if (arrival < horizon_) next_.push_back({arrival, number_});
    else drawn_all_ = true;
  }
  if (next_.empty()) on_exhausted();
}

void OpenLoop::Advance() {
  next_.pop_front();
  Draw();
}

OpenLoop::Request OpenLoop::Pop() {
  const Request r = next_.front();
  on_taken(r);
  Advance();
  return r;
}

// What has arrived goes to the idle threads. Their timers have woken them; those of what came in a greater crowd than kAhead
// are set to a time that has passed.
void OpenLoop::Settle() {
  const Nanos now{MonoNs() - origin_};
  while (!idle_.empty() && !next_.empty() && next_.front().arrival <= now) {
    Thread& t = threads_[static_cast<size_t>(idle_.back())];
    idle_.pop_back();
    t.request = Pop();
    t.awaits.reset();
    Await();
  }
}

void OpenLoop::Await() {
  const Nanos soon = next_.empty() ? Nanos{0} : std::max(Nanos{MonoNs() - origin_}, next_.front().arrival) + kSoon;
  size_t at = 0;
  for (auto thread = idle_.rbegin(); thread != idle_.rend(); ++thread, ++at) {
    Thread& t = threads_[static_cast<size_t>(*thread)];
    if (at >= next_.size() || next_[at].arrival > soon) {
      if (!t.awaits) break;  // nor do those below it
      t.awaits.reset();
      SetTimer(*thread, Nanos{-1});
      continue;
    }
    if (t.awaits == next_[at].number) continue;
    t.awaits = next_[at].number;
    on_awaited(*thread, next_[at]);
    SetTimer(*thread, next_[at].arrival);
  }
}

void OpenLoop::SetTimer(int thread, Nanos due) {
  // 0 turns it off.
  const itimerspec when{{0, 0}, ToTimespec(due.v < 0 ? 0 : std::max<int64_t>(1, origin_ + due.v))};
  timerfd_settime(threads_[static_cast<size_t>(thread)].timer.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace ose
