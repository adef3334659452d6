#include "report/trace_packets.h"

#include <algorithm>

namespace ose {
namespace {

enum TraceField { kPacket = 1 };
enum PacketField { kTimestamp = 8, kSequenceId = 10, kTrackEvent = 11, kInternedData = 12, kSequenceFlags = 13, kTrackDescriptor = 60 };
enum SequenceFlag { kIncrementalStateCleared = 1, kNeedsIncrementalState = 2 };
enum InternedField { kEventNames = 2, kAnnotationNames = 3, kAnnotationStrings = 29 };
enum EntryField { kIid = 1, kEntryText = 2 };
enum DescriptorField { kUuid = 1, kTrackName = 2, kParentUuid = 5, kCounter = 8, kChildOrdering = 11, kRank = 12, kDescription = 14 };
enum ChildOrdering { kExplicit = 3 };
enum CounterField { kUnitName = 6 };
enum EventField {
  kAnnotations = 4,
  kType = 9,
  kNameIid = 10,
  kTrackUuid = 11,
  kCounterValue = 30,
  kFlowIds = 47,
  kTerminatingFlowIds = 48
};
enum EventType { kSliceBegin = 1, kSliceEnd = 2, kInstant = 3, kCounterType = 4 };
enum AnnotationField { kKeyIid = 1, kIntValue = 4, kStringIid = 17 };

constexpr uint64_t kSequence = 1;

}  // namespace

uint64_t TracePackets::Intern(Texts& texts, std::string_view text) {
  auto it = texts.find(text);
  if (it == texts.end()) it = texts.emplace(text, texts.size() + 1).first;
  return it->second;
}

TracePackets::Track TracePackets::Describe(ProtoMessage& track, const std::string& name, Track parent) {
  track.Int(kUuid, ++last_track_).Text(kTrackName, name).Int(kChildOrdering, kExplicit);
  if (parent != 0) track.Int(kParentUuid, parent).Int(kRank, static_cast<uint64_t>(children_[parent]++));
  ProtoMessage packet;
  packet.Int(kSequenceId, kSequence).Message(kTrackDescriptor, track);
  tracks_ += ProtoMessage().Message(kPacket, packet).bytes();
  return last_track_;
}

TracePackets::Track TracePackets::AddTrack(const std::string& name, Track parent, const std::string& description) {
  ProtoMessage track;
  if (!description.empty()) track.Text(kDescription, description);
  return Describe(track, name, parent);
}

TracePackets::Track TracePackets::AddCounter(const std::string& name, Track parent, const std::string& unit) {
  ProtoMessage track;
  track.Message(kCounter, ProtoMessage().Text(kUnitName, unit));
  return Describe(track, name, parent);
}

TracePackets::Args& TracePackets::Args::Add(TracePackets& packets, const char* key, int64_t value) {
  fields_.Message(kAnnotations, ProtoMessage().Int(kKeyIid, Intern(packets.keys_, key)).Int(kIntValue, static_cast<uint64_t>(value)));
  return *this;
}

TracePackets::Args& TracePackets::Args::Add(TracePackets& packets, const char* key, const std::string& value) {
  fields_.Message(kAnnotations, ProtoMessage().Int(kKeyIid, Intern(packets.keys_, key)).Int(kStringIid, Intern(packets.values_, value)));
  return *this;
}

void TracePackets::AddEvent(int64_t at_ns, const ProtoMessage& event) {
  ProtoMessage packet;
  packet.Int(kTimestamp, static_cast<uint64_t>(at_ns)).Int(kSequenceId, kSequence).Int(kSequenceFlags, kNeedsIncrementalState);
  packet.Message(kTrackEvent, event);
  const size_t offset = bytes_.size();
  bytes_ += ProtoMessage().Message(kPacket, packet).bytes();
  packets_.push_back({at_ns, offset, bytes_.size() - offset});
}

void TracePackets::Begin(Track track, int64_t at_ns, Name name, const Args& args, uint64_t flow_in) {
  ProtoMessage event = args.fields_;
  event.Int(kType, kSliceBegin).Int(kTrackUuid, track).Int(kNameIid, name);
  if (flow_in != 0) event.Fixed64(kTerminatingFlowIds, flow_in);
  AddEvent(at_ns, event);
}

void TracePackets::End(Track track, int64_t at_ns, const Args& args) {
  ProtoMessage event = args.fields_;
  event.Int(kType, kSliceEnd).Int(kTrackUuid, track);
  AddEvent(at_ns, event);
}

void TracePackets::Instant(Track track, int64_t at_ns, Name name, uint64_t flow_out) {
  ProtoMessage event;
  event.Int(kType, kInstant).Int(kTrackUuid, track).Int(kNameIid, name);
  if (flow_out != 0) event.Fixed64(kFlowIds, flow_out);
  AddEvent(at_ns, event);
}

void TracePackets::Count(Track track, int64_t at_ns, int64_t value) {
  AddEvent(at_ns, ProtoMessage().Int(kType, kCounterType).Int(kTrackUuid, track).Int(kCounterValue, static_cast<uint64_t>(value)));
}

std::string TracePackets::Finish() const {
  ProtoMessage interned;
  auto add = [&](int field, const Texts& texts) {
    for (const auto& [text, iid] : texts) interned.Message(field, ProtoMessage().Int(kIid, iid).Text(kEntryText, text));
  };
  add(kEventNames, names_);
  add(kAnnotationNames, keys_);
  add(kAnnotationStrings, values_);
  ProtoMessage first;
  first.Int(kSequenceId, kSequence).Int(kSequenceFlags, kIncrementalStateCleared).Message(kInternedData, interned);
  std::string out = ProtoMessage().Message(kPacket, first).bytes() + tracks_;
  out.reserve(out.size() + bytes_.size());
  std::vector<Packet> sorted = packets_;
  std::sort(sorted.begin(), sorted.end(),
            [](const Packet& a, const Packet& b) { return a.at_ns != b.at_ns ? a.at_ns < b.at_ns : a.offset < b.offset; });
  for (const Packet& p : sorted) out.append(bytes_, p.offset, p.size);
  return out;
}

}  // namespace ose
