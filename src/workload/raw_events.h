// RawEventDecoder: binary records of the kernel's ring buffer -> SchedEvent. Where each field
// lies comes from the running kernel's own format files (libtraceevent), once; after that a
// record costs a few loads.
#ifndef OSEVOLVE_WORKLOAD_RAW_EVENTS_H_
#define OSEVOLVE_WORKLOAD_RAW_EVENTS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "workload/sched_event.h"

namespace ose {

class RawEventDecoder {
 public:
  // Gets the text of events/<system>/<event>/format; empty if this kernel has no such event.
  using FormatReader = std::string (*)(const char* system, const char* event);

  // kExitNoTracing if an event that is needed is missing or lacks a field. `yields`: also
  // sched_yield calls, if this kernel traces system calls.
  static Result<RawEventDecoder> Make(FormatReader read_format, bool yields);

  // The events to enable, "system", "event".
  struct Name {
    const char *system, *event;
  };
  const std::vector<Name>& events() const { return names_; }
  bool has_yields() const { return has_yields_; }

  // False for a record of another event, or one that is too short. `e->comm` points into `data`.
  bool Decode(int cpu, int64_t time_ns, const char* data, size_t size, SchedEvent* e) const;

 private:
  struct Field {
    int offset = -1, size = 0;
  };
  struct Layout {
    int id = -1;
    size_t size = 0;  // of the fixed part
    SchedEvent::Kind kind{};
    // In the order of the fields that Make asks for.
    std::array<Field, 7> f;
  };

  static constexpr int kMaxId = 1 << 16;  // common_type has 16 bits
  std::vector<Layout> layouts_;
  std::vector<int16_t> by_id_;  // index into layouts_, -1 = none
  std::vector<Name> names_;
  Field type_, flags_, pid_;
  bool has_yields_ = false;
};

}  // namespace ose

#endif  // OSEVOLVE_WORKLOAD_RAW_EVENTS_H_
