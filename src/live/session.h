// Session: policies rule while a command runs, one after the other, and then the kernel's own scheduler again.
#ifndef OSEVOLVE_LIVE_SESSION_H_
#define OSEVOLVE_LIVE_SESSION_H_

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "live/loader.h"

namespace ose {

struct SessionOptions {
  std::vector<std::string> objects;  // the first rules first; with several they take turns
  LoadOptions load;
  std::vector<std::string> command;  // empty: until SIGINT or SIGTERM
  Nanos swap_every = Nanos::Seconds(1);
  int max_swaps = 0;  // 0: no limit
};

// One policy's time in power.
struct Rule {
  std::string policy, object;
  ExitInfo exit;     // kind 64 when we took it out
  Nanos time{};      // attached
  Nanos gap{};       // from the predecessor's detachment to this one's attachment; 0 for the first
  Nanos attach{};    // how long attaching took
  std::vector<uint64_t> counters;
};

struct SessionResult {
  std::vector<Rule> rules;
  int swaps = 0;
  int exit_code = 0;     // of the command
  bool ejected = false;  // by the kernel, which then went back to its own scheduler
};

// Every policy is verified before the first one is attached. With a swap the next policy is loaded already when the
// old one is detached, since the kernel allows one at a time; tasks are on the fair class in between. When a
// policy is ejected no other takes over, and the command goes on under the fair class.
Result<SessionResult> RunSession(const SessionOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_LIVE_SESSION_H_
