#include "base/frame.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "base/sigpipe.h"

namespace ose {
namespace {

Error TimedOut(const char* what) { return {kFrameTimeout, std::string("timed out ") + what}; }
Error Broken(const std::string& text) { return {kFrameBroken, text}; }

// Waits for `events`. False: the deadline has passed.
bool WaitFor(int fd, short events, Nanos deadline) {
  for (;;) {
    int timeout_ms = -1;
    if (deadline != Nanos::Max()) {
      Nanos left = deadline - MonotonicNow();
      // Rounded up, so that a last fraction of a millisecond is not spent spinning.
      timeout_ms = left.v <= 0 ? 0 : static_cast<int>(std::min<int64_t>(left.v / 1'000'000 + 1, INT_MAX));
    }
    pollfd p{fd, events, 0};
    int n = poll(&p, 1, timeout_ms);
    if (n > 0) return true;  // also for POLLHUP and POLLERR: the transfer will say which
    if (n < 0 && errno != EINTR && errno != EAGAIN) return true;
    if (n == 0 && deadline - MonotonicNow() <= Nanos{0}) return false;
  }
}

Status WriteAll(int fd, const char* data, size_t size, Nanos deadline, SigpipeGuard* guard) {
  const bool timed = deadline != Nanos::Max();
  while (size > 0) {
    if (timed && !WaitFor(fd, POLLOUT, deadline)) return TimedOut("writing to the peer");
    // A blocking pipe that polls as writable has room for PIPE_BUF bytes; more might block
    // past the deadline.
    ssize_t n = write(fd, data, timed ? std::min<size_t>(size, PIPE_BUF) : size);
    if (n >= 0) {
      data += n;
      size -= static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      if (!WaitFor(fd, POLLOUT, deadline)) return TimedOut("writing to the peer");
    } else if (errno != EINTR) {
      if (errno == EPIPE) guard->Raised();
      return Broken(std::string("cannot write to the peer: ") + strerror(errno));
    }
  }
  return {};
}

// Fills `data` and returns `size`, or less at the end of the stream.
Result<size_t> ReadAll(int fd, char* data, size_t size, Nanos deadline) {
  size_t have = 0;
  while (have < size) {
    if (deadline != Nanos::Max() && !WaitFor(fd, POLLIN, deadline)) return TimedOut("reading from the peer");
    ssize_t n = read(fd, data + have, size - have);
    if (n == 0) break;
    if (n > 0) {
      have += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      if (!WaitFor(fd, POLLIN, deadline)) return TimedOut("reading from the peer");
    } else if (errno != EINTR) {
      return Broken(std::string("cannot read from the peer: ") + strerror(errno));
    }
  }
  return have;
}

}  // namespace

Status WriteFrame(int fd, std::string_view payload, Nanos deadline) {
  if (payload.size() > UINT32_MAX) return Broken("a frame holds less than 4 GiB");
  const auto size = static_cast<uint32_t>(payload.size());
  char head[4];
  for (int i = 0; i < 4; ++i) head[i] = static_cast<char>(size >> (8 * i));
  SigpipeGuard guard;
  OSE_TRY(WriteAll(fd, head, sizeof head, deadline, &guard));
  return WriteAll(fd, payload.data(), payload.size(), deadline, &guard);
}

Result<std::optional<std::string>> ReadFrame(int fd, uint64_t max_bytes, Nanos deadline) {
  unsigned char head[4];
  OSE_ASSIGN(size_t got, ReadAll(fd, reinterpret_cast<char*>(head), sizeof head, deadline));
  if (got == 0) return std::optional<std::string>();
  if (got < sizeof head) return Broken("the peer stopped within a message");
  uint32_t size = 0;
  for (int i = 0; i < 4; ++i) size |= static_cast<uint32_t>(head[i]) << (8 * i);
  if (size > max_bytes)
    return Broken("the peer sent a message of " + std::to_string(size) + " bytes, more than the limit of " +
                  std::to_string(max_bytes));
  std::string payload(size, '\0');
  OSE_ASSIGN(got, ReadAll(fd, payload.data(), size, deadline));
  if (got < size) return Broken("the peer stopped within a message");
  return std::optional<std::string>(std::move(payload));
}

}  // namespace ose
