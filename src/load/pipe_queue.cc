#include "load/pipe_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

#include "core/exit_code.h"
#include "load/clock.h"

namespace ose {
namespace {

constexpr int64_t kItemBytes = sizeof(int64_t);  // divides a page, so that no item is ever split
constexpr int64_t kMaxPipeBytes = 1 << 20;       // fs.pipe-max-size by default (pipe(7))

bool Empty(const Fd& fd) {
  int bytes = 0;
  return ioctl(fd.get(), FIONREAD, &bytes) == 0 && bytes == 0;
}

}  // namespace

Status PipeQueue::OpenPipe(const std::string& name, int64_t items) {
  int fds[2];
  // Only writes are non-blocking: they fail when an unbounded queue is full.
  if (pipe2(fds, O_CLOEXEC) != 0)
    return Error{kExitFailure, fmt::format("cannot make a pipe for queue '{}': {}; a queue needs 2 descriptors (ulimit -n)",
                                           name, strerror(errno))};
  items_.read.reset(fds[0]);
  items_.write.reset(fds[1]);
  fcntl(fds[1], F_SETFL, O_NONBLOCK);
  int64_t bytes = fcntl(fds[1], F_GETPIPE_SZ);
  const int64_t wanted = std::min(items, kMaxPipeBytes / kItemBytes) * kItemBytes;
  if (wanted > bytes) bytes = std::max<int64_t>(bytes, fcntl(fds[1], F_SETPIPE_SZ, static_cast<int>(wanted)));
  limit_ = bytes / kItemBytes;
  return {};
}

Status PipeQueue::Open(const std::string& name, int64_t capacity) {
  bounded_ = capacity > 0;
  OSE_TRY(OpenPipe(name, bounded_ ? capacity : kMaxPipeBytes / kItemBytes));
  if (!bounded_) return {};
  limit_ = std::min(capacity, limit_);
  room_.Give(static_cast<uint32_t>(limit_));
  return {};
}

PipeQueue::Passed PipeQueue::Put(Waiter& caller) {
  Passed passed{.ok = true};
  if (bounded_ && !room_.Take(caller)) {
    if (!caller.Park()) return {};
    passed.slept = true;
    passed.woken_at = caller.woken_at();
  }
  const int64_t stamp = MonoNs();
  while (write(items_.write.get(), &stamp, sizeof stamp) != kItemBytes) {
    if (caller.stopped() || (errno != EINTR && errno != EAGAIN)) return {};
    if (errno == EAGAIN) overflowed_.store(true, std::memory_order_relaxed);
    pollfd p{.fd = items_.write.get(), .events = POLLOUT, .revents = 0};
    poll(&p, 1, 10);  // a signal may come just before it
  }
  return passed;
}

PipeQueue::Passed PipeQueue::Take(const Waiter& caller) {
  const int64_t began = MonoNs();
  int64_t stamp = 0;
  while (read(items_.read.get(), &stamp, sizeof stamp) != kItemBytes)
    if (errno != EINTR || caller.stopped()) return {};
  if (bounded_) room_.Give(1);
  return {.ok = true, .slept = stamp > began, .woken_at = stamp};
}

bool PipeQueue::TakeSleeps() const { return Empty(items_.read); }
bool PipeQueue::PutSleeps(const Waiter& caller) { return bounded_ && room_.empty() && !caller.woken(); }

}  // namespace ose
