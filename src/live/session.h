// Session: policies rule while a command runs, one after the other, and then the kernel's own scheduler again.
#ifndef OSEVOLVE_LIVE_SESSION_H_
#define OSEVOLVE_LIVE_SESSION_H_

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "live/ruler.h"

namespace ose {

struct SessionOptions {
  std::vector<std::string> objects;  // the first rules first; with several they take turns
  LoaderOptions load;
  std::vector<std::string> command;  // empty: until SIGINT or SIGTERM
  Nanos swap_every = Nanos::Seconds(1);
  int max_swaps = 0;  // 0: no limit
};

struct SessionResult {
  std::vector<Rule> rules;
  int swaps = 0;
  int exit_code = 0;     // of the command
  bool ejected = false;  // by the kernel, which then went back to its own scheduler
};

// The command finds OSEVOLVE_HINTS=FD:ENTRIES in its environment: FD is an open file that it may map, shared, as
// ENTRIES numbers of 8 bytes; what a thread writes at its thread id is its hint (Task::hint()) at once.
//
// Every policy is verified before the first one is attached. When a policy is ejected no other takes over, and the
// command goes on under the fair class.
Result<SessionResult> RunSession(const SessionOptions& options);

}  // namespace ose

#endif  // OSEVOLVE_LIVE_SESSION_H_
