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
  if (next_ && idle_.empty() && Nanos{MonoNs() - origin_} >= next_->arrival) {
    taken.request = *next_;
    on_taken(*next_);
    Draw();
    return taken;
  }
  if (!idle_.empty()) SetTimer(idle_.back(), Nanos{-1});
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
  for (; next_ && next_->arrival <= end; Draw()) left.push_back(next_->arrival);
  return left;
}

void OpenLoop::Draw() {
  const uint64_t number = next_ ? next_->number + 1 : 0;
  next_ = Request{arrivals_->Next(), number};
  if (next_->arrival < horizon_) return;
  next_.reset();
  on_exhausted();
}

// What has arrived goes to the idle threads. The first of them was woken by its timer; the timers of the others are set to
// a time that has passed.
void OpenLoop::Settle() {
  const Nanos now{MonoNs() - origin_};
  while (!idle_.empty() && next_ && next_->arrival <= now) {
    threads_[static_cast<size_t>(idle_.back())].request = *next_;
    idle_.pop_back();
    on_taken(*next_);
    Draw();
    Await();
  }
}

void OpenLoop::Await() {
  if (idle_.empty() || !next_) return;
  on_awaited(idle_.back(), *next_);
  SetTimer(idle_.back(), next_->arrival);
}

void OpenLoop::SetTimer(int thread, Nanos due) {
  // 0 turns it off.
  const itimerspec when{{0, 0}, ToTimespec(due.v < 0 ? 0 : std::max<int64_t>(1, origin_ + due.v))};
  timerfd_settime(threads_[static_cast<size_t>(thread)].timer.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace ose
