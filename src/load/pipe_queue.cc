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

Status PipeQueue::OpenPipe(const std::string& name, int64_t items, Pipe& pipe, int64_t& holds) {
  int fds[2];
  // Only writes are non-blocking: they fail when an unbounded queue is full.
  if (pipe2(fds, O_CLOEXEC) != 0)
    return Error{kExitFailure, fmt::format("cannot make a pipe for queue '{}': {}; a queue needs up to 4 descriptors (ulimit -n)",
                                           name, strerror(errno))};
  pipe.read.reset(fds[0]);
  pipe.write.reset(fds[1]);
  fcntl(fds[1], F_SETFL, O_NONBLOCK);
  int64_t bytes = fcntl(fds[1], F_GETPIPE_SZ);
  const int64_t wanted = std::min(items, kMaxPipeBytes / kItemBytes) * kItemBytes;
  if (wanted > bytes) bytes = std::max<int64_t>(bytes, fcntl(fds[1], F_SETPIPE_SZ, static_cast<int>(wanted)));
  holds = bytes / kItemBytes;
  return {};
}

Status PipeQueue::Open(const std::string& name, int64_t capacity) {
  bounded_ = capacity > 0;
  const int64_t items = bounded_ ? capacity : kMaxPipeBytes / kItemBytes;
  OSE_TRY(OpenPipe(name, items, items_, limit_));
  if (!bounded_) return {};
  int64_t credits = 0;
  OSE_TRY(OpenPipe(name, items, credits_, credits));
  limit_ = std::min({capacity, limit_, credits});
  const int64_t free_since = 0;
  for (int64_t i = 0; i < limit_; ++i)
    if (write(credits_.write.get(), &free_since, sizeof free_since) != kItemBytes)
      return Error{kExitFailure, fmt::format("cannot fill the pipe of queue '{}': {}", name, strerror(errno))};
  return {};
}

PipeQueue::Passed PipeQueue::Read(const Pipe& pipe, const Waiter& caller) {
  const int64_t began = MonoNs();
  int64_t stamp = 0;
  while (read(pipe.read.get(), &stamp, sizeof stamp) != kItemBytes)
    if (errno != EINTR || caller.stopped()) return {};
  return {.ok = true, .slept = stamp > began, .woken_at = stamp};
}

bool PipeQueue::Write(const Pipe& pipe, const Waiter& caller) {
  const int64_t stamp = MonoNs();
  while (write(pipe.write.get(), &stamp, sizeof stamp) != kItemBytes) {
    if (caller.stopped() || (errno != EINTR && errno != EAGAIN)) return false;
    if (errno == EAGAIN) overflowed_.store(true, std::memory_order_relaxed);
    pollfd p{.fd = pipe.write.get(), .events = POLLOUT, .revents = 0};
    poll(&p, 1, 10);  // a signal may come just before it
  }
  return true;
}

PipeQueue::Passed PipeQueue::Put(const Waiter& caller) {
  Passed passed{.ok = true};
  if (bounded_) passed = Read(credits_, caller);
  if (passed.ok) passed.ok = Write(items_, caller);
  return passed;
}

PipeQueue::Passed PipeQueue::Take(const Waiter& caller) {
  Passed passed = Read(items_, caller);
  if (passed.ok && bounded_) passed.ok = Write(credits_, caller);
  return passed;
}

bool PipeQueue::TakeSleeps() const { return Empty(items_.read); }
bool PipeQueue::PutSleeps() const { return bounded_ && Empty(credits_.read); }

}  // namespace ose
