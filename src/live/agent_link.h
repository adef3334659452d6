// RingLink: the agent's side of the shim's maps (bpf/agent_abi.h).
//
// Open() needs the rights to see other processes' maps (root); afterwards none are needed: all is mapped memory, and
// waiting is poll() on one descriptor. Nothing allocates after Open().
#ifndef OSEVOLVE_LIVE_AGENT_LINK_H_
#define OSEVOLVE_LIVE_AGENT_LINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "live/agent_host.h"
#include "live/bpf/agent_abi.h"

struct ring_buffer;
struct user_ring_buffer;

namespace ose {

// The kernel's ids of the shim's maps.
struct ShimMaps {
  uint32_t events = 0, decisions = 0, tasks = 0, used = 0, control = 0, shim = 0;

  std::string Text() const;  // "1,2,3,4,5,6"
  static Result<ShimMaps> Parse(const std::string& text);
};

// A map's memory, shared with the kernel.
class MappedMap {
 public:
  static Result<MappedMap> Open(int fd, bool writable);
  MappedMap() = default;
  MappedMap(MappedMap&& o) noexcept : data_(std::exchange(o.data_, nullptr)), bytes_(o.bytes_), entries_(o.entries_) {}
  MappedMap& operator=(MappedMap&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(bytes_, o.bytes_);
    std::swap(entries_, o.entries_);
    return *this;
  }
  ~MappedMap();
  void* data() const { return data_; }
  uint32_t entries() const { return entries_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
  uint32_t entries_ = 0;
};

class RingLink : public AgentLink {
 public:
  static Result<std::unique_ptr<RingLink>> Open(const ShimMaps& maps);
  ~RingLink() override;

  Nanos Now() override;
  bool Send(const agent_decision& decision) override;
  agent_task Look(int slot) override;
  uint64_t Used(int word) override { return static_cast<const volatile agent_used*>(used_map_.data())->bits[word]; }

  // The descriptor that poll() finds readable when there are events.
  int fd() const { return events_fd_.get(); }
  int slots() const { return static_cast<int>(tasks_map_.entries()); }
  agent_control& control() const { return *static_cast<agent_control*>(control_map_.data()); }
  const agent_shim& shim() const { return *static_cast<const agent_shim*>(shim_map_.data()); }

  // A predecessor that was killed in the middle of writing a decision left a gap that the kernel would wait for.
  Status CloseGaps();
  // Hands over up to `most` events, oldest first; returns how many.
  int Consume(int most, const std::function<void(const agent_event&)>& handle);
  bool HasEvents() const;
  // A sign of life; the shim's heartbeat.
  void Beat();
  // Tells CPUs to read what was decided, if this thread does not go to sleep now, which tells them too.
  void Ring();
  bool rings() const { return rings_; }  // something was decided since Ring() or Asleep()
  // Before and after poll().
  void FallAsleep();
  void WakeUp();

 private:
  RingLink() = default;
  static int OnSample(void* self, void* data, size_t bytes);

  Fd events_fd_, decisions_fd_;
  MappedMap tasks_map_, used_map_, control_map_, shim_map_;
  ring_buffer* ring_ = nullptr;
  user_ring_buffer* decisions_ = nullptr;
  const std::function<void(const agent_event&)>* handle_ = nullptr;
  bool rings_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_LIVE_AGENT_LINK_H_
