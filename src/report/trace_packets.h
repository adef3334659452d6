// TracePackets: collects tracks and what happens on them, and writes them as a Perfetto trace. The
// field numbers are those of protos/perfetto/trace/*.proto in github.com/google/perfetto.
#ifndef OSEVOLVE_REPORT_TRACE_PACKETS_H_
#define OSEVOLVE_REPORT_TRACE_PACKETS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "report/proto.h"

namespace ose {

class TracePackets {
 public:
  using Track = uint64_t;  // 0: none
  using Name = uint64_t;

  // Shown under its parent in the order in which they are added.
  Track AddTrack(const std::string& name, Track parent, const std::string& description = "");
  Track AddCounter(const std::string& name, Track parent, const std::string& unit);
  // Texts are kept once.
  Name NameOf(const std::string& text) { return Intern(names_, text); }

  // Notes shown with an event.
  class Args {
   public:
    Args& Add(TracePackets& packets, const char* key, int64_t value);
    Args& Add(TracePackets& packets, const char* key, const std::string& value);

   private:
    friend class TracePackets;
    ProtoMessage fields_;
  };

  // Events of equal time keep the order in which they are added; on one track slices must nest.
  // An arrow leads from the event with `flow_out` to the slice with the same `flow_in`; 0: none.
  void Begin(Track track, int64_t at_ns, Name name, const Args& args = {}, uint64_t flow_in = 0);
  void End(Track track, int64_t at_ns, const Args& args = {});
  void Instant(Track track, int64_t at_ns, Name name, uint64_t flow_out);
  void Count(Track track, int64_t at_ns, int64_t value);

  std::string Finish() const;

 private:
  using Texts = std::map<std::string, uint64_t, std::less<>>;
  struct Packet {
    int64_t at_ns;
    size_t offset, size;  // in bytes_
  };
  static uint64_t Intern(Texts& texts, std::string_view text);
  void AddEvent(int64_t at_ns, const ProtoMessage& event);
  Track Describe(ProtoMessage& track, const std::string& name, Track parent);

  Texts names_, keys_, values_;
  std::string tracks_;  // finished packets
  std::map<Track, int> children_;
  uint64_t last_track_ = 0;
  std::string bytes_;
  std::vector<Packet> packets_;
};

}  // namespace ose

#endif  // OSEVOLVE_REPORT_TRACE_PACKETS_H_
