// A reader of Perfetto traces for tests. It shares no code with the writer, and knows only the fields
// that the writer uses.
#ifndef OSEVOLVE_REPORT_TRACE_TESTING_H_
#define OSEVOLVE_REPORT_TRACE_TESTING_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ose::testing_trace {

// The fields of one message, in order.
struct Field {
  int number = 0;
  uint64_t value = 0;      // varint or fixed64
  std::string_view bytes;  // length-delimited
};

inline std::vector<Field> Fields(std::string_view m) {
  std::vector<Field> out;
  size_t at = 0;
  auto varint = [&] {
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
      if (at >= m.size() || shift > 63) throw std::runtime_error("cut varint");
      const auto b = static_cast<unsigned char>(m[at++]);
      v |= static_cast<uint64_t>(b & 127) << shift;
      if (b < 128) return v;
    }
  };
  while (at < m.size()) {
    const uint64_t tag = varint();
    Field f{static_cast<int>(tag >> 3), 0, {}};
    const uint64_t type = tag & 7;
    if (type == 0) {
      f.value = varint();
    } else if (type == 1) {
      if (m.size() - at < 8) throw std::runtime_error("cut fixed64");
      for (unsigned i = 0; i < 8; ++i) f.value |= static_cast<uint64_t>(static_cast<unsigned char>(m[at++])) << (8 * i);
    } else if (type == 2) {
      const uint64_t size = varint();
      if (size > m.size() - at) throw std::runtime_error("cut bytes");
      f.bytes = m.substr(at, size);
      at += size;
    } else {
      throw std::runtime_error("wire type " + std::to_string(type));
    }
    out.push_back(f);
  }
  return out;
}

struct Track {
  std::string name, unit;
  uint64_t parent = 0;
};
struct Slice {
  uint64_t track = 0;
  int64_t begin = 0, end = -1;
  int depth = 0;
  std::string name;
  std::map<std::string, std::string> args;
};
struct Count {
  uint64_t track = 0;
  int64_t at = 0, value = 0;
};

struct Trace {
  std::map<uint64_t, Track> tracks;
  std::vector<Slice> slices;  // also instants, as slices of no length; in the order in which they begin
  std::vector<Count> counts;
  std::map<uint64_t, size_t> flow_out, flow_in;  // flow -> slice

  // "cpu 0" -> all slices on the track of that name.
  std::vector<Slice> On(const std::string& track) const {
    std::vector<Slice> out;
    for (const Slice& s : slices)
      if (tracks.at(s.track).name == track) out.push_back(s);
    return out;
  }
  std::vector<Count> Counts(const std::string& track) const {
    std::vector<Count> out;
    for (const Count& c : counts)
      if (tracks.at(c.track).name == track) out.push_back(c);
    return out;
  }
};

