// Ruler: one policy after the other rules the kernel.
//
// The kernel takes one scheduler at a time and never replaces one atomically, so a swap is: open and verify the
// successor while the old one rules, detach, attach. In between (the gap) tasks are on the fair class. Whatever
// ends this process, the kernel drops the policy's link and tasks go back to the fair class.
//
// Not thread-safe. Needs root.
#ifndef OSEVOLVE_LIVE_RULER_H_
#define OSEVOLVE_LIVE_RULER_H_

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "live/loader.h"

namespace ose {

// A policy and how it is to rule.
struct Mandate {
  std::string object;  // file of build-bpf
  LoaderOptions load;
};

// One policy's time in power.
struct Rule {
  std::string policy, object;
  ExitInfo exit;   // kind 64 when we took it out
  Nanos since{};   // attached, on MonotonicNow()
  Nanos time{};    // how long it has ruled
  Nanos gap{};     // from the predecessor's detachment to this one's attachment; 0 when there was none
  Nanos attach{};  // how long attaching took
  std::vector<uint64_t> counters;
};

class Ruler {
 public:
  // Opens and verifies the policy, takes out the one that rules, attaches. When it cannot be opened or is refused
  // by the verifier, the old one rules on; when only attaching fails, the old one is attached again.
  Status Begin(const Mandate& mandate);
  // Takes out the policy that rules, if any.
  void End();
  // Whether a policy rules. False from the moment on at which the kernel has ejected it.
  bool Rules();

  // The rule that began last; its exit and counters are known once it is over. Null before the first.
  const Rule* last();
  // Of the policy that rules, now.
  std::vector<uint64_t> counters() const;
  // The rules that are over since the last call, oldest first.
  std::vector<Rule> TakeEnded();

 private:
  Status Attach(Loader loader, const Mandate& mandate, std::optional<Nanos> gap_from);
  void Close();

  std::optional<Loader> running_;
  std::optional<Loader> retired_;  // detached: freeing its maps takes time, which is no part of the gap
  std::optional<Mandate> mandate_;
  std::optional<Rule> rule_;
  std::vector<Rule> ended_;
  Nanos looked_{};
};

}  // namespace ose

#endif  // OSEVOLVE_LIVE_RULER_H_
