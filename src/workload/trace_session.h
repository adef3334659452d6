// TraceSession: one recording with the kernel's tracer: an own tracefs instance, so that other
// users of the tracer are not disturbed; a thread that empties the per-CPU ring buffers into
// unlinked temporary files while the recording runs; and, afterwards, the events in time order.
// The instance is removed on destruction, whatever happened before.
#ifndef OSEVOLVE_WORKLOAD_TRACE_SESSION_H_
#define OSEVOLVE_WORKLOAD_TRACE_SESSION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "workload/sched_event.h"

namespace ose {

struct TraceSessionOptions {
  int64_t buffer_kb = 0;  // ring buffer of each CPU; 0 = 32 MB, less where memory is scarce
  bool yields = true;     // trace sched_yield, too
};

class TraceSession {
 public:
  // kExitNoTracing, with what is missing and the fix.
  static Result<std::unique_ptr<TraceSession>> Open(const TraceSessionOptions& options);
  virtual ~TraceSession() = default;

  // Threads to follow with all their descendants, in place of those followed before.
  virtual Status Follow(const std::vector<int>& pids) = 0;
  virtual Status Start() = 0;
  // Ends the recording. kExitIo if the temporary files could not be written.
  virtual Status Stop() = 0;

  // After Stop: all events by time (ties by CPU), with a kGap where events were lost.
  virtual Status ForEach(const SchedEventSink& sink) = 0;

  // False also when the kernel cannot trace it.
  virtual bool has_yields() const = 0;
  virtual int64_t lost_events() const = 0;  // after Stop
  virtual int64_t bytes() const = 0;        // read from the kernel
};

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_TRACE_SESSION_H_