// Throws what is wrong: slices that do not nest, names or tracks that nobody described, time that goes
// back, arrows without an end.
inline Trace Read(std::string_view file) {
  Trace trace;
  std::map<int, std::map<uint64_t, std::string>> texts;  // by field of InternedData
  std::map<uint64_t, std::vector<size_t>> open;           // by track
  int64_t last = 0;
  auto text = [&](int table, uint64_t iid) {
    auto it = texts[table].find(iid);
    if (it == texts[table].end()) throw std::runtime_error("no text " + std::to_string(iid) + " in table " + std::to_string(table));
    return it->second;
  };
  auto need = [](bool ok, const std::string& what) {
    if (!ok) throw std::runtime_error(what);
  };
  bool first = true;
  for (const Field& packet : Fields(file)) {
    need(packet.number == 1, "not a packet");
    int64_t at = -1;
    uint64_t flags = 0, sequence = 0;
    std::string_view event, descriptor, interned;
    for (const Field& f : Fields(packet.bytes)) {
      if (f.number == 8) at = static_cast<int64_t>(f.value);
      else if (f.number == 10) sequence = f.value;
      else if (f.number == 11) event = f.bytes;
      else if (f.number == 12) interned = f.bytes;
      else if (f.number == 13) flags = f.value;
      else if (f.number == 60) descriptor = f.bytes;
      else need(false, "packet field " + std::to_string(f.number));
    }
    need(sequence == 1, "another sequence");
    need((flags == 1) == first, "state is cleared in the first packet and no other");
    first = false;
    for (const Field& f : Fields(interned)) {
      const std::vector<Field> entry = Fields(f.bytes);
      need(entry.size() == 2 && entry[0].number == 1 && entry[0].value != 0 && entry[1].number == 2, "interned entry");
      texts[f.number][entry[0].value] = entry[1].bytes;
    }
    if (!descriptor.empty()) {
      Track track;
      uint64_t uuid = 0;
      for (const Field& f : Fields(descriptor)) {
        if (f.number == 1) uuid = f.value;
        if (f.number == 2) track.name = f.bytes;
        if (f.number == 5) track.parent = f.value;
        if (f.number == 8) track.unit = Fields(f.bytes).at(0).bytes;
      }
      need(uuid != 0 && !track.name.empty(), "a track without uuid or name");
      need(track.parent == 0 || trace.tracks.contains(track.parent), "an unknown parent");
      need(trace.tracks.emplace(uuid, track).second, "two tracks with one uuid");
    }
    if (event.empty()) continue;
    need(flags == 2, "an event that does not ask for interned texts");
    need(at >= last, "time goes back");
    last = at;
    uint64_t type = 0, track = 0, name = 0, out = 0, in = 0;
    int64_t value = 0;
    std::map<std::string, std::string> args;
    for (const Field& f : Fields(event)) {
      if (f.number == 9) type = f.value;
      if (f.number == 10) name = f.value;
      if (f.number == 11) track = f.value;
      if (f.number == 30) value = static_cast<int64_t>(f.value);
      if (f.number == 47) out = f.value;
      if (f.number == 48) in = f.value;
      if (f.number == 4) {
        const std::vector<Field> note = Fields(f.bytes);
        need(note.size() == 2 && note[0].number == 1, "annotation");
        args[text(3, note[0].value)] = note[1].number == 17 ? text(29, note[1].value) : std::to_string(static_cast<int64_t>(note[1].value));
      }
    }
    need(trace.tracks.contains(track), "an event on an unknown track");
    std::vector<size_t>& stack = open[track];
    if (type == 4) {
      trace.counts.push_back({track, at, value});
    } else if (type == 2) {
      need(!stack.empty(), "an end without a begin on " + trace.tracks[track].name);
      Slice& s = trace.slices[stack.back()];
      s.end = at;
      s.args.insert(args.begin(), args.end());
      stack.pop_back();
    } else {
      need(type == 1 || type == 3, "event type " + std::to_string(type));
      const size_t index = trace.slices.size();
      trace.slices.push_back({track, at, type == 3 ? at : -1, static_cast<int>(stack.size()), text(2, name), args});
      if (type == 1) stack.push_back(index);
      if (out != 0) need(trace.flow_out.emplace(out, index).second, "two begins of an arrow");
      if (in != 0) need(trace.flow_in.emplace(in, index).second, "two ends of an arrow");
    }
  }
  for (auto& [track, stack] : open) need(stack.empty(), "a slice that never ends on " + trace.tracks[track].name);
  need(trace.flow_out.size() == trace.flow_in.size(), "arrows without an end");
  for (auto& [flow, from] : trace.flow_out) {
    auto to = trace.flow_in.find(flow);
    need(to != trace.flow_in.end(), "an arrow without an end");
    need(trace.slices[from].begin == trace.slices[to->second].begin, "an arrow through time");
  }
  return trace;
}

// What a CPU's track says that the CPU did: turns without the overhead in them, and all overhead by cause.
struct CpuTime {
  int64_t useful = 0;
  std::map<std::string, int64_t> overhead;
};
inline CpuTime TimeOf(const std::vector<Slice>& slices) {
  CpuTime time;
  auto is_overhead = [](const std::string& n) {
    return n == "policy" || n == "switch" || n == "migration" || n == "wake-up" || n == "interrupt";
  };
  for (const Slice& s : slices) {
    if (is_overhead(s.name)) time.overhead[s.name] += s.end - s.begin;
    if (!is_overhead(s.name)) time.useful += s.end - s.begin;
    if (is_overhead(s.name) && s.depth > 0) time.useful -= s.end - s.begin;
    if (s.depth > 1 || (s.depth == 1 && !is_overhead(s.name))) throw std::runtime_error("a turn within a slice: " + s.name);
  }
  return time;
}

}  // namespace ose::testing_trace

#endif  // OSEVOLVE_REPORT_TRACE_TESTING_H_
