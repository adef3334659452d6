// Frames: how processes of OS-Evolve talk over pipes. A frame is a payload length, 4 bytes
// little-endian, and the payload. Blocking and non-blocking descriptors both work; partial
// transfers and EINTR are handled here. Apart from the payload nothing is allocated.
#ifndef OSEVOLVE_BASE_FRAME_H_
#define OSEVOLVE_BASE_FRAME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace ose {

// Codes of the errors below (core/exit_code.h: kExitPolicyTimeout and kExitIo).
inline constexpr int kFrameTimeout = 13;
inline constexpr int kFrameBroken = 74;  // peer gone, cut off within a frame, or frame too large

// `deadline` is a point on MonotonicNow(); Max() waits for ever. After any error the stream is
// out of step and of no further use.

// A peer that has gone is an error (kFrameBroken), never a SIGPIPE.
Status WriteFrame(int fd, std::string_view payload, Nanos deadline = Nanos::Max());

// nullopt: the peer closed its end between two frames. A frame of more than `max_bytes` is
// refused before anything is allocated for it.
Result<std::optional<std::string>> ReadFrame(int fd, uint64_t max_bytes, Nanos deadline = Nanos::Max());

}  // namespace ose

#endif  // OSEVOLVE_BASE_FRAME_H_
