// Shim: the resident scheduler of agent mode (bpf/shim.bpf.c) in the kernel, and its maps.
//
// Attached by a link, which the kernel drops with the process: whatever happens to it, tasks go back to the fair
// class. Without an agent the shim schedules first come, first served.
#ifndef OSEVOLVE_LIVE_SHIM_H_
#define OSEVOLVE_LIVE_SHIM_H_

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "live/agent_link.h"
#include "live/bpf_words.h"

struct bpf_link;
struct bpf_object;

namespace ose {

struct ShimOptions {
  std::string object;                      // osevolve-shim.bpf.o
  Nanos patience = Nanos::Millis(20);      // an agent that reads no events for so long is not there
  uint32_t timeout_ms = 5000;
  bool partial = false;
};

class Shim {
 public:
  // Verified and attached.
  static Result<Shim> Start(const ShimOptions& options);
  Shim(Shim&& o) noexcept;
  Shim& operator=(Shim&&) = delete;
  ~Shim();

  void Detach();
  ShimMaps maps() const { return maps_; }
  agent_shim& page() const { return *static_cast<agent_shim*>(page_.data()); }
  const agent_control& control() const { return *static_cast<const agent_control*>(control_.data()); }
  ExitInfo exit_info() const;

 private:
  Shim() = default;
  Status Load(const ShimOptions& options);
  Status SetUp(const ShimOptions& options);

  bpf_object* object_ = nullptr;
  bpf_link* link_ = nullptr;
  MappedMap page_, control_;
  ShimMaps maps_;
};

}  // namespace ose

#endif  // OSEVOLVE_LIVE_SHIM_H_
